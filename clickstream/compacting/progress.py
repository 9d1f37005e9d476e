"""Computes up to which moment the tables are complete, from the hubs' sequence numbers instead of the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from clickstream.capture.names import Watermark
from clickstream.model.hub_state import HubState


@dataclass(frozen=True, slots=True)
class Compacted:
    """How far one partition is compacted, and when the last compacted event was enqueued."""

    watermark: Watermark
    enqueued_at: datetime | None


def partition_complete_until(
    asked_at: datetime, created_at: datetime, last_sequence_number: int, compacted: Compacted
) -> datetime:
    """The moment up to which every event enqueued in a partition is in the table.

    `last_sequence_number` is the hub's at `asked_at`, before the run listed files; -1 if the partition is empty.
    `created_at` is when the hub was created. `compacted` is the state after the run.
    """
    if last_sequence_number < 0:
        return asked_at
    file_started_at = compacted.watermark.file_started_at
    # A file from before the hub was created is of an earlier hub with the same name and other numbers.
    if file_started_at is None or file_started_at < created_at.replace(microsecond=0):
        return created_at
    if compacted.watermark.sequence_number >= last_sequence_number:
        return asked_at
    return compacted.enqueued_at or created_at


def complete_until(
    asked_at: datetime,
    delivery: timedelta,
    states: Mapping[str, HubState],
    compacted: Mapping[tuple[str, str], Compacted],
    before: datetime | None,
) -> datetime:
    """The moment up to which every received event is in the tables. Never earlier than `before`.

    `delivery` is the longest time from an event's receipt until it is in the hub. `states` are by hub, `compacted` by
    hub and partition.
    """
    nothing = Compacted(Watermark(), None)
    moments = [
        partition_complete_until(asked_at, state.created_at, last, compacted.get((hub, partition), nothing))
        for hub, state in states.items()
        for partition, last in state.last_sequence_numbers.items()
    ]
    now = min(moments, default=asked_at) - delivery
    return now if before is None else max(now, before)
