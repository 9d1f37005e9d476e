"""Erasing: one person's data found and removed in every copy, or handed over to that person."""
