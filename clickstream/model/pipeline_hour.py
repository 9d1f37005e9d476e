"""Hourly counts of the pipeline: the results of the events received in one hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

# The `hub_partition` of counts by collectors, which are made before the events are in any partition.
ANSWERED_PARTITION = "collect"


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
        "The hub's partition that carried them; `spill` for spilled events; `collect` for answers.",
        "hub",
        "3",
    )
    hour: datetime = _column(
        "The UTC hour in which they were received; enqueued, for bodies that do not state it.",
        "received_at",
        "2026-03-01 12:00:00",
    )
    request_accepted: int = _column(
        "Events that the collectors answered as accepted, by their own count.", "collect", "1042", default=0
    )
    request_failed: int = _column(
        "Events that the collectors answered as failed, by their own count.", "collect", "3", default=0
    )
    unanswered: int | None = _column(
        "Events that became durable though their request was refused; null in older rows, as the next.",
        "collect",
        "0",
        default=0,
    )
    unresolved: int | None = _column(
        "Events of refused requests that may have become durable or not: hub and spill gave no answer.",
        "collect",
        "0",
        default=0,
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
    missing: int = _column("Sequence numbers of the hub that no captured file has.", "compact", "0", default=0)
    renumbered: int | None = _column(
        "How often the hub's sequence numbers began anew; null in older rows.", "compact", "0", default=0
    )
    quarantined_files: int = _column("Files that cannot be read and were put aside.", "compact", "0", default=0)
    quarantined_records: int = _column(
        "Messages of readable files that cannot be compacted and were put aside.", "compact", "0", default=0
    )


COUNTS = tuple(
    name for name in PipelineHour.__dataclass_fields__ if name not in ("site", "hub", "hub_partition", "hour")
)


def floored(moment: datetime) -> datetime:
    """The moment rounded down to a whole hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hours_to_json(hours: Iterable[PipelineHour]) -> Mapping[str, Any]:
    """The hours as a JSON document, without counts that are 0 or null."""
    rows = ({name: value for name, value in asdict(hour).items() if value} for hour in hours)
    return {"hours": [{**row, "hour": row["hour"].isoformat()} for row in rows]}


def hours_from_json(document: Mapping[str, Any]) -> Sequence[PipelineHour]:
    """The hours of a document of `hours_to_json`. Raise ValueError, TypeError or KeyError for any other."""
    rows = document.get("hours", ())
    return [PipelineHour(**{**row, "hour": datetime.fromisoformat(row["hour"])}) for row in rows]
