"""Canned reports: each defined once, and answered by the same engine as every other question."""
