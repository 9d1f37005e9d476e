"""Limits the events per second of a key, per process, with token buckets for keys and for networks that use them.

Anybody can use a public key. So each network of addresses has a bucket of its own, with half of the rate, and only that
bucket goes into debt: a network that floods a site does not block others. A secret key has one user, and one bucket.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from clickstream.errors import TooManyRequests

# Capacity of a bucket in seconds of its rate, so that short bursts, such as a batch, are not refused.
BURST_SECONDS = 10
# The part of a public key's rate that one network may use.
NETWORK_SHARE = 0.5


@dataclass(slots=True)
class _Bucket:
    events: float
    filled_at: float


class _Buckets:
    """Buckets by name. Beyond `most`, the least recently used are evicted; their senders start with a full bucket."""

    def __init__(self, monotonic: Callable[[], float], most: int) -> None:
        self._monotonic = monotonic
        self._most = most
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def filled(self, name: Hashable, per_second: float) -> _Bucket:
        """The bucket, refilled for the time since its last use."""
        now = self._monotonic()
        full = per_second * BURST_SECONDS
        bucket = self._buckets.pop(name, None) or _Bucket(full, now)
        bucket.events = min(full, bucket.events + max(now - bucket.filled_at, 0) * per_second)
        bucket.filled_at = now
        self._buckets[name] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)


class RateLimit:
    """The rates of all keys, in bounded memory."""

    def __init__(self, monotonic: Callable[[], float], most: int = 10_000) -> None:
        """`most` is the maximum number of buckets of keys, and of those of networks."""
        self._keys = _Buckets(monotonic, most)
        self._networks = _Buckets(monotonic, most)

    def take(self, key: str, events: int, per_second: float | None) -> None:
        """Count `events` of a secret key. Raise TooManyRequests, without counting, if the key's bucket is empty.

        A bucket that is not empty accepts any number and goes into debt: a batch is never refused for its size alone.
        Without a rate there is no limit.
        """
        if per_second is None:
            return
        bucket = self._keys.filled(key, per_second)
        _require(bucket, per_second, "of one key")
        bucket.events -= events

    def take_from(self, network: str | None, key: str, events: int, per_second: float | None) -> None:
        """As `take`, for a public key that is used from a network.

        The network's bucket goes into debt. The key's bucket pays at most half of its content, so that a request of any
        size leaves some of the rate to others.
        """
        if per_second is None:
            return
        of_network = self._networks.filled((key, network), per_second * NETWORK_SHARE)
        of_key = self._keys.filled(key, per_second)
        _require(of_network, per_second * NETWORK_SHARE, "from one network")
        _require(of_key, per_second, "of one key")
        of_network.events -= events
        of_key.events -= min(events, max(1, of_key.events / 2))

    def __len__(self) -> int:
        return len(self._keys) + len(self._networks)


def _require(bucket: _Bucket, per_second: float, whose: str) -> None:
    if bucket.events > 0:
        return
    wait = math.floor(-bucket.events / per_second) + 1
    raise TooManyRequests(f"more than {per_second:g} events a second {whose}", retry_after_seconds=min(wait, 3600))
