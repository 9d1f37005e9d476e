"""Maintenance: deletes expired rows and files, merges files, checkpoints and vacuums, on a timer of its own."""
