"""Decodes Capture's Avro files to columns: sequence numbers, times and bodies.

Files with many blocks are read by numpy, see `records`; small ones are joined for it. fastavro reads the others: those
with another codec, another order of fields, few blocks, or an unexpected encoding.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from itertools import accumulate
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

from clickstream.capture.records import Bytes, Longs, UnexpectedEncoding, read_enqueued_text, read_records

Content = bytes | memoryview
_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
# Files are joined, up to about this size, so that one call to numpy covers many blocks.
JOINED_BYTES = 64 * 2**20
# With fewer blocks at once, the calls to numpy cost more than they save.
_BLOCKS_AT_ONCE = 50
# A file with so many blocks gains nothing from being joined, so it is not copied.
_BLOCKS_ALONE = 500
# A binary view contains a body of up to so many bytes itself.
INLINE_BYTES = 12
_VALUES = ["long", "double", "string", "bytes"]
_FIELDS = [
    ("SequenceNumber", "long"),
    ("Offset", "string"),
    ("EnqueuedTimeUtc", "string"),
    ("SystemProperties", {"type": "map", "values": _VALUES}),
    ("Properties", {"type": "map", "values": [*_VALUES, "null"]}),
    ("Body", ["null", "bytes"]),
]
# Files of earlier years: properties could not be null.
_FIELDS_OF_OLD = [(name, _FIELDS[3][1] if name == "Properties" else kind) for name, kind in _FIELDS]
# The fields that are read of any file, whatever else it has. fastavro takes the first type of a union that the written
# type can be read as, so `bytes`, which can hold text too, is before `string`.
_SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "EventData",
        "namespace": "Microsoft.ServiceBus.Messaging",
        "fields": [
            {"name": "SequenceNumber", "type": "long"},
            {"name": "EnqueuedTimeUtc", "type": "string"},
            {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "bytes", "string"]}},
            {"name": "Body", "type": ["null", "bytes"]},
        ],
    }
)


class Unreadable(Exception):
    """A file is damaged or is not a capture file. The message says where."""


def _no_bodies() -> pa.ChunkedArray:
    return pa.chunked_array([], pa.binary_view())


def _no_longs() -> Longs:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Captured:
    """The events of files that were read together, in order. `enqueued_us` is in microseconds since 1970.

    `counts` has the number of events of each file. `unreadable` has, by index of the file, why it could not be read.
    `bodies` are views into the files' bytes.
    """

    counts: Sequence[int] = ()
    sequence_numbers: Longs = field(default_factory=_no_longs)
    enqueued_us: Longs = field(default_factory=_no_longs)
    bodies: pa.ChunkedArray = field(default_factory=_no_bodies)
    unreadable: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _File:
    """A file with a sound container: offsets of its blocks' data, and their numbers of records.

    `is_plain` if numpy can read it: no codec, and Capture's own schema.
    """

    content: Content
    is_plain: bool
    starts: Longs
    ends: Longs
    counts: Longs


@dataclass(frozen=True, slots=True)
class _Part:
    """The events of adjacent files."""

    counts: Sequence[int]
    sequence_numbers: Longs
    enqueued_us: Longs
    bodies: pa.Array


def decode_file(content: Content) -> Captured:
    """All events of one file; none for an empty one. Raise Unreadable if any part of it cannot be read."""
    captured = decode_files([content])
    if captured.unreadable:
        raise Unreadable(captured.unreadable[0])
    return captured


def decode_files(contents: Sequence[Content]) -> Captured:
    """All events of the files. A file that cannot be read has no events, and does not affect the others."""
    unreadable: dict[int, str] = {}
    files: list[_File] = []
    for index, content in enumerate(contents):
        try:
            files.append(_open(content))
        except Unreadable as problem:
            unreadable[index] = str(problem)
            files.append(_open(b""))
    parts: list[_Part] = []
    for first, group in _groups(files):
        try:
            parts.append(_read_group(group))
        except MemoryError:  # not caused by the files
            raise
        except Exception:  # an unexpected encoding, or numpy failed: read each file by itself
            for index, file in enumerate(group, first):
                try:
                    parts.append(_read(file))
                except Unreadable as problem:
                    unreadable[index] = str(problem)
                    parts.append(_read(_open(b"")))
    return Captured(
        [count for part in parts for count in part.counts],
        np.concatenate([_no_longs(), *(part.sequence_numbers for part in parts)]),
        np.concatenate([_no_longs(), *(part.enqueued_us for part in parts)]),
        pa.chunked_array([part.bodies for part in parts if len(part.bodies)], pa.binary_view()),
        unreadable,
    )


# --- the container ---------------------------------------------------------------------------------------------------


def _open(content: Content) -> _File:
    """Read the header and the sizes of the blocks. Raise Unreadable unless the last one ends where the file does."""
    if not len(content):
        return _File(content, True, _no_longs(), _no_longs(), _no_longs())
    try:
        metadata, at = _metadata(content)
        codec = metadata.get(b"avro.codec", b"null")
        sync = bytes(content[at : at + _SYNC_BYTES])
        starts: list[int] = []
        ends: list[int] = []
        counts: list[int] = []
        if len(sync) < _SYNC_BYTES:
            raise ValueError("the header is cut")
        at += _SYNC_BYTES
        while at < len(content):
            count, at = _long(content, at)
            size, at = _long(content, at)
            if count < 0 or size < 0 or content[at + size : at + size + _SYNC_BYTES] != sync:
                raise ValueError(f"no block ends {size} bytes after byte {at}")
            if count > size and codec == b"null":
                raise ValueError(f"a block of {size} bytes says that it has {count} records")
            starts.append(at)
            ends.append(at + size)
            counts.append(count)
            at += size + _SYNC_BYTES
        is_plain = codec == b"null" and _is_capture(metadata[b"avro.schema"])
    except (ValueError, LookupError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return _File(content, is_plain, *(np.array(values, np.int64) for values in (starts, ends, counts)))


def _metadata(content: Content) -> tuple[Mapping[bytes, bytes], int]:
    """The header's metadata, and the offset after it."""
    if content[: len(_MAGIC)] != _MAGIC:
        raise ValueError("no Avro file")
    metadata: dict[bytes, bytes] = {}
    at = len(_MAGIC)
    while True:
        count, at = _long(content, at)
        if not count:
            return metadata, at
        if count < 0:
            _, at = _long(content, at)
        for _ in range(abs(count)):
            key, at = _bytes(content, at)
            metadata[key], at = _bytes(content, at)


def _bytes(content: Content, at: int) -> tuple[bytes, int]:
    length, at = _long(content, at)
    if not 0 <= length <= len(content) - at:
        raise ValueError(f"a length of {length} before byte {at}")
    return bytes(content[at : at + length]), at + length


def _long(content: Content, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = content[at]
        at += 1
        value |= (octet & 127) << shift
        shift += 7
        if octet < 128:
            return (value >> 1) ^ -(value & 1), at


@lru_cache(maxsize=16)
def _is_capture(schema: bytes) -> bool:
    """Whether records have Capture's fields in its order."""
    try:
        schema_fields = [(each["name"], each["type"]) for each in json.loads(schema)["fields"]]
    except (ValueError, LookupError, TypeError):
        return False
    return schema_fields in (_FIELDS, _FIELDS_OF_OLD)


# --- numpy -----------------------------------------------------------------------------------------------------------


def _groups(files: Sequence[_File]) -> Iterator[tuple[int, Sequence[_File]]]:
    """Groups of files to read together, in order, with the index of the first. Files that are not joined are alone."""
    group: list[_File] = []
    size, closed = 0, False
    for index, file in enumerate(files):
        alone = not file.is_plain or len(file.counts) >= _BLOCKS_ALONE
        if group and (alone or closed or size + len(file.content) > JOINED_BYTES):
            yield index - len(group), group
            group, size = [], 0
        group.append(file)
        size += len(file.content)
        closed = alone
    if group:
        yield len(files) - len(group), group


def _read_group(group: Sequence[_File]) -> _Part:
    """Read files by numpy. Raise UnexpectedEncoding if numpy cannot read them or would be slower."""
    counts = np.concatenate([file.counts for file in group])
    blocks_at_once = int(counts.sum()) // max(int(counts.max(initial=0)), 1)
    if not group[0].is_plain or blocks_at_once < _BLOCKS_AT_ONCE:
        raise UnexpectedEncoding("too few blocks")
    joined = group[0].content if len(group) == 1 else b"".join(file.content for file in group)
    if len(joined) >= 2**31:
        raise UnexpectedEncoding("too large for views")
    buffer = np.frombuffer(joined, np.uint8)
    offsets = list(accumulate((len(file.content) for file in group), initial=0))
    starts = np.concatenate([file.starts + offset for file, offset in zip(group, offsets, strict=False)])
    ends = np.concatenate([file.ends + offset for file, offset in zip(group, offsets, strict=False)])
    columns = read_records(buffer, starts, ends, counts)
    bodies = _views(buffer, pa.py_buffer(joined), columns.body_starts, columns.body_lengths)
    return _Part([int(file.counts.sum()) for file in group], columns.sequence_numbers, columns.enqueued_us, bodies)


def _views(buffer: Bytes, data: pa.Buffer, starts: Longs, lengths: Longs) -> pa.Array:
    """Binary views into the buffer, without a copy.

    Each view has four integers: length, first four bytes, number of the buffer, offset; see
    https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout.
    """
    views = np.zeros((len(starts), 4), np.int32)
    views[:, 0] = lengths
    views[:, 3] = starts
    words = np.ndarray((max(len(buffer) - 3, 0),), "<i4", buffer, 0, (1,))
    views[:, 1] = words[np.minimum(starts, len(words) - 1)]
    short = np.flatnonzero(lengths <= INLINE_BYTES)
    if len(short):
        within = np.arange(INLINE_BYTES)
        there = within < lengths[short, None]
        inline = np.where(there, buffer[np.where(there, starts[short, None] + within, 0)], 0)
        views[short, 1:] = inline.astype(np.uint8).view(np.int32)
    return pa.Array.from_buffers(pa.binary_view(), len(starts), [None, pa.py_buffer(views), data])


# --- fastavro --------------------------------------------------------------------------------------------------------


def _read(file: _File) -> _Part:
    """Read a file by fastavro. Raise Unreadable, also if a block does not end with its last record."""
    sequence_numbers: list[int] = []
    enqueued_us: list[int] = []
    bodies: list[bytes] = []
    try:
        for block in _blocks(file.content) if len(file.starts) else ():
            for record in block:
                assert isinstance(record, dict)
                sequence_numbers.append(record["SequenceNumber"])
                enqueued_us.append(_enqueued_us(record))
                bodies.append(record["Body"] or b"")
            if block.bytes_.read(1):
                raise ValueError("a block is longer than its records")
        if len(bodies) != int(file.counts.sum()):
            raise ValueError("blocks have fewer records than they say")
    except MemoryError:
        raise
    except Exception as error:  # fastavro raises what its parsers raise: a dozen types for damaged bytes
        raise Unreadable(f"after {len(bodies)} events: {type(error).__name__}: {error}") from error
    return _Part(
        [len(bodies)],
        np.array(sequence_numbers, np.int64),
        np.array(enqueued_us, np.int64),
        pa.array(bodies, pa.binary()).cast(pa.binary_view()),  # over one buffer
    )


def _blocks(content: Content) -> Iterator[Any]:
    """The blocks of a file. Texts of the sender are not used, so one that is not UTF-8 must not fail the file."""
    return fastavro.block_reader(BytesIO(content), reader_schema=_SCHEMA, handle_unicode_errors="replace")


def _enqueued_us(record: Mapping[str, Any]) -> int:
    exact = record["SystemProperties"].get("x-opt-enqueued-time")
    if isinstance(exact, int):
        datetime.fromtimestamp(exact / 1000, UTC)  # raises if out of range
        return exact * 1000
    return read_enqueued_text(record["EnqueuedTimeUtc"].encode())
