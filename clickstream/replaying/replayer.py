"""The replay: sends events that pass now, and removes their failed events only once they are durable.

What a crash leaves behind, by the moment when it happens:

- before an event is durable: its row, unchanged.
- after that and before the row is removed: both. The next replay makes the same event with the same id and the same
  clocks; compaction drops the copy, and that replay removes the row.
- after the removal, which is one commit: nothing to repair.

Two concurrent replays are the same case: both may send an event, and one of them finds the row already removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from clickstream.collecting.event_processor import EventProcessor
from clickstream.collecting.sinks import Sink
from clickstream.replaying.failed_row import FailedRow
from clickstream.replaying.failed_rows import FailedRows
from clickstream.replaying.repairing import OUTCOMES, Repair, repair, repair_bodies
from clickstream.replaying.request import Place, ReplayRequest, write_place
from clickstream.sites.document import Site

# Small groups, because processing blocks the event loop and a send has a deadline.
EVENTS_AT_ONCE = 100
EXAMPLES_OF_EACH = 5
MAX_EXAMPLES = 20
THREADS = 2

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: numbers of failed events, and some of each outcome. `next` is the cursor; None at the end."""

    counts: Mapping[str, int]
    removed: int
    remaining: int
    next: str | None
    examples: Sequence[Repair]

    @property
    def examined(self) -> int:
        """The number of failed events that were processed again."""
        return sum(self.counts.values())

    def after(self, earlier: Replayed) -> Replayed:
        """The sum of an earlier replay and of this one, which went on from its cursor; examples up to MAX_EXAMPLES."""
        return replace(
            self,
            counts={outcome: earlier.counts[outcome] + count for outcome, count in self.counts.items()},
            removed=earlier.removed + self.removed,
            examples=[*earlier.examples, *self.examples][:MAX_EXAMPLES],
        )

    def to_json(self) -> Mapping[str, Any]:
        """The answer of `POST /api/replay`."""
        return {
            "examined": self.examined,
            **self.counts,
            "removed": self.removed,
            "remaining": self.remaining,
            "next": self.next,
            "examples": [_example(repair) for repair in self.examples],
        }


@dataclass(slots=True)
class _Tally:
    """The results so far: counts and examples by outcome, and the places of rows whose events are durable."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    examples: dict[str, list[Repair]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})
    durable: dict[Place, datetime] = field(default_factory=dict)
    removed: int = 0

    def note(self, repair: Repair) -> None:
        self.counts[repair.outcome] += 1
        if self.counts[repair.outcome] <= EXAMPLES_OF_EACH:
            self.examples[repair.outcome].append(repair)


class Replayer:
    """Replays failed events. Several replays may run at once."""

    def __init__(self, rows: FailedRows, processor: EventProcessor, events: Sink) -> None:
        self._rows = rows
        self._processor = processor
        self._events = events
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="replay")

    async def replay(self, request: ReplayRequest, site: Site) -> Replayed:
        """Replay the requested failed events.

        Raise Unavailable if storage fails or events cannot be made durable. Rows whose events were durable before that
        are still removed.
        """
        chosen = await self._in_thread(partial(self._rows.choose, request))
        tally = _Tally()
        try:
            await self._repair_all(self._rows.read(site.site, chosen.places), site, tally, request.dry_run)
        finally:
            tally.removed = await self._in_thread(partial(self._rows.remove, tally.durable))
        return Replayed(
            tally.counts,
            tally.removed,
            remaining=await self._in_thread(partial(self._rows.count, request)),
            next=write_place(chosen.places[-1]) if chosen.more else None,
            examples=[repair for outcome in reversed(OUTCOMES) for repair in tally.examples[outcome]],
        )

    async def _repair_all(
        self, slices: Iterator[Sequence[FailedRow]], site: Site, tally: _Tally, dry_run: bool
    ) -> None:
        while (rows := await self._in_thread(partial(next, slices, None))) is not None:
            for start in range(0, len(rows), EVENTS_AT_ONCE):
                repairs = await self._repair(rows[start : start + EVENTS_AT_ONCE], site)
                if not dry_run:
                    await self._events.send([repair.message for repair in repairs if repair.message is not None])
                    tally.durable |= {
                        repair.row.place: repair.received_at for repair in repairs if repair.received_at is not None
                    }
                for result in repairs:
                    tally.note(result)

    async def _repair(self, rows: Sequence[FailedRow], site: Site) -> Sequence[Repair]:
        bodies = [row for row in rows if row.stage == "compact"]
        repairs = list(await self._in_thread(partial(repair_bodies, bodies, site))) if bodies else []
        return repairs + [repair(row, site, self._processor) for row in rows if row.stage != "compact"]

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _example(repair: Repair) -> dict[str, Any]:
    example = {
        "failed_event_id": repair.row.failed_event_id,
        "outcome": repair.outcome,
        "event_id": repair.event_id,
        "code": repair.code,
        "pointer": repair.pointer,
        "message": repair.reason,
    }
    return {name: value for name, value in example.items() if value is not None}
