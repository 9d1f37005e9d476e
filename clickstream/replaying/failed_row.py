"""The fields of a failed event that a replay needs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime

from clickstream.replaying.request import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A failed event; the fields are columns of the table. `seen` is a JSON document."""

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
    stream: str | None = None

    @property
    def place(self) -> Place:
        """The row's place in the order of replays: the time of receipt, then the id."""
        return self.received_at, self.failed_event_id


COLUMNS = tuple(field.name for field in fields(FailedRow))
