"""A circuit breaker: stops calls to a failing peer, and probes it at growing intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]

FAILURES_TO_OPEN = 4
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# If a probe has no outcome after this time, because its request was cancelled, the next caller is the probe.
PROBE_SECONDS = 5.0


class Breaker:
    """Closed, it admits every caller; open, none; half open, one probe at a time. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_seconds = 0.0
        self._next_probe_at = 0.0
        self._probing = False

    @property
    def state(self) -> State:
        """Its state for the next caller."""
        if not self._pause_seconds:
            return "closed"
        return "open" if self._clock() < self._next_probe_at else "half_open"

    def admits(self) -> bool:
        """Whether the caller may try now. A caller that is admitted while half open is the probe."""
        state = self.state
        if state == "half_open":
            self._probing = True
            self._next_probe_at = self._clock() + PROBE_SECONDS
        return state != "open"

    def succeeded(self) -> None:
        """Note that an attempt succeeded. Closes the breaker."""
        self._failures = 0
        self._pause_seconds = 0.0
        self._probing = False

    def failed(self, *, hung: bool = False) -> None:
        """Note that an attempt failed. Opens the breaker after FAILURES_TO_OPEN failures in a row.

        `hung` means that the attempt used its whole deadline. It opens the breaker at once, so that no other caller
        waits as long. Once open, only the failure of a probe lengthens the pause.
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
