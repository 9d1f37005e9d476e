"""The log lines that operators query: `NAME: {json}`.

docs/operating.md documents when each is written and its fields; alerts and the workbook query them by name. The gate
`tests/infra/gate.py` compares all three with this list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Incremented if a field changes its meaning or is removed, not if one is added.
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of line. Each carries `schema` besides its `fields`."""

    name: str
    fields: tuple[str, ...]

    @property
    def beginning(self) -> str:
        """The text before the JSON."""
        return f"{self.name}: "

    def text(self, values: Mapping[str, Any]) -> str:
        """The line with these values; datetimes become text. Raise KeyError if the value of a field is missing."""
        record = {"schema": SCHEMA, **{name: values[name] for name in self.fields}}
        return self.beginning + json.dumps(record, default=str)


COLLECTED = Line(
    "collected",
    (
        "seconds", "requests", "events", "failed", "spilled", "missed", "refused", "breaker_openings", "missing_salts",
        "sends", "send_ms_mean", "send_ms_slowest",
    ),
)  # fmt: skip
REFUSED = Line("refused", ("requests", "status", "code", "message"))
SPILLING = Line("spilling", ("events",))
BREAKER_OPEN = Line("breaker_open", ("openings", "hub", "reason"))
PREFLIGHTS = Line("preflights", ("requests", "site", "origin", "message"))
COMPACTED = Line(
    "compacted",
    (
        "files", "bytes", "captured", "spilled", "rows", "failed", "duplicates", "redelivered", "erased", "unsearched",
        "dates_beyond", "quarantined", "quarantined_records", "gaps", "seconds", "complete_until", "finished",
    ),
)  # fmt: skip
MAINTAINED = Line("maintained", ("tables", "capture_files", "capture_bytes", "finished"))
SALTS = Line("salts", ("destroyed",))

LINES = (COLLECTED, REFUSED, SPILLING, BREAKER_OPEN, PREFLIGHTS, COMPACTED, MAINTAINED, SALTS)
