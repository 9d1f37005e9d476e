"""Write Avro files as Event Hubs Capture does: the same schema text, metadata order and blocks (Avro 1.11)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SCHEMA = (
    '{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":['
    '{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"EnqueuedTimeUtc",'
    '"type":"string"},{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},'
    '{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes","null"]}},'
    '{"name":"Body","type":["null","bytes"]}]}'
)
BLOCK_BYTES = 65_536
SYNC_BYTES = 16


@dataclass(frozen=True, slots=True)
class Record:
    """One captured event."""

    sequence: int
    offset: int
    enqueued_ms: int
    system_properties: Mapping[str, Any]
    properties: Mapping[str, Any]
    body: bytes


def write_file(records: Sequence[Record], sync: bytes) -> bytes:
    """The bytes of a file: 508 with one empty block if there are no records. `sync` is SYNC_BYTES random bytes."""
    metadata = _map([("avro.codec", _bytes(b"null")), ("avro.schema", _bytes(SCHEMA.encode()))])
    parts = [b"Obj\x01", metadata, sync]
    for block in _blocks(records):
        data = b"".join(block)
        parts += [_long(len(block)), _long(len(data)), data, sync]
    return b"".join(parts)


def enqueued_text(enqueued_ms: int) -> str:
    """The time as Capture writes it: `M/d/yyyy h:mm:ss tt` in UTC, whole seconds."""
    moment = datetime.fromtimestamp(enqueued_ms // 1000, UTC)
    half = "AM" if moment.hour < 12 else "PM"
    clock = f"{moment.hour % 12 or 12}:{moment.minute:02}:{moment.second:02}"
    return f"{moment.month}/{moment.day}/{moment.year} {clock} {half}"


def _blocks(records: Sequence[Record]) -> Iterable[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for record in records:
        encoded = _record(record)
        block.append(encoded)
        size += len(encoded)
        if size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block or not records:
        yield block


def _record(record: Record) -> bytes:
    return b"".join(
        (
            _long(record.sequence),
            _text(str(record.offset)),
            _text(enqueued_text(record.enqueued_ms)),
            _map([(name, _union(value)) for name, value in record.system_properties.items()]),
            _map([(name, _union(value)) for name, value in record.properties.items()]),
            b"\x02" + _bytes(record.body),
        )
    )


def _union(value: Any) -> bytes:
    # Microsoft does not document how booleans, timestamps and other types are mapped. As text they lose nothing.
    match value:
        case None:
            return b"\x08"
        case bool():
            return b"\x04" + _text(str(value))
        case int() if -(2**63) <= value < 2**63:
            return b"\x00" + _long(value)
        case float():
            return b"\x02" + struct.pack("<d", value)
        case bytes():
            return b"\x06" + _bytes(value)
        case _:
            return b"\x04" + _text(str(value))


def _map(pairs: Sequence[tuple[str, bytes]]) -> bytes:
    if not pairs:
        return b"\x00"
    return _long(len(pairs)) + b"".join(_text(name) + value for name, value in pairs) + b"\x00"


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _bytes(value: bytes) -> bytes:
    return _long(len(value)) + value


def _long(value: int) -> bytes:
    rest = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
