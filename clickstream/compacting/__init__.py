"""Compaction: captured files become rows of the open table, each event once."""
