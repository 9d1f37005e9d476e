"""Searches the records that make a file fail, by bisection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence

from clickstream.errors import Conflict, Unavailable

MIN_TRIES, MAX_TRIES = 64, 1_000


def failing_records(
    count: int, check: Callable[[Collection[int]], None], has_time: Callable[[], bool]
) -> frozenset[int]:
    """The places (from 0) of the records that make a file of `count` records fail.

    `check` gets places to leave out, and raises if the file fails without the records there. Raise what `check` raises
    without any record, because then the records are not the cause; Conflict, Unavailable.
    """
    everything = range(count)

    def fails(places: Sequence[int]) -> bool:
        try:
            check(frozenset(everything).difference(places))
        except (Conflict, Unavailable):
            raise
        except Exception:
            return True
        return False

    check(everything)
    return failing(count, fails, has_time) if fails(everything) else frozenset()


def failing(count: int, fails: Callable[[Sequence[int]], bool], has_time: Callable[[], bool]) -> frozenset[int]:
    """The places (from 0) of the records that make `count` records fail.

    `fails` tries only the records at the given places. Large parts are tried first. After MAX_TRIES, or after MIN_TRIES
    if there is no time left, every record of the parts that still fail counts as failing.
    """
    bad: set[int] = set()
    groups: deque[Sequence[int]] = deque([range(count)])
    tries = 0
    while groups:
        group = groups.popleft()
        if len(group) == 1 or tries >= MAX_TRIES or (tries >= MIN_TRIES and not has_time()):
            bad.update(group)
            continue
        middle = len(group) // 2
        halves = [half for half in (group[:middle], group[middle:]) if fails(half)]
        tries += 2
        if not halves:  # they fail only together
            bad.update(group)
        groups += halves
    return frozenset(bad)
