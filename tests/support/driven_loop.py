"""An event loop on a driven clock, for tests of deadlines and pauses that do not depend on the machine."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class _Selector(selectors.SelectSelector):
    """Never waits: where a selector would wait for a timer, the clock advances instead."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("every task waits, and no timer is set")
        if not ready and timeout:
            self._advance(timeout)
        return ready


class DrivenLoop(asyncio.SelectorEventLoop):
    """Runs all tasks that can run, then sets its clock to the next timer.

    `time` is the clock in seconds. `advance` makes the loop late, as a busy machine does: timers that are due meanwhile
    run afterwards. Raise RuntimeError, instead of waiting forever, if no task can run and no timer is set.
    """

    def __init__(self) -> None:
        self._seconds = 1000.0
        super().__init__(_Selector(self.advance))

    def time(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        self._seconds += seconds
