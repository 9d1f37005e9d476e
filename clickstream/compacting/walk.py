"""Records of Capture's one schema, read from all blocks at once: every block goes one field ahead at a time.

A Python loop over events costs microseconds each. Here it is a loop over the fields of one record, and each of its
steps is done by numpy for as many records as there are blocks. Bodies are not copied: told is where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]

# Union branches of the maps' values.
LONG, DOUBLE, STRING, BYTES, NULL = range(5)
ENQUEUED = b"x-opt-enqueued-time"
_ENQUEUED_WORDS = tuple(int.from_bytes(ENQUEUED[at : at + 8], "little") for at in (0, 8, 11))
# What a datetime can tell, in milliseconds since 1970.
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_000


class Surprise(Exception):
    """Bytes that are not what the schema says; another reader has to find out what they are."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One element per record, in order of the blocks. `body_starts` are offsets into the buffer that was walked."""

    sequence_numbers: Longs
    enqueued_us: Longs
    body_starts: Longs
    body_lengths: Longs


def walk(buffer: Bytes, starts: Longs, ends: Longs, counts: Longs) -> Walked:
    """Read every block: its bytes from start to end hold `counts` records and nothing else. Raise Surprise."""
    try:
        return _Walk(buffer, starts, ends, counts).run()
    except IndexError as error:
        raise Surprise("a record ends beyond the file") from error


class _Walk:
    def __init__(self, buffer: Bytes, starts: Longs, ends: Longs, counts: Longs) -> None:
        # Blocks with the most records first: those that are not yet at their end are always the first ones.
        order = np.argsort(-counts, kind="stable")
        self._counts = counts[order]
        self._first_rows = (np.cumsum(counts) - counts)[order]
        self._at = starts[order]
        self._ends = ends[order]
        self._buffer = buffer
        # The eight bytes at any place, as one number.
        self._words = np.ndarray((max(len(buffer) - 7, 0),), "<u8", buffer, 0, (1,))
        rows = int(counts.sum())
        self._sequence_numbers, self._enqueued_us, self._starts, self._lengths = np.empty((4, rows), np.int64)

    def run(self) -> Walked:
        live = len(self._counts)
        for step in range(int(self._counts[0]) if live else 0):
            while self._counts[live - 1] <= step:
                live -= 1
            self._record(self._first_rows[:live] + step, self._at[:live], self._ends[:live])
        if (self._at != self._ends).any():
            raise Surprise("a block is longer than its records")
        return Walked(self._sequence_numbers, self._enqueued_us, self._starts, self._lengths)

    def _record(self, rows: Longs, at: Longs, ends: Longs) -> None:
        """Read the next record of each block; `at` moves to its end."""
        self._sequence_numbers[rows] = self._long(at)
        self._skip(at, ends)  # Offset
        text_lengths = self._long(at)
        text_starts = at.copy()
        _advance(at, ends, text_lengths)
        self._enqueued_us[rows] = self._system_properties(at, ends, text_starts, text_lengths)
        self._map(at, ends, _Enqueued(0), NULL)
        self._body(rows, at, ends)

    def _body(self, rows: Longs, at: Longs, ends: Longs) -> None:
        branches = self._long(at)
        if (branches == 1).all():
            lengths = self._long(at)
        elif ((branches == 0) | (branches == 1)).all():  # some are null, which is as good as empty
            lengths = np.zeros_like(at)
            there = np.flatnonzero(branches)
            some = at[there]
            lengths[there] = self._long(some)
            at[there] = some
        else:
            raise Surprise("Body is of no known type")
        self._starts[rows] = at
        self._lengths[rows] = lengths
        _advance(at, ends, lengths)

    def _system_properties(self, at: Longs, ends: Longs, text_starts: Longs, text_lengths: Longs) -> Longs:
        """Read the map; returns when each event was enqueued."""
        enqueued = _Enqueued(len(at))
        self._map(at, ends, enqueued, BYTES)
        if ((enqueued.ms < EARLIEST_MS) | (enqueued.ms > LATEST_MS)).any():
            raise Surprise("an event was enqueued at no moment")
        moments = enqueued.ms * 1000
        for place in np.flatnonzero(~enqueued.told).tolist():
            start = int(text_starts[place])
            moments[place] = read_enqueued_text(self._buffer[start : start + int(text_lengths[place])].tobytes())
        return moments

    def _map(self, at: Longs, ends: Longs, enqueued: _Enqueued, last_branch: int) -> None:
        """Read a map of each block: counted runs of items, ended by an empty run."""
        places: Places = np.arange(len(at))
        inside, limits = at, ends
        left = self._count(inside)
        while True:
            going = left > 0
            if not going.all():
                if inside is not at:
                    at[places] = inside
                places, left, limits = places[going], left[going], limits[going]
                inside = at[places]
            if not len(places):
                return
            self._item(inside, limits, places, enqueued, last_branch)
            left -= 1
            ended = np.flatnonzero(left == 0)
            if len(ended):
                some = inside[ended]
                left[ended] = self._count(some)
                inside[ended] = some

    def _count(self, at: Longs) -> Longs:
        """Items of the next run of a map. A negative count is followed by the run's length in bytes."""
        counts = self._long(at)
        negative = np.flatnonzero(counts < 0)
        if len(negative):
            some = at[negative]
            self._long(some)
            at[negative] = some
            counts[negative] *= -1
        return counts

    def _item(self, at: Longs, ends: Longs, places: Places, enqueued: _Enqueued, last_branch: int) -> None:
        lengths = self._long(at)
        keys = at.copy()
        _advance(at, ends, lengths)
        branches = self._long(at)
        lowest, highest = int(branches.min()), int(branches.max())
        if lowest < LONG or highest > last_branch:
            raise Surprise("a property is of no known type")
        if lowest == highest:
            values = self._value(lowest, at, ends)
        else:
            values = np.zeros_like(at)
            for branch in range(lowest, highest + 1):
                of_branch = np.flatnonzero(branches == branch)
                some = at[of_branch]
                values[of_branch] = self._value(branch, some, ends[of_branch])
                at[of_branch] = some
        if len(enqueued.ms):
            found = np.flatnonzero((lengths == len(ENQUEUED)) & self._is_enqueued(keys, lengths))
            if len(found):
                exact = branches[found] == LONG
                enqueued.told[places[found]] = exact
                enqueued.ms[places[found]] = np.where(exact, values[found], 0)

    def _is_enqueued(self, keys: Longs, lengths: Longs) -> npt.NDArray[np.bool_]:
        safe = np.where(lengths == len(ENQUEUED), keys, 0)
        first, second, third = _ENQUEUED_WORDS
        words = self._words
        same: npt.NDArray[np.bool_] = (words[safe] == first) & (words[safe + 8] == second) & (words[safe + 11] == third)
        return same

    def _value(self, branch: int, at: Longs, ends: Longs) -> Longs:
        """Read a value of each; what is returned means something for LONG alone."""
        if branch == LONG:
            return self._long(at)
        if branch == DOUBLE:
            _advance(at, ends, np.full_like(at, 8))
        elif branch != NULL:
            self._skip(at, ends)
        return np.zeros_like(at)

    def _skip(self, at: Longs, ends: Longs) -> None:
        lengths = self._long(at)
        _advance(at, ends, lengths)

    def _long(self, at: Longs) -> Longs:
        """Read a number of each: seven bits a byte, lowest first, zigzag. `at` moves behind it."""
        octets = self._buffer[at]
        at += 1
        values = octets.astype(np.uint64)
        more = np.flatnonzero(octets > 127)
        if len(more):
            values[more] &= np.uint64(127)
            shift = 7
            while len(more):
                if shift > 63:
                    raise Surprise("a number of more than 64 bits")
                octets = self._buffer[at[more]]
                at[more] += 1
                values[more] |= (octets & 127).astype(np.uint64) << np.uint64(shift)
                more = more[octets > 127]
                shift += 7
        return (values >> np.uint64(1)).view(np.int64) ^ -(values & np.uint64(1)).view(np.int64)


class _Enqueued:
    """When the event of each block's record was enqueued, where its system properties have told so far."""

    def __init__(self, count: int) -> None:
        self.ms: Longs = np.zeros(count, np.int64)
        self.told: npt.NDArray[np.bool_] = np.zeros(count, np.bool_)


def _advance(at: Longs, ends: Longs, lengths: Longs) -> None:
    if ((lengths < 0) | (lengths > ends - at)).any():
        raise Surprise("a length that leads out of its block")
    at += lengths


def read_enqueued_text(text: bytes) -> int:
    """Microseconds since 1970 of Capture's `M/d/yyyy h:mm:ss tt`. Raise Surprise."""
    try:
        moment = datetime.strptime(text.decode(), "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    except ValueError as error:
        raise Surprise(f"no moment: {error}") from error
    return int(moment.timestamp()) * 1_000_000
