"""What may be stored of a visitor: consent, ids, and what is taken out of every text before it is kept."""
