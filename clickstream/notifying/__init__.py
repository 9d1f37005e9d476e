"""What sites write to people: summaries by mail."""
