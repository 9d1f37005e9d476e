"""AMQP values, against the SDK's own codec and against random bytes."""

from __future__ import annotations

import contextlib
import math
from typing import Any
from uuid import UUID

import pytest
from azure.eventhub._pyamqp import _decode as sdk_decode
from azure.eventhub._pyamqp import _encode as sdk_encode
from hypothesis import given
from hypothesis import strategies as st

from local.event_hubs import codec
from local.event_hubs.codec import CodecError, Described, Symbol, Timestamp, decode, skip

LONGS = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(alphabet=st.characters(codec="ascii"), max_size=300)
# What the SDK encodes from plain Python values, as it does for properties and bodies.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300)
    | st.uuids()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(NAMES, inner, max_size=8), max_leaves=30
)
ENCODED = st.one_of(
    st.just((codec.NULL, None)),
    st.booleans().map(lambda v: (codec.boolean(v), v)),
    st.integers(0, 2**8 - 1).map(lambda v: (codec.ubyte(v), v)),
    st.integers(0, 2**16 - 1).map(lambda v: (codec.ushort(v), v)),
    st.integers(0, 2**32 - 1).map(lambda v: (codec.uint(v), v)),
    st.integers(0, 2**64 - 1).map(lambda v: (codec.ulong(v), v)),
    st.integers(-(2**31), 2**31 - 1).map(lambda v: (codec.int32(v), v)),
    LONGS.map(lambda v: (codec.long(v), v)),
    LONGS.map(lambda v: (codec.timestamp(v), v)),
    st.binary(max_size=600).map(lambda v: (codec.binary(v), v)),
    st.text(max_size=600).map(lambda v: (codec.string(v), v)),
    NAMES.map(lambda v: (codec.symbol(v), v)),
    # The SDK stumbles over an empty array, which is never sent.
    st.lists(NAMES, min_size=1, max_size=9).map(lambda v: (codec.symbols(v), v)),
)


def by_sdk(encoded: bytes) -> Any:
    rest, value = sdk_decode._DECODE_BY_CONSTRUCTOR[encoded[0]](memoryview(encoded)[1:])
    assert not rest
    return as_text(value)


def as_text(value: object) -> object:
    """The SDK reads text as bytes; both sides are compared as bytes."""
    match value:
        case str():
            return value.encode()
        case memoryview():
            return bytes(value)
        case list():
            return [as_text(item) for item in value]
        case dict():
            return {as_text(key): as_text(item) for key, item in value.items()}
        case _:
            return value


@given(VALUES)
def test_what_the_sdk_encodes_is_decoded_and_skipped_to_its_end(value: Any) -> None:
    output = bytearray()
    sdk_encode.encode_value(output, value)
    encoded = bytes(output)
    decoded, end = decode(encoded)
    assert (as_text(decoded), end) == (as_text(value), len(encoded))
    assert skip(encoded + b"more", 0) == len(encoded)


@given(ENCODED)
def test_the_sdk_decodes_what_is_encoded_here(pair: tuple[bytes, object]) -> None:
    encoded, value = pair
    assert by_sdk(encoded) == as_text(value)
    assert as_text(decode(encoded)[0]) == as_text(value)


@given(st.lists(ENCODED, max_size=300))
def test_lists_and_maps_of_any_size_are_read_by_both(pairs: list[tuple[bytes, object]]) -> None:
    values = [as_text(value) for _, value in pairs]
    as_list = codec.listed([encoded for encoded, _ in pairs])
    assert as_list[0] != 0x45, "one client does not know the empty list's own code"
    as_map = codec.mapped((codec.ulong(place), encoded) for place, (encoded, _) in enumerate(pairs))
    assert by_sdk(as_list) == as_text(decode(as_list)[0]) == values
    assert by_sdk(as_map) == as_text(decode(as_map)[0]) == dict(enumerate(values))


def test_types_without_a_python_twin_keep_their_meaning() -> None:
    assert isinstance(decode(codec.symbol("a"))[0], Symbol)
    assert isinstance(decode(codec.timestamp(1))[0], Timestamp)
    assert decode(codec.described(0x24, codec.listed([])))[0] == Described(0x24, [])
    assert decode(b"\x98" + bytes(range(16)))[0] == UUID(bytes=bytes(range(16)))
    assert math.isnan(decode(b"\x72\x7f\xc0\x00\x00")[0])


@given(st.binary(max_size=200), st.sampled_from([0x00, 0xC0, 0xC1, 0xD0, 0xD1, 0xE0, 0xF0, 0xA1, 0xA3, 0x98]))
def test_bytes_of_no_meaning_are_refused_or_read_but_nothing_else(noise: bytes, first: int) -> None:
    for buffer in (noise, bytes((first,)) + noise):
        with contextlib.suppress(CodecError):
            assert 0 < decode(buffer)[1] <= len(buffer)
        with contextlib.suppress(CodecError):
            assert 0 < skip(buffer, 0) <= len(buffer)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40",  # four billion nulls
        b"\xd0\x00\x00\x00\x05\xff\xff\xff\xff\x40",
        b"\xd0\xff\xff\xff\xff\x00\x00\x00\x01\x40",  # longer than the buffer
        b"\xc0\x03\x02\x40",
        b"\x00" * 100_000,  # descriptors of descriptors
        b"\xc0\x09\x01" * 50 + b"\x40",
        b"\xc1\x03\x01\x40\x40",  # a map of one and a half pairs
        b"\xd1\x00\x00\x00\x06\x00\x00\x00\x02\x45\x40",  # a list as a map's key
        b"\xa1\x01\xff",  # no UTF-8
    ],
    ids=lambda value: value[:4].hex(),
)
def test_values_that_lie_about_themselves_are_refused(hostile: bytes) -> None:
    with pytest.raises(CodecError):
        decode(hostile)
