"""Captured files written anew with some of their records changed: header and all other blocks stay as they are."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import fastavro

from clickstream.compacting.decode import Unreadable

Record = Mapping[str, Any]
Change = Callable[[Record], Record]
SYNC_BYTES = 16


def rewrite(data: bytes, numbers: frozenset[int], change: Change) -> bytes:
    """The file with the records of these sequence numbers changed. Raise Unreadable."""
    try:
        blocks = fastavro.block_reader(BytesIO(data))
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
            parts.append(_block(changed, schema, codec) + parts[0][-SYNC_BYTES:])
    except Exception as error:  # fastavro raises what its parsers raise: a dozen types for damaged bytes
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return b"".join(parts) or data


def _block(records: Sequence[Record], schema: Any, codec: str) -> bytes:
    content = BytesIO()
    for record in records:
        fastavro.schemaless_writer(content, schema, record)
    packed = content.getvalue()
    if codec == "deflate":
        packed = zlib.compress(packed, wbits=-15)
    elif codec != "null":
        raise ValueError(f"blocks packed by {codec} are not written here")
    return _long(len(records)) + _long(len(packed)) + packed


def _long(value: int) -> bytes:
    rest = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
