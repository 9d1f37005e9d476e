"""Columns that follow from an event's own text: agent, source, place. Made at compaction; again when lists change."""
