"""A circuit breaker: spares a peer that fails, and tries it again in growing intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]

FAILURES_TO_OPEN = 4
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A probe that never tells its outcome, because its request was cancelled, does not keep the others out for ever.
PROBE_SECONDS = 5.0


class Breaker:
    """Closed, it lets everything through; open, nothing; half open, one probe at a time.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_seconds = 0.0
        self._next_probe_at = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        """What it does with the next one that asks."""
        if not self._pause_seconds:
            return "closed"
        return "open" if self._clock() < self._next_probe_at else "half_open"

    def admits(self) -> bool:
        """Whether the caller may try now. A caller that is let through while half open is the probe."""
        state = self.state
        if state == "half_open":
            self._probing = True
            self._next_probe_at = self._clock() + PROBE_SECONDS
        return state != "open"

    def succeeded(self) -> None:
        """An attempt succeeded: the peer is well."""
        self._failures = 0
        self._pause_seconds = 0.0
        self._probing = False

    def failed(self, *, hung: bool = False) -> None:
        """An attempt failed. `hung` is one that used up its whole deadline: nobody else shall wait as long.

        While open, a failure of one that was let through before says nothing new; only a probe's makes the pause grow.
        """
        self._failures += 1
        if self._pause_seconds:
            if not self._probing:
                return
        elif not hung and self._failures < FAILURES_TO_OPEN:
            return
        self._probing = False
        self._pause_seconds = min(max(self._pause_seconds * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._next_probe_at = self._clock() + self._pause_seconds
