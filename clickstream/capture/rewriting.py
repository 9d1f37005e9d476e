"""Rewrites captured Avro files with some records changed. The header and all other blocks stay byte for byte."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import fastavro
from fastavro.write import Writer

from clickstream.capture.decode import Unreadable

Record = Mapping[str, Any]
Change = Callable[[Record], Record]
SYNC_BYTES = 16
CODECS = ("null", "deflate")


def bodies_of(data: bytes, numbers: Collection[int]) -> Iterator[bytes]:
    """The bodies of a file's records of these sequence numbers. Raise as fastavro does."""
    records: Any = fastavro.reader(BytesIO(data))
    return (record["Body"] or b"" for record in records if record["SequenceNumber"] in numbers)


def rewrite(data: bytes, numbers: frozenset[int], change: Change) -> bytes:
    """The file with `change` applied to the records of these sequence numbers. Raise Unreadable."""
    try:
        # Nothing reads a record's properties, so one that is not UTF-8 must not block an erasure.
        blocks = fastavro.block_reader(BytesIO(data), handle_unicode_errors="replace")
        schema, codec = blocks.writer_schema, blocks.metadata.get("avro.codec", "null")
        parts: list[bytes] = []
        for block in blocks:
            if not parts:
                parts.append(data[: block.offset])
            records: list[Any] = list(block)
            if not any(record["SequenceNumber"] in numbers for record in records):
                parts.append(data[block.offset : block.offset + block.size])
                continue
            changed = [change(record) if record["SequenceNumber"] in numbers else record for record in records]
            parts.append(_block(changed, schema, codec, parts[0][-SYNC_BYTES:]))
    except Exception as error:  # fastavro raises a dozen types for damaged bytes
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return b"".join(parts) or data


def _block(records: Sequence[Any], schema: Any, codec: str, sync: bytes) -> bytes:
    if codec not in CODECS:
        raise ValueError(f"blocks packed by {codec} are not written here")
    file = BytesIO()
    writer = Writer(file, schema, codec, sync_interval=sys.maxsize, sync_marker=sync)
    header = file.tell()
    for record in records:
        writer.write(record)
    writer.flush()
    return file.getvalue()[header:]
