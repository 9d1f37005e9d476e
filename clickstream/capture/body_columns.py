"""The fast path from bodies to typed rows: whole columns at once, without a Python object per event.

Nearly every body is plain: an event in the JSON that the collector writes. duckdb extracts its fields as text, and
whole columns are cast at once. Every other body is odd and takes the slow path, see `body_fallback`, so a bad body
fails alone. One exception: duckdb accepts a trailing comma and drops it, so such a body can be plain.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.capture.body_fallback import BATCH_ROWS, EARLIEST, JSON_COLUMNS, LATEST, Failure, parse_odd
from clickstream.model.event import EVENT_TYPES
from clickstream.model.schema import BODY_COLUMNS, TIMESTAMP, Column

# Bytes of bodies that one thread types at once. Twice as much text is in memory for each thread.
GROUP_BYTES = 16 * 2**20
# For smaller groups the fixed cost of a group is more than another thread saves.
LEAST_GROUP_BYTES = 4 * 2**20
# Each thread takes a group through all steps, because most steps use one processor only.
_THREADS = min(os.cpu_count() or 1, 4)
_SHAPE = orjson.dumps({c.name: "JSON" if c.name in JSON_COLUMNS else "VARCHAR" for c in BODY_COLUMNS}).decode()
_TYPES = pa.array(sorted(EVENT_TYPES))
# Lengths of timestamps from whole seconds to microseconds: 2026-03-10T12:00:00Z and 2026-03-10T12:00:00.123456Z.
_WHOLE_SECONDS, _MICROSECONDS = 20, 27
# Every whole number of so many digits fits 64 bits.
_SAFE_DIGITS = 18
_ZERO, _NINE, _ZED = (ord(letter) for letter in "09Z")
_A, _F, _I, _N = (ord(letter) for letter in "afin")
# The characters that can precede a number in JSON written by duckdb.
_BEFORE_NUMBERS = np.frombuffer(b":,[-", np.uint8)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parsed:
    """`events` has BODY_COLUMNS and `row`, the index of its body. Events and failures are sorted by that index."""

    events: pa.Table
    failures: Sequence[Failure]


class Parser:
    """Threads and a duckdb database that type bodies. A parser reuses memory, so use one for all bodies of a run."""

    def __init__(self) -> None:
        # One thread per query, because each of our threads has a connection of its own.
        self._database = duckdb.connect(config={"threads": 1})
        self._pool = ThreadPoolExecutor(_THREADS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._database.close()
        pa.default_memory_pool().release_unused()

    def parse(self, bodies: pa.ChunkedArray) -> Parsed:
        """Type every body, a binary or binary view.

        A body is a Failure if it is not JSON, lacks a required field or has a value of the wrong type. Fields without a
        column are added to `properties`, unless it has a member of that name.
        """
        parsed = list(self._pool.map(self._parse, _groups(bodies.cast(pa.binary_view()))))
        schema = pa.schema([("row", pa.int64()), *((column.name, column.type) for column in BODY_COLUMNS)])
        events = pa.concat_tables([schema.empty_table(), *(each.events for each in parsed)])
        return Parsed(events, [failure for each in parsed for failure in each.failures])

    def _parse(self, group: tuple[int, pa.Array]) -> Parsed:
        with self._database.cursor() as connection:
            return _parse(*group, connection)


def parse_events(bodies: pa.ChunkedArray) -> Parsed:
    """Type these bodies with a parser of their own, see `Parser.parse`."""
    with Parser() as parser:
        return parser.parse(bodies)


def _groups(bodies: pa.ChunkedArray) -> Iterator[tuple[int, pa.Array]]:
    """The bodies in groups of about GROUP_BYTES at most, each with the index of its first body.

    The groups have about the same size, and large inputs a multiple of the threads' number, so that all threads end
    together.
    """
    sizes = [_size(chunk) for chunk in bodies.chunks]
    rounds = max(math.ceil(sum(sizes) / (GROUP_BYTES * _THREADS)), 1)
    group_bytes = max(sum(sizes) // (rounds * _THREADS), LEAST_GROUP_BYTES)
    row = 0
    for chunk, size in zip(bodies.chunks, sizes, strict=True):
        if not len(chunk):
            continue
        mean = max(size // len(chunk), 1)
        step = max(math.ceil(group_bytes / mean / BATCH_ROWS), 1) * BATCH_ROWS
        for start in range(0, len(chunk), step):
            yield row + start, chunk.slice(start, step)
        row += len(chunk)


def _size(bodies: pa.Array) -> int:
    """The total bytes of the bodies, which are binary views."""
    views = np.frombuffer(bodies.buffers()[1], np.int32).reshape(-1, 4)[bodies.offset :][: len(bodies)]
    return int(views[:, 0].astype(np.int64).sum())


def _parse(first: int, bodies: pa.Array, connection: duckdb.DuckDBPyConnection) -> Parsed:
    """Type one group. `first` is the index of its first body."""
    texts, plain = _as_text(bodies)
    text = _fields(texts, connection)
    columns: dict[str, pa.Array] = {}
    present = np.zeros(len(bodies), np.int64)
    for column in BODY_COLUMNS:
        values = text.pop(column.name)
        there = _valid(values)
        present += there
        columns[column.name] = _typed(column, values, there, plain)
    # A difference means fields of other names, repeated fields, or nulls, which the collector does not write.
    plain &= pc.fill_null(text.pop("keys"), -1).to_numpy() == present
    events = pa.table({"row": pa.array(np.arange(first, first + len(bodies))), **columns})
    if plain.all():
        return Parsed(events, [])
    odd = np.flatnonzero(~plain)
    more, failures = parse_odd([bodies[place].as_py() for place in odd.tolist()], connection)
    rows = pa.array(odd + first).take(more["row"])
    both = pa.concat_tables([events.filter(pa.array(plain)), more.set_column(0, "row", rows)])
    failures = [replace(failure, row=first + int(odd[failure.row])) for failure in failures]
    return Parsed(both.sort_by("row"), sorted(failures, key=lambda failure: failure.row))


def _as_text(bodies: pa.Array) -> tuple[pa.Array, Mask]:
    """The bodies as text, null if not UTF-8, and the mask of those that are UTF-8."""
    try:
        return bodies.cast(pa.string_view()), np.ones(len(bodies), np.bool_)
    except pa.ArrowInvalid:
        texts: list[str | None] = []
        for body in bodies.to_pylist():
            try:
                texts.append(body.decode())
            except UnicodeDecodeError:
                texts.append(None)
        array = pa.array(texts, pa.string_view())
        return array, _valid(array)


def _fields(texts: pa.Array, connection: duckdb.DuckDBPyConnection) -> dict[str, pa.Array]:
    """`keys`, the number of each body's keys, and every field as text, a nested document as JSON. Null if not JSON."""
    table = pa.table({"body": texts})
    connection.register("bodies", pa.Table.from_batches(table.to_batches(max_chunksize=BATCH_ROWS), table.schema))
    try:
        result = connection.sql(_statement("body")).to_arrow_table()
    except duckdb.Error:  # one body that is not JSON fails the whole statement, so filter these
        result = connection.sql(_statement("CASE WHEN json_valid(body) THEN body END")).to_arrow_table()
    connection.unregister("bodies")
    fields = _whole(result["fields"])
    return {"keys": _whole(result["keys"]), **dict(zip(fields.type.names, fields.flatten(), strict=True))}


def _statement(body: str) -> str:
    return f"""
        SELECT len(json_keys(text)) AS keys, json_transform(text, '{_SHAPE}') AS fields
        FROM (SELECT {body} AS text FROM bodies)
    """


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


# --- columns ---------------------------------------------------------------------------------------------------------


def _typed(column: Column, values: pa.Array, there: Mask, plain: Mask) -> pa.Array:
    """Cast a column's values. Clears `plain` for rows whose value is not of the form that the collector writes."""
    if not column.nullable:
        plain &= there
    if values.null_count == len(values):
        return pa.nulls(len(values), column.type)
    return _typing(column)(column, values, there, plain)


def _typing(column: Column) -> Callable[[Column, pa.Array, Mask, Mask], pa.Array]:
    if column.name in JSON_COLUMNS:
        return _documents
    return _TYPINGS.get(column.type, _texts)


def _texts(column: Column, values: pa.Array, there: Mask, plain: Mask) -> pa.Array:
    if not column.nullable:
        plain &= _lengths(values) > 0
    if column.name == "event_type":
        plain &= pc.is_in(values, _TYPES).to_numpy(zero_copy_only=False)
    return values


def _documents(column: Column, values: pa.Array, there: Mask, plain: Mask) -> pa.Array:
    """Check JSON documents. duckdb wrote them, so the first character distinguishes an object from an array."""
    opening = ord("{" if JSON_COLUMNS[column.name] is dict else "[")
    plain &= ~there | (_octets(values, first=True) == opening)
    plain[_naming_no_number(values)] = False
    return values


def _naming_no_number(values: pa.Array) -> npt.NDArray[np.intp]:
    """Indices of documents that may have NaN or Infinity, which duckdb accepts as JSON and other readers do not."""
    data = _data(values)
    lower = data | 32  # lower case, for letters
    words = (lower[:-2] == _N) & (lower[1:-1] == _A) & (lower[2:] == _N)
    words |= (lower[:-2] == _I) & (lower[1:-1] == _N) & (lower[2:] == _F)
    places = np.flatnonzero(words)
    places = places[np.isin(data[places - 1], _BEFORE_NUMBERS)]
    ends = _ends(values)
    numbers: npt.NDArray[np.intp] = np.searchsorted(ends, places + ends[0], "right") - 1
    return numbers


def _booleans(column: Column, values: pa.Array, there: Mask, plain: Mask) -> pa.Array:
    yes = pc.equal(values, "true")
    plain &= ~there | pc.or_(pc.fill_null(yes, False), pc.equal(values, "false")).fill_null(False).to_numpy(False)
    return yes


def _integers(column: Column, values: pa.Array, there: Mask, plain: Mask) -> pa.Array:
    lengths = _lengths(values)
    data = _data(values)
    fine = ~there | ((lengths > 0) & (lengths <= _SAFE_DIGITS))
    if ((data < _ZERO) | (data > _NINE)).any():
        fine &= ~there | pc.fill_null(pc.ascii_is_decimal(values), False).to_numpy(False)
    return _cast(column, values, fine, plain)


def _moments(column: Column, values: pa.Array, there: Mask, plain: Mask) -> pa.Array:
    lengths = _lengths(values)
    fine = (lengths >= _WHOLE_SECONDS) & (lengths <= _MICROSECONDS) & (_octets(values, first=False) == _ZED)
    moments = _cast(column, values, fine | ~there, plain)
    since_1970 = pc.fill_null(moments.cast(pa.int64()), 0).to_numpy()
    plain &= (since_1970 >= _us(EARLIEST)) & (since_1970 <= _us(LATEST))
    return moments


_TYPINGS: Mapping[pa.DataType, Callable[[Column, pa.Array, Mask, Mask], pa.Array]] = {
    TIMESTAMP: _moments,
    pa.int64(): _integers,
    pa.bool_(): _booleans,
}


def _cast(column: Column, values: pa.Array, fine: Mask, plain: Mask) -> pa.Array:
    """Cast the values in the mask `fine`. If Arrow still refuses one of them, no row of the group is plain."""
    plain &= fine
    if not fine.all():
        values = pc.if_else(pa.array(fine), values, pa.scalar(None, values.type))
    try:
        return values.cast(column.type)
    except pa.ArrowInvalid:
        plain[:] = False
        return pa.nulls(len(values), column.type)


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def _valid(values: pa.Array) -> Mask:
    if not values.null_count:
        return np.ones(len(values), np.bool_)
    return values.is_valid().to_numpy(False)  # type: ignore[no-any-return]


def _ends(values: pa.Array) -> npt.NDArray[np.int32]:
    """The offsets at which each string begins in the data, and at which the last one ends."""
    return np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]


def _lengths(values: pa.Array) -> npt.NDArray[np.int32]:
    """The bytes of each value; 0 for null."""
    return np.diff(_ends(values))


def _data(values: pa.Array) -> npt.NDArray[np.uint8]:
    ends = _ends(values)
    return np.frombuffer(values.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]


def _octets(values: pa.Array, *, first: bool) -> npt.NDArray[np.uint8]:
    """The first or last byte of each value; undefined for empty and null values."""
    ends = _ends(values)
    places = ends[:-1] if first else ends[1:] - 1
    data = np.frombuffer(values.buffers()[2] or b"\0", np.uint8)
    return data[np.clip(places, 0, len(data) - 1)]
