"""Slows down attempts to guess keys, per network of addresses and process; keys that worked there are not slowed."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from clickstream.errors import TooManyRequests

TRIES_AT_ONCE = 20
TRIES_PER_SECOND = 1.0
MAX_TRIES_WAITING = 4
MAX_NETWORKS = 10_000
MAX_PROVEN_KEYS = 10_000


@dataclass(slots=True)
class _Tries:
    left: float
    filled_at: float


class Tries:
    """A token bucket of failed tries for each network. Beyond MAX_NETWORKS the least recently used are forgotten, and
    beyond MAX_PROVEN_KEYS keys that opened something.

    A key that has opened something from the same network does not wait, so others who guess keys there do not slow it.
    Any other key waits before it is looked up, because otherwise the delay would show whether a guess was right.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._networks: OrderedDict[str, _Tries] = OrderedDict()
        self._proven: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def begin(self, network: str, digest: bytes) -> float:
        """Count a try of the key with this digest. Returns the seconds to wait before it is looked up.

        Raise TooManyRequests, without counting the try, if too many wait already.
        """
        if (network, digest) in self._proven:
            return 0.0
        tries = self._filled(network)
        if tries.left - 1 < -MAX_TRIES_WAITING:
            wait = math.ceil((1 - tries.left) / TRIES_PER_SECOND)
            raise TooManyRequests("too many keys that open nothing were tried from here", retry_after_seconds=wait)
        tries.left -= 1
        return max(0.0, -tries.left / TRIES_PER_SECOND)

    def opened(self, network: str, digest: bytes) -> None:
        """Record that the key opened something: this try does not count, and the next ones do not wait."""
        if (network, digest) not in self._proven:
            tries = self._filled(network)
            tries.left = min(TRIES_AT_ONCE, tries.left + 1)
        self._proven[network, digest] = None
        self._proven.move_to_end((network, digest))
        if len(self._proven) > MAX_PROVEN_KEYS:
            self._proven.popitem(last=False)

    def failed(self, network: str, digest: bytes) -> None:
        """Record that the key opened nothing, so it is no longer proven."""
        self._proven.pop((network, digest), None)

    def __len__(self) -> int:
        return len(self._networks) + len(self._proven)

    def _filled(self, network: str) -> _Tries:
        now = self._monotonic()
        tries = self._networks.pop(network, None) or _Tries(TRIES_AT_ONCE, now)
        tries.left = min(TRIES_AT_ONCE, tries.left + (now - tries.filled_at) * TRIES_PER_SECOND)
        tries.filled_at = now
        self._networks[network] = tries
        if len(self._networks) > MAX_NETWORKS:
            self._networks.popitem(last=False)
        return tries
