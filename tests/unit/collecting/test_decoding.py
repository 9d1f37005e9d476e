"""Packed bodies: what they may unpack to, and what unpacking may cost."""

from __future__ import annotations

import gzip

import pytest

from clickstream.collecting.decoding import (
    MAX_FORM_ESCAPES,
    MAX_GZIP_MEMBERS,
    MAX_GZIP_RATIO,
    UNPACKED_FREELY_BYTES,
    decode_body,
    form_fields,
)
from clickstream.errors import InvalidRequest, RequestTooLarge
from tests.support.memory_bound import memory_within

LIMIT = 4_194_304


def test_as_many_members_as_trackers_write_are_one_body() -> None:
    packed = b"".join(gzip.compress(b"%x" % number) for number in range(MAX_GZIP_MEMBERS))
    assert decode_body(packed, {}, LIMIT) == b"0123456789abcdef"


@pytest.mark.parametrize("members", [MAX_GZIP_MEMBERS + 1, 200_000])
def test_a_stranger_cannot_have_thousands_of_empty_members_unpacked(members: int) -> None:
    packed = gzip.compress(b"") * members
    with pytest.raises(InvalidRequest, match="at most 16 members") as refused, memory_within(3 * len(packed)):
        decode_body(packed, {}, LIMIT)
    assert refused.value.code == "bad_encoding"


def test_a_body_that_unpacks_to_a_mebibyte_may_have_any_ratio() -> None:
    assert len(decode_body(gzip.compress(b" " * UNPACKED_FREELY_BYTES), {}, LIMIT)) == UNPACKED_FREELY_BYTES


def test_a_few_kilobytes_of_a_stranger_unpack_to_no_more_than_a_mebibyte() -> None:
    packed = gzip.compress(b" " * LIMIT)
    assert len(packed) * MAX_GZIP_RATIO < UNPACKED_FREELY_BYTES
    with pytest.raises(RequestTooLarge, match="may unpack to at most 1048576 bytes"), memory_within(4_000_000):
        decode_body(packed, {}, LIMIT)


def test_a_form_of_nothing_but_percent_signs_is_not_taken_apart() -> None:
    assert form_fields(b"a=" + b"%41" * 1_000) == {"a": "A" * 1_000}
    with pytest.raises(InvalidRequest, match="percent-encoded"), memory_within(1_000_000):
        form_fields(b"a=" + b"%41" * (MAX_FORM_ESCAPES + 1))
