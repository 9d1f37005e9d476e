"""Vectorised reader of Avro records in Capture's schema: it reads one field of one record of every block at a time.

A Python loop over events would cost microseconds each. This loop is over the fields of a record, and numpy does each
step for as many records as there are blocks. Bodies are not copied; the result has their offsets and lengths.
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
# The range of a datetime, in milliseconds since 1970.
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_000


class UnexpectedEncoding(Exception):
    """The bytes do not follow the schema as this reader expects it. Use another reader."""


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """One element per record, in order of the blocks.

    `enqueued_us` is in microseconds since 1970. `body_starts` are offsets into the buffer.
    """

    sequence_numbers: Longs
    enqueued_us: Longs
    body_starts: Longs
    body_lengths: Longs


def read_records(buffer: Bytes, starts: Longs, ends: Longs, counts: Longs) -> RecordColumns:
    """Read all records of all blocks. One element of `starts`, `ends` and `counts` per block.

    A block's bytes from start to end are that number of records and nothing else. Raise UnexpectedEncoding.
    """
    try:
        return _RecordReader(buffer, starts, ends, counts).run()
    except IndexError as error:
        raise UnexpectedEncoding("a record ends beyond the file") from error


class _RecordReader:
    """Reads blocks in step. `at` arrays are offsets into the buffer, one per block; each method moves them."""

    def __init__(self, buffer: Bytes, starts: Longs, ends: Longs, counts: Longs) -> None:
        # Blocks with the most records first, so that unfinished blocks are always the first ones.
        order = np.argsort(-counts, kind="stable")
        self._counts = counts[order]
        self._first_rows = (np.cumsum(counts) - counts)[order]
        self._at = starts[order]
        self._ends = ends[order]
        self._buffer = buffer
        # The eight bytes at each offset, as one number.
        self._words = np.ndarray((max(len(buffer) - 7, 0),), "<u8", buffer, 0, (1,))
        rows = int(counts.sum())
        self._sequence_numbers, self._enqueued_us, self._starts, self._lengths = np.empty((4, rows), np.int64)

    def run(self) -> RecordColumns:
        live = len(self._counts)
        for step in range(int(self._counts[0]) if live else 0):
            while self._counts[live - 1] <= step:
                live -= 1
            self._record(self._first_rows[:live] + step, self._at[:live], self._ends[:live])
        if (self._at != self._ends).any():
            raise UnexpectedEncoding("a block is longer than its records")
        return RecordColumns(self._sequence_numbers, self._enqueued_us, self._starts, self._lengths)

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
        elif ((branches == 0) | (branches == 1)).all():  # some are null, read as empty
            lengths = np.zeros_like(at)
            there = np.flatnonzero(branches)
            some = at[there]
            lengths[there] = self._long(some)
            at[there] = some
        else:
            raise UnexpectedEncoding("Body is of no known type")
        self._starts[rows] = at
        self._lengths[rows] = lengths
        _advance(at, ends, lengths)

    def _system_properties(self, at: Longs, ends: Longs, text_starts: Longs, text_lengths: Longs) -> Longs:
        """Read the map. Returns when each event was enqueued, in microseconds since 1970."""
        enqueued = _Enqueued(len(at))
        self._map(at, ends, enqueued, BYTES)
        if ((enqueued.ms < EARLIEST_MS) | (enqueued.ms > LATEST_MS)).any():
            raise UnexpectedEncoding("an event was enqueued at no moment")
        moments = enqueued.ms * 1000
        for place in np.flatnonzero(~enqueued.is_set).tolist():
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
        lowest, highest = int(np.min(branches)), int(np.max(branches))
        if lowest < LONG or highest > last_branch:
            raise UnexpectedEncoding("a property is of no known type")
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
            matches = np.flatnonzero((lengths == len(ENQUEUED)) & self._is_enqueued(keys, lengths))
            if len(matches):
                exact = branches[matches] == LONG
                enqueued.is_set[places[matches]] = exact
                enqueued.ms[places[matches]] = np.where(exact, values[matches], 0)

    def _is_enqueued(self, keys: Longs, lengths: Longs) -> npt.NDArray[np.bool_]:
        safe = np.where(lengths == len(ENQUEUED), keys, 0)
        first, second, third = _ENQUEUED_WORDS
        words = self._words
        same: npt.NDArray[np.bool_] = (words[safe] == first) & (words[safe + 8] == second) & (words[safe + 11] == third)
        return same

    def _value(self, branch: int, at: Longs, ends: Longs) -> Longs:
        """Read one value per block. Returns the values for LONG, zeros for other branches."""
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
        """Read one zigzag varint per block (seven bits a byte, lowest first). `at` moves behind it."""
        octets = self._buffer[at]
        at += 1
        values = octets.astype(np.uint64)
        more = np.flatnonzero(octets > 127)
        if len(more):
            values[more] &= np.uint64(127)
            shift = 7
            while len(more):
                if shift > 63:
                    raise UnexpectedEncoding("a number of more than 64 bits")
                octets = self._buffer[at[more]]
                at[more] += 1
                values[more] |= (octets & 127).astype(np.uint64) << np.uint64(shift)
                more = more[octets > 127]
                shift += 7
        return (values >> np.uint64(1)).view(np.int64) ^ -(values & np.uint64(1)).view(np.int64)


class _Enqueued:
    """When the current record of each block was enqueued, in milliseconds since 1970.

    `is_set` is a mask: true if the system properties read so far have the time.
    """

    def __init__(self, count: int) -> None:
        self.ms: Longs = np.zeros(count, np.int64)
        self.is_set: npt.NDArray[np.bool_] = np.zeros(count, np.bool_)


def _advance(at: Longs, ends: Longs, lengths: Longs) -> None:
    if ((lengths < 0) | (lengths > ends - at)).any():
        raise UnexpectedEncoding("a length that leads out of its block")
    at += lengths


def read_enqueued_text(text: bytes) -> int:
    """Microseconds since 1970 of a time in Capture's form `M/d/yyyy h:mm:ss tt`. Raise UnexpectedEncoding."""
    try:
        moment = datetime.strptime(text.decode(), "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    except ValueError as error:
        raise UnexpectedEncoding(f"no moment: {error}") from error
    return int(moment.timestamp()) * 1_000_000
