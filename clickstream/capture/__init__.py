"""Captured files and spilled blobs: names, Avro records, and the rows that records become."""
