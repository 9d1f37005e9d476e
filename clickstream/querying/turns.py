"""Fair scheduling of queries, so that no site and no key takes the share of another.

Everything runs on one event loop: nothing here waits in a thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from clickstream.errors import TooManyRequests, Unavailable

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Asker:
    """The site and key of a query. Sites share the capacity, and the keys of a site share what the site has."""

    site: str
    key: bytes

    @property
    def shares(self) -> tuple[object, object]:
        """The counters that a turn counts in: that of the site and that of the key."""
        return self.site, self.key


@dataclass(frozen=True, slots=True)
class Limits:
    """How many queries run at once in total and for one site; how many more of a site may wait, and for how many
    seconds.

    One key may run as many as its site, and half as many may wait.
    """

    at_once: int
    per_site: int
    waiting_per_site: int
    seconds: float


@dataclass(slots=True)
class _Waiter:
    asker: Asker
    called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """Gives turns to waiting queries: first to the site whose last turn is the oldest, within it to the key whose last
    turn is the oldest.

    So a waiting site is next when a turn ends, however many queries of other sites wait before it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._running: Counter[object] = Counter()
        self._total = 0
        self._waiting: list[_Waiter] = []
        self._last: dict[object, int] = {}  # the number of the last turn of each site and key
        self._number = 0

    async def take(self, asker: Asker) -> Turn:
        """Wait for a turn. The caller must end it.

        Raise TooManyRequests if too many of the site or the key wait already, Unavailable if the wait takes too long.
        """
        # No waiting query can run now: those that could were called when the last turn ended.
        if not self._may_run(asker):
            self._check_room(asker)
            await self._called(_Waiter(asker))
        else:
            self._count(asker, 1)
        return Turn(self, asker)

    async def _called(self, waiter: _Waiter) -> None:
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._limits.seconds):
                await waiter.called
        except BaseException as error:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:  # it was called at the last moment
                self._end(waiter.asker)
            if isinstance(error, TimeoutError):
                raise Unavailable("too many queries are running") from None
            raise

    def _check_room(self, asker: Asker) -> None:
        limit = self._limits.waiting_per_site
        for share, most in zip(asker.shares, (limit, max(1, limit // 2)), strict=True):
            if sum(share in waiter.asker.shares for waiter in self._waiting) >= most:
                whose = "of this site" if share == asker.site else "with this key"
                raise TooManyRequests(
                    f"{most} queries {whose} wait for their turn already", retry_after_seconds=RETRY_AFTER_SECONDS
                )

    def _may_run(self, asker: Asker) -> bool:
        fits = all(self._running[share] < self._limits.per_site for share in asker.shares)
        return fits and self._total < self._limits.at_once

    def _count(self, asker: Asker, by: int) -> None:
        self._total += by
        for share in asker.shares:
            self._running[share] += by
            if not self._running[share]:
                del self._running[share]
        if by > 0:
            self._number += 1
            self._last |= dict.fromkeys(asker.shares, self._number)

    def _call(self) -> None:
        """Give turns to as many waiting queries as can run."""
        while able := [w for w in self._waiting if not w.called.done() and self._may_run(w.asker)]:
            first = min(able, key=self._order)
            self._waiting.remove(first)
            self._count(first.asker, 1)
            first.called.set_result(None)
        if not self._waiting and not self._total:
            self._last.clear()  # otherwise it would grow with every key

    def _order(self, waiter: _Waiter) -> tuple[int, ...]:
        return tuple(self._last.get(share, 0) for share in waiter.asker.shares)

    def _end(self, asker: Asker) -> None:
        self._count(asker, -1)
        self._call()


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn in progress; `end` must be called once."""

    _turns: Turns
    _asker: Asker

    def end(self) -> None:
        """End the turn and let the next query run."""
        self._turns._end(self._asker)
