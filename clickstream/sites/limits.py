"""Limits of the size of a site's document, so that parsing one never blocks a process for long."""

from __future__ import annotations

from pydantic import Field

MAX_NODES = 50_000
MAX_DEPTH = 32
MAX_SCALAR_CHARACTERS = 8_192
MAX_ENTRIES = 1_000
MAX_PATTERNS = 200
MAX_PATTERN_BYTES = 300_000
MAX_NAMES_SHOWN = 20

Few = Field(max_length=MAX_ENTRIES)
