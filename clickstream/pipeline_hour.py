"""One hour of the pipeline's book-keeping: what became of the events that were received in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


def _column(doc: str, source: str, example: str, **kwargs: Any) -> Any:
    return field(metadata={"doc": doc, "source": source, "example": example}, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineHour:
    """Counts of one site, hub, partition and hour. Several rows of one hour add up."""

    site: str | None = _column(
        "The site; unknown for bodies that are no event, and for files.", "site", "shop", default=None
    )
    hub: str = _column("The hub that was meant to carry the events.", "compact", "events")
    hub_partition: str = _column(
        "The hub's partition that carried them; `spill` for those that it did not take.", "hub", "3"
    )
    hour: datetime = _column(
        "The UTC hour in which they were received; enqueued, for bodies that do not tell.",
        "received_at",
        "2026-03-01 12:00:00",
    )
    request_accepted: int = _column(
        "Events that requests were told are accepted, by the requests' own word.", "request_accepted", "1042", default=0
    )
    request_failed: int = _column(
        "Events that requests were told have failed, by the requests' own word.", "request_failed", "3", default=0
    )
    captured: int = _column("Messages read from captured and spilled files.", "compact", "1045", default=0)
    redelivered: int = _column(
        "Of these, messages that were read before: delivery is at least once.", "compact", "0", default=0
    )
    compacted: int = _column("Rows added to `events`.", "compact", "1040", default=0)
    failed: int = _column("Rows added to `failed_events`.", "compact", "0", default=0)
    duplicates: int = _column(
        "Messages whose event is in its table already, redelivered ones among them.", "compact", "5", default=0
    )
    erased: int = _column("Messages dropped because their person was erased.", "compact", "0", default=0)
    missing: int = _column("Numbers of the hub that no captured file holds.", "compact", "0", default=0)
    quarantined_files: int = _column("Files that cannot be read and were put aside.", "compact", "0", default=0)


COUNTS = tuple(
    name for name in PipelineHour.__dataclass_fields__ if name not in ("site", "hub", "hub_partition", "hour")
)
