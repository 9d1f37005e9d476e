"""What may be stored about a visitor: consent, ids, and redaction of every text before it is stored."""
