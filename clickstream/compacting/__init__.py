"""Compaction: turns captured files and spilled blobs into rows of the tables, each event once."""
