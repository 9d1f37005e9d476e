"""The collector's own threads, for work that would block the event loop, and so every other request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from clickstream.errors import Unavailable

Result = TypeVar("Result")

# Threads share the interpreter's lock, so more would not be faster. With a second, one long request blocks no other.
THREADS = 2


class Spent:
    """Processor time of the work for one request so far, in seconds, summed over threads."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, work: Callable[[], Result]) -> Result:
        """Do the work and add its processor time."""
        began = time.thread_time()
        try:
            return work()
        finally:
            self.seconds += time.thread_time() - began


class Threads:
    """Runs work off the event loop, first come, first served."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="collect")

    async def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """Return or raise what the work does. Raise Unavailable after `seconds`; work still queued is cancelled."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            async with asyncio.timeout(seconds):
                return await running
        except TimeoutError:
            raise Unavailable("too many large requests are waiting; send the events again") from None
