"""AMQP 1.0 types (OASIS AMQP 1.0, part 1) to and from bytes.

Encoders return bytes that callers join into frames, so each call names the AMQP type that it writes. Decoders check
each length: a value that is longer than its buffer raises CodecError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

NULL = b"\x40"
TRUE = b"\x41"
FALSE = b"\x42"
MAX_DEPTH = 32


class CodecError(ValueError):
    """The bytes are not a valid AMQP value, frame or message."""


class Symbol(str):
    """An AMQP symbol: a name defined by a protocol, in ASCII."""

    __slots__ = ()


class Timestamp(int):
    """An AMQP timestamp: milliseconds since 1970 in UTC."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A described value: its descriptor names its meaning."""

    descriptor: object
    value: Any


# --- encoding ------------------------------------------------------------------------------------------------------


def boolean(value: bool) -> bytes:
    return TRUE if value else FALSE


def ubyte(value: int) -> bytes:
    return struct.pack(">BB", 0x50, value)


def ushort(value: int) -> bytes:
    return struct.pack(">BH", 0x60, value)


def uint(value: int) -> bytes:
    return struct.pack(">BI", 0x70, value)


def ulong(value: int) -> bytes:
    return struct.pack(">BQ", 0x80, value)


def int32(value: int) -> bytes:
    return struct.pack(">Bi", 0x71, value)


def long(value: int) -> bytes:
    return struct.pack(">Bq", 0x81, value)


def timestamp(milliseconds: int) -> bytes:
    return struct.pack(">Bq", 0x83, milliseconds)


def binary(value: bytes) -> bytes:
    return _sized(0xA0, 0xB0, value)


def string(value: str) -> bytes:
    return _sized(0xA1, 0xB1, value.encode())


def symbol(value: str) -> bytes:
    return _sized(0xA3, 0xB3, value.encode())


def symbols(values: Sequence[str]) -> bytes:
    """An array of symbols."""
    items = b"".join(struct.pack(">I", len(value)) + value.encode() for value in values)
    body = struct.pack(">IB", len(values), 0xB3) + items
    return struct.pack(">BI", 0xF0, len(body)) + body


def listed(items: Sequence[bytes]) -> bytes:
    """A list of encoded items. The empty-list code 0x45 is not used, because one client cannot read it."""
    body = b"".join(items)
    if len(body) < 255 and len(items) < 256:
        return struct.pack(">BBB", 0xC0, len(body) + 1, len(items)) + body
    return struct.pack(">BII", 0xD0, len(body) + 4, len(items)) + body


def mapped(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A map of encoded keys and values."""
    items = [part for pair in pairs for part in pair]
    body = b"".join(items)
    return struct.pack(">BII", 0xD1, len(body) + 4, len(items)) + body


def described(code: int, value: bytes) -> bytes:
    """A value with a numeric descriptor below 256."""
    return b"\x00\x53" + bytes((code,)) + value


def _sized(small: int, large: int, value: bytes) -> bytes:
    if len(value) < 256:
        return struct.pack(">BB", small, len(value)) + value
    return struct.pack(">BI", large, len(value)) + value


# --- decoding ------------------------------------------------------------------------------------------------------

# Constructors of fixed width: struct format, size in bytes, Python type.
_FIXED: dict[int, tuple[str, int, type]] = {
    0x50: (">B", 1, int),
    0x51: (">b", 1, int),
    0x52: (">B", 1, int),
    0x53: (">B", 1, int),
    0x54: (">b", 1, int),
    0x55: (">b", 1, int),
    0x56: (">B", 1, bool),
    0x60: (">H", 2, int),
    0x61: (">h", 2, int),
    0x70: (">I", 4, int),
    0x71: (">i", 4, int),
    0x72: (">f", 4, float),
    0x73: (">I", 4, int),
    0x80: (">Q", 8, int),
    0x81: (">q", 8, int),
    0x82: (">d", 8, float),
    0x83: (">q", 8, Timestamp),
}
_CONSTANTS: dict[int, object] = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}
# Struct format of the size field, by the high nibble of the constructor.
_SIZES = {0xA: ">B", 0xB: ">I", 0xC: ">B", 0xD: ">I", 0xE: ">B", 0xF: ">I"}
# Bytes of a value of fixed width, by the high nibble of the constructor.
_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}


def decode(buffer: bytes, position: int = 0) -> tuple[Any, int]:
    """Decode the value at `position`. Return it and the position after it. Raise CodecError."""
    try:
        return _value(buffer, position, 0)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise CodecError(f"not an AMQP value at byte {position}: {error}") from None


def skip(buffer: bytes, position: int) -> int:
    """The position after the value at `position`, without decoding it. Raise CodecError."""
    try:
        while buffer[position] == 0:  # a descriptor, then its value
            position = skip(buffer, position + 1)
        code = buffer[position]
        high = code >> 4
        if high in _WIDTHS:
            end = position + 1 + _WIDTHS[high]
        elif high in _SIZES:
            end = _extent(buffer, position + 1, _SIZES[high])[1]
        else:
            raise CodecError(f"{code:#x} is not an AMQP constructor")
    except (struct.error, IndexError, RecursionError) as error:
        raise CodecError(f"not an AMQP value at byte {position}: {error}") from None
    if end > len(buffer):
        raise CodecError("a value is longer than the buffer")
    return end


def _value(buffer: bytes, position: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise CodecError("nested too deep")
    code = buffer[position]
    if code == 0:
        descriptor, position = _value(buffer, position + 1, depth + 1)
        value, position = _value(buffer, position, depth + 1)
        return Described(descriptor, value), position
    return _constructed(code, buffer, position + 1, depth)


def _constructed(code: int, buffer: bytes, position: int, depth: int) -> tuple[Any, int]:
    if code in _CONSTANTS:
        return _CONSTANTS[code], position
    if code == 0x45:
        return [], position
    if code in _FIXED:
        layout, size, kind = _FIXED[code]
        return kind(struct.unpack_from(layout, buffer, position)[0]), position + size
    high = code >> 4
    if high == 0x9:
        if position + 16 > len(buffer):
            raise CodecError("a value is longer than the buffer")
        raw = buffer[position : position + 16]
        return (UUID(bytes=raw) if code == 0x98 else raw), position + 16
    if high not in _SIZES:
        raise CodecError(f"{code:#x} is not an AMQP constructor")
    start, end = _extent(buffer, position, _SIZES[high])
    if end > len(buffer):
        raise CodecError("a value is longer than the buffer")
    if high in (0xA, 0xB):
        return _variable(code & 0xF, buffer[start:end]), end
    count = struct.unpack_from(_SIZES[high], buffer, start)[0]
    start += struct.calcsize(_SIZES[high])
    if high in (0xE, 0xF):
        return _array(buffer, start, end, count, depth), end
    return _compound(code & 0xF, buffer, start, end, count, depth), end


def _extent(buffer: bytes, position: int, layout: str) -> tuple[int, int]:
    size = struct.unpack_from(layout, buffer, position)[0]
    start = position + struct.calcsize(layout)
    return start, start + size


def _variable(kind: int, raw: bytes) -> Any:
    if kind == 0:
        return raw
    if kind == 1:
        return raw.decode()
    if kind == 3:
        return Symbol(raw.decode("ascii"))
    raise CodecError("unknown type of variable width")


def _compound(kind: int, buffer: bytes, start: int, end: int, count: int, depth: int) -> Any:
    if count > end - start:
        raise CodecError("more items than bytes")
    items = []
    for _ in range(count):
        item, start = _value(buffer, start, depth + 1)
        items.append(item)
    if start > end:
        raise CodecError("the items are longer than their list")
    if kind == 0:
        return items
    if kind == 1 and count % 2 == 0:
        try:
            return dict(zip(items[::2], items[1::2], strict=True))
        except TypeError:
            raise CodecError("a map key is not hashable") from None
    raise CodecError("unknown compound type")


def _array(buffer: bytes, start: int, end: int, count: int, depth: int) -> list[Any]:
    # A few bytes could declare billions of items of zero width. No client sends such an array.
    if count > end - start:
        raise CodecError("more items than bytes")
    if not count:
        return []
    code = buffer[start]
    if code == 0:
        raise CodecError("arrays of described values are not supported")
    start += 1
    items = []
    for _ in range(count):
        item, start = _constructed(code, buffer, start, depth + 1)
        items.append(item)
    if start > end:
        raise CodecError("the items are longer than their array")
    return items
