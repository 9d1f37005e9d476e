"""Enrichment: columns derived from an event's own values (agent, source, place), at compaction and again on demand."""
