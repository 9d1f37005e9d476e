"""Up to which moment the table is complete: known from the hub, not guessed from the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from clickstream.compacting.files import Watermark


@dataclass(frozen=True, slots=True)
class HubState:
    """A hub at one moment: when it was made, and the last sequence number of each partition (-1 for none)."""

    created_at: datetime
    last_sequence_numbers: Mapping[str, int]


class HubStates(Protocol):
    """Asks the hubs themselves."""

    def ask(self, hub: str) -> HubState:
        """The hub's state now. Raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """How far one partition is compacted, and when the last compacted event was enqueued."""

    watermark: Watermark
    enqueued_at: datetime | None


def partition_complete_until(
    asked_at: datetime, created_at: datetime, last_sequence_number: int, compacted: Compacted
) -> datetime:
    """The moment up to which everything that was enqueued in a partition stands in the table.

    `last_sequence_number` was asked at `asked_at`, before the run listed files; `compacted` is from after the run.
    """
    if last_sequence_number < 0:
        return asked_at
    file_started_at = compacted.watermark.file_started_at
    # A file from before the hub was made belongs to one of the same name before it, whose numbers say nothing here.
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
    """The moment up to which every event that was received stands in the table; it never moves back.

    `delivery` is how long an event may be on its way from its receipt into the hub. `compacted` is by hub and
    partition.
    """
    nothing = Compacted(Watermark(), None)
    moments = [
        partition_complete_until(asked_at, state.created_at, last, compacted.get((hub, partition), nothing))
        for hub, state in states.items()
        for partition, last in state.last_sequence_numbers.items()
    ]
    now = min(moments, default=asked_at) - delivery
    return now if before is None else max(now, before)
