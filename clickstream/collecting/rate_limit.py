"""How many events a key may send, per process: a token bucket a key, in bounded memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from clickstream.errors import TooManyRequests

# A bucket holds this much at rest, so that a page that opens with a handful of events, or a batch, is no excess.
BURST_SECONDS = 10


@dataclass(slots=True)
class _Bucket:
    events: float
    filled_at: float


class RateLimit:
    """Buckets by key. Of more than `max_keys` those used longest ago are forgotten, which only favours their keys."""

    def __init__(self, monotonic: Callable[[], float], max_keys: int = 10_000) -> None:
        self._monotonic = monotonic
        self._max_keys = max_keys
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable, events: int, per_second: float | None) -> None:
        """Count `events` of a key. Raise TooManyRequests, which counts nothing, when it is over its rate.

        A bucket that is not empty takes any number, into debt: a batch is never refused for its size alone.
        """
        if per_second is None:
            return
        now = self._monotonic()
        full = per_second * BURST_SECONDS
        bucket = self._buckets.pop(key, None) or _Bucket(full, now)
        bucket.events = min(full, bucket.events + max(now - bucket.filled_at, 0) * per_second)
        bucket.filled_at = now
        self._buckets[key] = bucket
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        if bucket.events <= 0:
            wait = math.floor(-bucket.events / per_second) + 1
            raise TooManyRequests(
                f"more than {per_second:g} events a second of one key", retry_after_seconds=min(wait, 3600)
            )
        bucket.events -= events

    def __len__(self) -> int:
        return len(self._buckets)
