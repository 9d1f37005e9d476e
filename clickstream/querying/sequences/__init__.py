"""Statements about the order of events: funnels, paths, retention, attribution. docs/sequences.md defines them."""
