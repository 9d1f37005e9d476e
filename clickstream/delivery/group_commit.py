"""Group commit: what concurrent requests want to send goes out together, and each waits for its own part alone.

See docs/decisions/0005-natural-batching.md.
"""

from __future__ import annotations

import asyncio
import random
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

    With `retry` the same items are tried again after a pause; without, all that wait are given up at once.
    """

    def __init__(self, *, retry: bool) -> None:
        super().__init__()
        self.retry = retry


Transmit = Callable[[int, Sequence[Item]], Awaitable[int]]


class GroupCommit(Generic[Item]):
    """Lanes of items. A lane keeps its order, for it never has two transmissions at once.

    `transmit(lane, items)` returns how many of the items, counted from the first, are durable now: at least one. It
    raises NotTaken when none is. It must end in time by itself. At most `at_once` transmissions run together.
    """

    def __init__(self, transmit: Transmit[Item], *, at_once: int = 1) -> None:
        self._transmit = transmit
        self._free = asyncio.Semaphore(at_once)
        self._lanes: dict[int, _Lane[Item]] = {}

    async def commit(self, lanes: Mapping[int, Sequence[Item]], seconds: float) -> Sequence[Item]:
        """Return once every item is durable, or is given up after at most `seconds`. Returns those given up.

        One that was given up may become durable all the same, when it was on its way.
        """
        ticket: _Ticket[Item] = _Ticket(lanes)
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
        finally:  # cancelled or not, what still waits is not sent any more
            deadline.cancel()
            ticket.settle()
        return ticket.left()

    async def close(self) -> None:
        """End every transmission; what waits is given up."""
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
                    entries = lane.take()
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
                    for entry in islice(entries, taken):
                        entry.ticket.note_durable(entry)
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
    """How long to wait after so many failures in a row: doubling, with jitter, that processes do not fall in step."""
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

    __slots__ = ("_open", "lanes", "settled")

    def __init__(self, lanes: Mapping[int, Sequence[Item]]) -> None:
        self.lanes = {number: [_Entry(item, self) for item in items] for number, items in lanes.items()}
        self._open = sum(len(entries) for entries in self.lanes.values())
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._open:
            self.settle()

    def note_durable(self, entry: _Entry[Item]) -> None:
        entry.durable = True
        self._open -= 1
        if not self._open:
            self.settle()

    def settle(self) -> None:
        """Let the caller go on."""
        if not self.settled.done():
            self.settled.set_result(None)

    def left(self) -> Sequence[Item]:
        return [entry.item for entries in self.lanes.values() for entry in entries if not entry.durable]


class _Lane(Generic[Item]):
    __slots__ = ("flushing", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Entry[Item]] = deque()
        self.flushing: asyncio.Task[None] | None = None

    def take(self) -> Sequence[_Entry[Item]]:
        """The first that wait, but for those whose caller has gone on."""
        found: list[_Entry[Item]] = []
        while self.waiting and len(found) < MAX_ITEMS_AT_ONCE:
            entry = self.waiting.popleft()
            if not entry.ticket.settled.done():
                found.append(entry)
        return found

    def put_back(self, entries: Sequence[_Entry[Item]]) -> None:
        self.waiting.extendleft(reversed(entries))
