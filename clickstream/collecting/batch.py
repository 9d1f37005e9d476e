"""The events of one request while they are processed, within limits of processor time and of output size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from clickstream.collecting.dialect import Item
from clickstream.collecting.event_processor import Outcome
from clickstream.errors import RequestTooLarge


class Batch:
    """The `count` events of a request, processed in order. `max_bytes` bounds the total size of their messages.

    Fields that a request has for all its events are copied into each message, so a small request can produce large
    ones.
    """

    def __init__(self, items: Iterator[Item], count: int, process: Callable[[Item], Outcome], max_bytes: int) -> None:
        self._items = items
        self._count = count
        self._process = process
        self._max_bytes = max_bytes
        self._bytes = 0
        self.outcomes: list[Outcome] = []

    def process(self, seconds: float) -> bool:
        """Process remaining events for at most `seconds` of this thread's processor time. Return whether all are done.

        Raise RequestTooLarge if the messages exceed `max_bytes`.
        """
        end = time.thread_time() + seconds
        for item in self._items:
            outcome = self._process(item)
            self.outcomes.append(outcome)
            self._bytes += len(outcome.message.body)
            if self._bytes > self._max_bytes:
                raise RequestTooLarge(f"the events of a request have at most {self._max_bytes} bytes together")
            if time.thread_time() > end:
                break
        return len(self.outcomes) == self._count
