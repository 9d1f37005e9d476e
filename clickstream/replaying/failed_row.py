"""A failed event as a replay looks at it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime

from clickstream.replaying.request import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """What a replay needs of a failed event; fields are columns of the table. `seen` is a JSON document."""

    failed_event_id: str
    received_at: datetime
    failed_date: date
    stage: str
    failure_class: str
    pointer: str
    message: str
    dialect: str | None
    key_kind: str | None
    seen: str | None
    payload: bytes
    payload_truncated: bool

    @property
    def place(self) -> Place:
        """Its place in the order of replays."""
        return self.received_at, self.failed_event_id


COLUMNS = tuple(field.name for field in fields(FailedRow))
