"""AMQP messages, split at their sections (OASIS AMQP 1.0, part 3.2) without decoding properties and body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .codec import CodecError, Described, decode, described, long, skip, string, timestamp
from .frames import symbol_map

HEADER, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = range(0x70, 0x75)
DATA, SEQUENCE, VALUE, FOOTER = range(0x75, 0x79)
BATCH_FORMAT = 0x80013700
PARTITION_KEY = "x-opt-partition-key"
# Names of the properties section's fields, in order.
PROPERTY_NAMES = (
    "message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding",
    "absolute-expiry-time", "creation-time", "group-id", "group-sequence", "reply-to-group-id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event of a producer. `carried` are its AMQP properties and body as they were sent."""

    carried: bytes
    partition_key: str | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """The decoded content of one event."""

    body: bytes
    properties: Mapping[str, Any]
    application_properties: Mapping[str, Any]


def sections(message: bytes) -> list[tuple[int, int, int]]:
    """Code, start and end of every section. Raise CodecError for bytes that are not a message."""
    spans = []
    position = 0
    while position < len(message):
        if message[position] != 0:
            raise CodecError("a section without a descriptor")
        code, value_at = decode(message, position + 1)
        if not isinstance(code, int) or not HEADER <= code <= FOOTER:
            raise CodecError(f"{code!r} is not a section of a message")
        end = skip(message, value_at)
        spans.append((code, position, end))
        position = end
    return spans


def read_events(message: bytes, message_format: int) -> list[Incoming]:
    """The events of one delivery. In a batch each data section is a whole message. Raise CodecError."""
    if message_format != BATCH_FORMAT:
        return [_read_event(message, None)]
    outer = sections(message)
    key = _partition_key(message, outer)
    inner = []
    for code, start, _ in outer:
        if code == DATA:
            raw = decode(message, start)[0].value
            if not isinstance(raw, bytes):
                raise CodecError("a data section is not bytes")
            inner.append(_read_event(raw, key))
    return inner


def _read_event(message: bytes, batch_key: str | None) -> Incoming:
    spans = sections(message)
    carried = b"".join(message[start:end] for code, start, end in spans if code >= PROPERTIES)
    return Incoming(carried, _partition_key(message, spans) or batch_key)


def _partition_key(message: bytes, spans: list[tuple[int, int, int]]) -> str | None:
    for code, start, _ in spans:
        if code == MESSAGE_ANNOTATIONS:
            pairs = _section_value(message, start, dict)
            key = pairs.get(PARTITION_KEY)
            return None if key is None else str(key)
    return None


def _section_value(message: bytes, start: int, kind: type) -> Any:
    section = decode(message, start)[0]
    value = section.value if isinstance(section, Described) else None
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise CodecError(f"a section is not a {kind.__name__}")
    return value


def delivered(sequence: int, offset: int, enqueued_ms: int, key: str | None, carried: bytes) -> bytes:
    """An event as a consumer receives it: the annotations of Event Hubs, then the producer's sections."""
    pairs = [
        ("x-opt-sequence-number", long(sequence)),
        ("x-opt-offset", string(str(offset))),
        ("x-opt-enqueued-time", timestamp(enqueued_ms)),
    ]
    if key is not None:
        pairs.append((PARTITION_KEY, string(key)))
    return described(MESSAGE_ANNOTATIONS, symbol_map(pairs)) + carried


def decode_event(carried: bytes) -> Decoded:
    """Decode an event's properties and body.

    A body of another kind than data sections stays AMQP bytes. Properties that cannot be decoded are omitted.
    """
    body = b""
    properties: dict[str, Any] = {}
    application: dict[str, Any] = {}
    for code, start, end in sections(carried):
        try:
            if code == DATA:
                body += _section_value(carried, start, bytes)
            elif code in (SEQUENCE, VALUE):
                body += carried[start:end]
            elif code == PROPERTIES:
                values = _section_value(carried, start, list)
                properties = {n: v for n, v in zip(PROPERTY_NAMES, values, strict=False) if v is not None}
            elif code == APPLICATION_PROPERTIES:
                application = {str(name): value for name, value in _section_value(carried, start, dict).items()}
        except CodecError:
            if code == DATA:
                body += carried[start:end]
    return Decoded(body, properties, application)
