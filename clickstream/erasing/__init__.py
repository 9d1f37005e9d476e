"""Erases one person's data from every copy, or exports it for that person."""
