"""Keeps who is in which audience, and sends who enters and leaves: docs/audiences.md."""
