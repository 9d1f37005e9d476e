"""Avro files of Capture to their events' bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fastavro

# A quarter of the work of reading all fields; the rest is skipped by the reader.
_SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "EventData",
        "namespace": "Microsoft.ServiceBus.Messaging",
        "fields": [
            {"name": "SequenceNumber", "type": "long"},
            {"name": "EnqueuedTimeUtc", "type": "string"},
            {
                "name": "SystemProperties",
                "type": {"type": "map", "values": ["long", "double", "string", "bytes"]},
            },
            {"name": "Body", "type": ["null", "bytes"]},
        ],
    }
)


class Unreadable(Exception):
    """A file that is no capture file, or is damaged; the message says where."""


@dataclass(slots=True)
class Captured:
    """A file's events, column by column; `enqueued_us` are microseconds since 1970."""

    sequence_numbers: list[int] = field(default_factory=list)
    enqueued_us: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


def decode_file(data: bytes) -> Captured:
    """All events of one file; none for an empty one. Raise Unreadable where any part of it cannot be read."""
    captured = Captured()
    if not data:
        return captured
    try:
        for record in fastavro.reader(BytesIO(data), reader_schema=_SCHEMA):
            assert isinstance(record, dict)
            captured.sequence_numbers.append(record["SequenceNumber"])
            captured.enqueued_us.append(_enqueued_us(record))
            captured.bodies.append(record["Body"] or b"")
    except Exception as error:  # fastavro raises what its parsers raise: a dozen types for damaged bytes
        raise Unreadable(f"after {len(captured.bodies)} events: {type(error).__name__}: {error}") from error
    return captured


def _enqueued_us(record: Mapping[str, Any]) -> int:
    exact = record["SystemProperties"].get("x-opt-enqueued-time")
    if isinstance(exact, int):
        datetime.fromtimestamp(exact / 1000, UTC)  # raises for what is no moment
        return exact * 1000
    moment = datetime.strptime(record["EnqueuedTimeUtc"], "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000
