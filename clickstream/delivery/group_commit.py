"""Group commit: sends items of concurrent requests together. Each request waits for its own items only.

See docs/decisions/0005-natural-batching.md.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")

MAX_ITEMS_AT_ONCE = 2_000
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.4


class NotTaken(Exception):
    """A transmission failed, and none of its items is known to be durable.

    With `retry` the same items are sent again after a pause. Without, all waiting items are given up at once.
    """

    def __init__(self, *, retry: bool) -> None:
        super().__init__()
        self.retry = retry


Transmit = Callable[[int, Sequence[Item]], Awaitable[int]]


class GroupCommit(Generic[Item]):
    """Lanes of items. A lane keeps its order, because it never has two transmissions at once.

    `transmit(lane, items)` returns how many of the items, counted from the first, are durable now: at least one. It
    raises NotTaken if none is. It must have a deadline of its own. At most `at_once` transmissions run together.
    `clock` is the time of day in seconds. It decides about deadlines even if the event loop's timers are late: after
    the loop was blocked, overdue items are not sent, and a late transmission does not count as in time.
    """

    def __init__(self, transmit: Transmit[Item], *, clock: Callable[[], float] = time.time, at_once: int = 1) -> None:
        self._transmit = transmit
        self._clock = clock
        self._free = asyncio.Semaphore(at_once)
        self._lanes: dict[int, _Lane[Item]] = {}

    async def commit(self, lanes: Mapping[int, Sequence[Item]], seconds: float) -> Sequence[Item]:
        """Return once every item is durable, or is given up after at most `seconds`. Returns the items given up.

        An item that is given up during its transmission may become durable nevertheless.
        """
        ticket: _Ticket[Item] = _Ticket(lanes, self._clock() + seconds)
        for number, entries in ticket.lanes.items():
            lane = self._lanes.get(number)
            if lane is None:
                lane = self._lanes[number] = _Lane()
            lane.waiting.extend(entries)
            if lane.flushing is None:
                lane.flushing = asyncio.create_task(self._flush(number, lane))
        deadline = asyncio.get_running_loop().call_later(seconds, ticket.settle)
        try:
            await ticket.settled
        finally:  # also if cancelled, so that items that still wait are not sent
            deadline.cancel()
            ticket.settle()
        return ticket.left()

    async def close(self) -> None:
        """Cancel every transmission, and give up waiting items."""
        flushing = [lane.flushing for lane in self._lanes.values() if lane.flushing is not None]
        for task in flushing:
            task.cancel()
        await asyncio.gather(*flushing, return_exceptions=True)
        self._give_up()

    async def _flush(self, number: int, lane: _Lane[Item]) -> None:
        failures = 0
        try:
            while lane.waiting:
                async with self._free:
                    entries = lane.take(self._clock())
                    try:
                        taken = await self._transmit(number, [entry.item for entry in entries]) if entries else 0
                    except NotTaken as failure:
                        if not failure.retry:
                            lane.put_back(entries)
                            self._give_up()
                            return
                        failures += 1
                        taken = 0
                    else:
                        failures = 0
                    now = self._clock()
                    for entry in islice(entries, taken):
                        entry.ticket.note_durable(entry, now)
                    lane.put_back(entries[taken:])
                if failures:
                    await asyncio.sleep(pause_seconds(failures))
        finally:
            lane.flushing = None

    def _give_up(self) -> None:
        for lane in self._lanes.values():
            while lane.waiting:
                lane.waiting.popleft().ticket.settle()


def pause_seconds(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, with jitter so that processes do not synchronise."""
    longest: float = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)


class _Entry(Generic[Item]):
    __slots__ = ("durable", "item", "ticket")

    def __init__(self, item: Item, ticket: _Ticket[Item]) -> None:
        self.item = item
        self.ticket = ticket
        self.durable = False


class _Ticket(Generic[Item]):
    """One caller's items, and whether it still waits for them."""

    __slots__ = ("_open", "_until", "lanes", "settled")

    def __init__(self, lanes: Mapping[int, Sequence[Item]], until: float) -> None:
        self._until = until
        self.lanes = {number: [_Entry(item, self) for item in items] for number, items in lanes.items()}
        self._open = sum(len(entries) for entries in self.lanes.values())
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._open:
            self.settle()

    def waits(self, now: float) -> bool:
        """Whether its caller still waits and the deadline is not over."""
        return now <= self._until and not self.settled.done()

    def note_durable(self, entry: _Entry[Item], now: float) -> None:
        if now > self._until:
            return
        entry.durable = True
        self._open -= 1
        if not self._open:
            self.settle()

    def settle(self) -> None:
        """Wake the caller."""
        if not self.settled.done():
            self.settled.set_result(None)

    def left(self) -> Sequence[Item]:
        return [entry.item for entries in self.lanes.values() for entry in entries if not entry.durable]


class _Lane(Generic[Item]):
    __slots__ = ("flushing", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Entry[Item]] = deque()
        self.flushing: asyncio.Task[None] | None = None

    def take(self, now: float) -> Sequence[_Entry[Item]]:
        """The first waiting entries, except those whose caller has given up."""
        entries: list[_Entry[Item]] = []
        while self.waiting and len(entries) < MAX_ITEMS_AT_ONCE:
            entry = self.waiting.popleft()
            if entry.ticket.waits(now):
                entries.append(entry)
        return entries

    def put_back(self, entries: Sequence[_Entry[Item]]) -> None:
        self.waiting.extendleft(reversed(entries))
