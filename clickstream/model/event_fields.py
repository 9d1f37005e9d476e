"""The fields of events that exports may name: columns of the table `events`, and single properties."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from clickstream.model.schema import EVENT_COLUMNS

PROPERTY = "properties."
TYPES = {column.name: column.type for column in EVENT_COLUMNS}


def field_problems(fields: Sequence[str]) -> list[tuple[int, str]]:
    """Each field that no event has: its index, and what is wrong."""
    problems = []
    for index, name in enumerate(fields):
        if name not in TYPES and not (name.startswith(PROPERTY) and len(name) > len(PROPERTY)):
            near = difflib.get_close_matches(name, TYPES, 1)
            meant = f" (is {near[0]!r} meant?)" if near else ""
            problems.append((index, f"{name!r} is no column of events{meant}; a property is {PROPERTY}<name>"))
    return problems
