"""Whether work on a text takes linear time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

# Texts of each pattern, and their lengths: each is four times the one before.
TEXTS, LENGTHS = 60, (64, 256, 1_024, 4_096)
LONG = 4 * LENGTHS[-1]
# What is quicker is not measured against the shorter text: the clock is too coarse, and the machine has other work.
NOTICEABLE_SECONDS = 0.004
LONGEST_SECONDS = 3.0


@contextmanager
def stopped_after(seconds: float, what: str) -> Iterator[None]:
    """`re` looks for signals while it works, so one that would take hours is stopped."""

    def stop(*_: object) -> None:
        raise AssertionError(f"{what} is still at it after {seconds} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)  # of the processor: the machine has other work
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def seconds_for(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        # Of the thread: a timer makes the process' own clock as coarse as its ticks.
        started = time.thread_time()
        work()
        taken.append(time.thread_time() - started)
    return min(taken)


def check(what: str, work: Callable[[str], object], text_of: Callable[[int], str], longest: int) -> None:
    """Fail where four times as long a text takes more than ten times as long."""
    lengths = [length for length in (*LENGTHS, LONG) if length <= longest]
    for shorter, length in pairwise(lengths):
        short, long = text_of(shorter), text_of(length)
        with stopped_after(LONGEST_SECONDS, f"{what} of {long[:80]!r}"):
            if seconds_for(lambda text=long: work(text), 1) < NOTICEABLE_SECONDS:  # type: ignore[misc]
                continue
            # The shortest of several: a look may have been interrupted.
            before = seconds_for(lambda text=short: work(text), 5)  # type: ignore[misc]
            after = seconds_for(lambda text=long: work(text), 5)  # type: ignore[misc]
        assert after < NOTICEABLE_SECONDS or after < 10 * before, (
            f"{what}: {length} characters of {long[:80]!r} take {after:.4f} s, {shorter} take {before:.4f} s"
        )
