"""AMQP 1.0 frames (OASIS AMQP 1.0, parts 2, 3 and 5): performatives to and from bytes.

Every field of a performative is written, nulls included, because one client reads fields by index without a check.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from .codec import (
    NULL,
    CodecError,
    Described,
    boolean,
    decode,
    described,
    listed,
    mapped,
    string,
    symbol,
    symbols,
    ubyte,
    uint,
    ulong,
    ushort,
)

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44
ACCEPTED, REJECTED = 0x24, 0x25
ERROR, SOURCE, TARGET = 0x1D, 0x28, 0x29
# Types of fields that are not null: n is a number of at most 32 bits, b a boolean, t text, x bytes, m a map, . any.
_SHAPES = {
    OPEN: "ttnnn.....",
    BEGIN: "nnnnn...",
    ATTACH: "tnbnn........m",
    FLOW: "nnnnnnnnbb.",
    TRANSFER: "nnxnbbn.bbb",
    DISPOSITION: "bnnb.b",
    DETACH: "nb.",
    END: ".",
    CLOSE: ".",
}
_REQUIRED = {ATTACH: 3, TRANSFER: 1, DETACH: 1}  # how many of the first fields are mandatory
SOURCE_FIELDS, TARGET_FIELDS = 11, 7

MAX_FRAME_BYTES = 65_536
IDLE_MS = 240_000
HEARTBEAT = b"\x00\x00\x00\x08\x02\x00\x00\x00"


def frame(channel: int, body: bytes, kind: int = 0) -> bytes:
    """One frame; `kind` 0 is AMQP, 1 is SASL."""
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


def parse(body: bytes) -> tuple[int, list[Any], int]:
    """A performative's code, its fields (type-checked and padded to their full number), and the offset of its payload.

    Raise CodecError for a body that is not a performative, or a field of the wrong type.
    """
    value, end = decode(body)
    if not isinstance(value, Described) or not isinstance(value.descriptor, int) or not isinstance(value.value, list):
        raise CodecError("a frame's body is not a performative")
    code, fields = value.descriptor, value.value
    shape = _SHAPES.get(code, "")
    for position, (kind, field) in enumerate(zip(shape, fields, strict=False)):
        if field is not None and not _fits(kind, field):
            raise CodecError(f"field {position} of performative {code:#x} cannot be {field!r:.40}")
    fields += [None] * (len(shape) - len(fields))
    if None in fields[: _REQUIRED.get(code, 0)]:
        raise CodecError(f"performative {code:#x} lacks a mandatory field")
    return code, fields, end


def _fits(kind: str, field: object) -> bool:
    match kind:
        case "n":
            return isinstance(field, int) and not isinstance(field, bool) and 0 <= field < 2**32
        case "b":
            return isinstance(field, bool)
        case "t":
            return isinstance(field, str)
        case "x":
            return isinstance(field, bytes)
        case "m":
            return isinstance(field, dict)
        case _:
            return True


def terminus(value: object, count: int) -> list[Any]:
    """The fields of a source or target, padded to `count`. Null has empty fields."""
    fields = value.value if isinstance(value, Described) and isinstance(value.value, list) else []
    return [*fields, *[None] * (count - len(fields))]


def sasl_mechanisms() -> bytes:
    offered = symbols(["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"])
    return frame(0, described(SASL_MECHANISMS, listed([offered])), 1)


def sasl_ok() -> bytes:
    return frame(0, described(SASL_OUTCOME, listed([ubyte(0), NULL])), 1)


def open_(container: str, idle_ms: int) -> bytes:
    fields = [string(container), NULL, uint(MAX_FRAME_BYTES), ushort(4999), uint(idle_ms), *[NULL] * 5]
    return frame(0, described(OPEN, listed(fields)))


def begin(channel: int, remote_channel: int, window: int) -> bytes:
    fields = [ushort(remote_channel), uint(1), uint(window), uint(window), uint(255), NULL, NULL, NULL]
    return frame(channel, described(BEGIN, listed(fields)))


def attach(
    channel: int,
    *,
    name: str,
    handle: int,
    is_receiver: bool,
    source: bytes,
    target: bytes,
    max_message_bytes: int | None = None,
) -> bytes:
    """The emulator's attach frame. `is_receiver` is true if the client sends."""
    fields = [
        string(name),
        uint(handle),
        boolean(is_receiver),
        ubyte(0 if is_receiver else 1),
        ubyte(0),
        source,
        target,
        NULL,
        NULL,
        NULL if is_receiver else uint(0),
        NULL if max_message_bytes is None else ulong(max_message_bytes),
        NULL,
        NULL,
        NULL,
    ]
    return frame(channel, described(ATTACH, listed(fields)))


def source(address: str) -> bytes:
    fields = [string(address), uint(0), symbol("session-end"), uint(0), boolean(False)]
    return described(SOURCE, listed([*fields, *[NULL] * (SOURCE_FIELDS - len(fields))]))


def target(address: str) -> bytes:
    fields = [string(address), uint(0), symbol("session-end"), uint(0), boolean(False), NULL, NULL]
    return described(TARGET, listed(fields))


def flow(
    channel: int, *, next_incoming: int, next_outgoing: int, window: int, handle: int, delivery_count: int, credit: int,
    drain: bool = False,
) -> bytes:  # fmt: skip
    fields = [
        uint(next_incoming),
        uint(window),
        uint(next_outgoing),
        uint(window),
        uint(handle),
        uint(delivery_count),
        uint(credit),
        NULL,
        boolean(drain),
        boolean(False),
        NULL,
    ]
    return frame(channel, described(FLOW, listed(fields)))


def transfer(channel: int, handle: int, delivery: int, message: bytes, max_frame: int) -> list[bytes]:
    """A settled delivery of message format 0, split into frames of at most `max_frame` bytes."""
    room = max_frame - len(_transfer_head(channel, handle, delivery, more=False, payload_bytes=0))
    starts = range(0, len(message), room)
    return [
        _transfer_head(channel, handle, delivery, start + room < len(message), len(message[start : start + room]))
        + message[start : start + room]
        for start in starts
    ]


def _transfer_head(channel: int, handle: int, delivery: int, more: bool, payload_bytes: int) -> bytes:
    # handle, delivery-id, delivery-tag, message-format, settled, more, then five nulls: 32 bytes of fields.
    fields = (
        struct.pack(
            ">BIBIBBIBIBB", 0x70, handle, 0x70, delivery, 0xA0, 4, delivery, 0x70, 0, 0x41, 0x41 if more else 0x42
        )
        + NULL * 5
    )
    body = b"\x00\x53\x14\xc0" + bytes((len(fields) + 1, 11)) + fields
    return struct.pack(">IBBH", 8 + len(body) + payload_bytes, 2, 0, channel) + body


def disposition(channel: int, first: int, last: int, outcome: bytes) -> bytes:
    """Settle received deliveries."""
    fields = [boolean(True), uint(first), uint(last), boolean(True), outcome, NULL]
    return frame(channel, described(DISPOSITION, listed(fields)))


def accepted() -> bytes:
    return described(ACCEPTED, listed([]))


def rejected(condition: str, description: str) -> bytes:
    return described(REJECTED, listed([error(condition, description)]))


def error(condition: str, description: str) -> bytes:
    return described(ERROR, listed([symbol(condition), string(description), NULL]))


def detach(channel: int, handle: int, problem: bytes = NULL) -> bytes:
    return frame(channel, described(DETACH, listed([uint(handle), boolean(True), problem])))


def end(channel: int) -> bytes:
    return frame(channel, described(END, listed([NULL])))


def close(problem: bytes = NULL) -> bytes:
    return frame(0, described(CLOSE, listed([problem])))


def symbol_map(pairs: Sequence[tuple[str, bytes]]) -> bytes:
    """A map with symbol keys."""
    return mapped((symbol(key), value) for key, value in pairs)
