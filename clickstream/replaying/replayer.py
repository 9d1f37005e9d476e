"""The replay: send what passes now, and only when that is durable remove it from the failed events.

What a crash leaves behind, by the moment it comes:

- before an event is durable: its row, as it was.
- after that and before the row is removed: both. The next replay makes the same event with the same id and the same
  clocks; compaction drops the copy, and the row is removed then.
- after the removal, which is one commit: nothing to do.

Two replays at once are the same case: both may send an event, one of them finds the row removed already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from clickstream.collecting.collector import Sink
from clickstream.collecting.judging import Judge
from clickstream.replaying.failed_row import FailedRow
from clickstream.replaying.failed_rows import FailedRows
from clickstream.replaying.repairing import OUTCOMES, Repair, repair, repair_bodies
from clickstream.replaying.request import Place, ReplayRequest, write_place
from clickstream.sites.document import Site

# Judging holds the loop, and a send has a deadline: both want small groups.
EVENTS_AT_ONCE = 100
EXAMPLES_OF_EACH = 5


@dataclass(slots=True)
class _Tally:
    """What was done so far."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    examples: dict[str, list[Repair]] = field(default_factory=lambda: {outcome: [] for outcome in OUTCOMES})
    durable: list[Place] = field(default_factory=list)
    removed: int = 0

    def note(self, repair: Repair) -> None:
        self.counts[repair.outcome] += 1
        if self.counts[repair.outcome] <= EXAMPLES_OF_EACH:
            self.examples[repair.outcome].append(repair)


class Replayer:
    """Replays failed events. Several replays may run at once."""

    def __init__(self, rows: FailedRows, judge: Judge, events: Sink) -> None:
        self._rows = rows
        self._judge = judge
        self._events = events

    async def replay(self, request: ReplayRequest, site: Site) -> dict[str, Any]:
        """Replay what the request asks for; the document that `POST /api/replay` answers with.

        Raise Unavailable when storage fails or events cannot be made durable. Those that were durable until then are
        removed all the same.
        """
        chosen = await asyncio.to_thread(self._rows.choose, request)
        tally = _Tally()
        try:
            await self._repair_all(self._rows.read(site.site, chosen.places), site, tally, request.dry_run)
        finally:
            tally.removed = await asyncio.to_thread(self._rows.remove, tally.durable)
        return {
            "examined": sum(tally.counts.values()),
            **tally.counts,
            "removed": tally.removed,
            "remaining": await asyncio.to_thread(self._rows.count, request),
            "next": write_place(chosen.places[-1]) if chosen.more else None,
            "examples": [_told(repair) for outcome in reversed(OUTCOMES) for repair in tally.examples[outcome]],
        }

    async def _repair_all(
        self, slices: Iterator[Sequence[FailedRow]], site: Site, tally: _Tally, dry_run: bool
    ) -> None:
        while (rows := await asyncio.to_thread(next, slices, None)) is not None:
            for start in range(0, len(rows), EVENTS_AT_ONCE):
                repairs = await self._repair(rows[start : start + EVENTS_AT_ONCE], site)
                if not dry_run:
                    repaired = [repair for repair in repairs if repair.message is not None]
                    await self._events.send([repair.message for repair in repaired if repair.message is not None])
                    tally.durable += [repair.row.place for repair in repaired]
                for each in repairs:
                    tally.note(each)

    async def _repair(self, rows: Sequence[FailedRow], site: Site) -> Sequence[Repair]:
        bodies = [row for row in rows if row.stage == "compact"]
        repairs = list(await asyncio.to_thread(repair_bodies, bodies, site)) if bodies else []
        return repairs + [repair(row, site, self._judge) for row in rows if row.stage != "compact"]


def _told(repair: Repair) -> dict[str, Any]:
    told = {
        "failed_event_id": repair.row.failed_event_id,
        "outcome": repair.outcome,
        "event_id": repair.event_id,
        "code": repair.code,
        "pointer": repair.pointer,
        "message": repair.reason,
    }
    return {name: value for name, value in told.items() if value is not None}
