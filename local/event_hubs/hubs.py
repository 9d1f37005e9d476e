"""Hubs and their partitions: events in order, positions, retention."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

from .messages import Incoming

MASK = 0xFFFFFFFF
DEFAULT_GROUP = "$default"
OVERHEAD_BYTES = 256
Position = Literal["sequence", "offset", "enqueued_ms"]


class Full(Exception):
    """The partition is full: events that Capture has not written yet cannot be deleted."""


@dataclass(slots=True)
class Stored:
    """One event in a partition. `carried` are its AMQP properties and body as the producer sent them."""

    sequence: int
    offset: int
    enqueued_ms: int
    key: str | None
    carried: bytes


@dataclass
class Partition:
    """One partition's log. Beyond `max_bytes` the oldest events are deleted, but only those that Capture has written.

    Each event counts with OVERHEAD_BYTES in addition to its own, so that many small events are bounded too.
    """

    id: str
    max_bytes: int
    events: list[Stored] = field(default_factory=list)
    next_sequence: int = 0
    next_offset: int = 0
    captured_sequence: int | None = None  # None if Capture is off
    listeners: set[Callable[[], None]] = field(default_factory=set)

    def append(self, incoming: Sequence[Incoming], now_ms: int) -> None:
        """Store all events. Raise Full, and store none, if they do not fit."""
        size = sum(len(event.carried) + OVERHEAD_BYTES for event in incoming)
        if (excess := self.bytes_held + size - self.max_bytes) > 0 and self.events:
            self._delete_oldest(excess)
            if self.events and self.bytes_held + size > self.max_bytes:
                raise Full
        # Enqueued times never decrease within a partition, even if the clock does.
        enqueued_ms = max(now_ms, self.events[-1].enqueued_ms if self.events else 0)
        for event in incoming:
            self.events.append(
                Stored(self.next_sequence, self.next_offset, enqueued_ms, event.partition_key, event.carried)
            )
            self.next_sequence += 1
            self.next_offset += len(event.carried) + OVERHEAD_BYTES
        for listener in tuple(self.listeners):
            listener()

    def _delete_oldest(self, excess: int) -> None:
        """Delete the oldest events until `excess` bytes are free, except events that Capture has not written."""
        count = bisect_left(self.events, self.events[0].offset + excess, key=attrgetter("offset"))
        if self.captured_sequence is not None:
            count = min(count, self.captured_sequence + 1 - self.events[0].sequence)
        del self.events[:count]

    @property
    def bytes_held(self) -> int:
        """Bytes that the stored events count with. Offsets grow by the same amounts."""
        return self.next_offset - self.events[0].offset if self.events else 0

    @property
    def last(self) -> Stored | None:
        """The newest stored event."""
        return self.events[-1] if self.events else None

    @property
    def begin_sequence(self) -> int:
        """Sequence number of the oldest stored event; -1 if the partition never had one."""
        if self.events:
            return self.events[0].sequence
        return self.next_sequence if self.next_sequence else -1

    def read(self, sequence: int, count: int) -> Sequence[Stored]:
        """At most `count` events from a sequence number on, without deleted ones."""
        start = max(0, sequence - self.begin_sequence)  # sequence numbers have no gaps
        return self.events[start : start + count]

    def position(self, name: Position, operator: str, value: int) -> int:
        """The first sequence number whose event has `name` `operator` (> or >=) `value`; else the next one."""
        bisect = bisect_right if operator == ">" else bisect_left
        index = bisect(self.events, value, key=attrgetter(name))
        return self.events[index].sequence if index < len(self.events) else self.next_sequence


@dataclass
class Hub:
    """One event hub. `consumer_groups` are lower-case names without $Default."""

    name: str
    partitions: list[Partition]
    consumer_groups: frozenset[str]
    created_ms: int
    _turn: int = 0

    def partition(self, partition_id: str) -> Partition | None:
        """The partition with this id, if there is one."""
        return next((partition for partition in self.partitions if partition.id == partition_id), None)

    def route(self, key: str | None) -> Partition:
        """The partition for a key, by the hash that Event Hubs uses. Without a key, round robin."""
        if key is not None:
            return self.partitions[partition_of_key(key, len(self.partitions))]
        self._turn = (self._turn + 1) % len(self.partitions)
        return self.partitions[self._turn]

    def has_group(self, name: str) -> bool:
        """Whether the consumer group exists, in any case."""
        return name.lower() == DEFAULT_GROUP or name.lower() in self.consumer_groups


def partition_of_key(key: str, count: int) -> int:
    """The partition number that Event Hubs chooses: lookup3 of the key, folded to 16 signed bits, modulo `count`.

    Jenkins' lookup3 is public domain (Bob Jenkins, 2006). The modulo is Python's, as in the buffered producer of the
    Python SDK.
    """
    first, second = _lookup3(key.encode())
    folded = (first ^ second) & 0xFFFF
    return (folded - 0x10000 if folded & 0x8000 else folded) % count


def _rotate(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & MASK


def _lookup3(data: bytes) -> tuple[int, int]:
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    position = 0
    while len(data) - position > 12:
        x, y, z = struct.unpack_from("<III", data, position)
        a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
        for by, turn in ((4, 0), (6, 1), (8, 2), (16, 0), (19, 1), (4, 2)):
            if turn == 0:
                a = ((a - c) & MASK) ^ _rotate(c, by)
                c = (c + b) & MASK
            elif turn == 1:
                b = ((b - a) & MASK) ^ _rotate(a, by)
                a = (a + c) & MASK
            else:
                c = ((c - b) & MASK) ^ _rotate(b, by)
                b = (b + a) & MASK
        position += 12
    rest = data[position:]
    if not rest:
        return c, b
    x, y, z = struct.unpack("<III", rest.ljust(12, b"\0"))
    a, b, c = (a + x) & MASK, (b + y) & MASK, (c + z) & MASK
    c = ((c ^ b) - _rotate(b, 14)) & MASK
    a = ((a ^ c) - _rotate(c, 11)) & MASK
    b = ((b ^ a) - _rotate(a, 25)) & MASK
    c = ((c ^ b) - _rotate(b, 16)) & MASK
    a = ((a ^ c) - _rotate(c, 4)) & MASK
    b = ((b ^ a) - _rotate(a, 14)) & MASK
    c = ((c ^ b) - _rotate(b, 24)) & MASK
    return c, b
