"""JSON from outside is strict, bounded and safe to keep."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.json_values import bounded_fields, parse_json
from clickstream.errors import InvalidRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_kept_can_always_be_written(value: Any) -> None:
    try:
        kept = bounded_fields({"value": parse_json(json.dumps(value).encode())})
    except InvalidRequest:
        return
    assert orjson.loads(orjson.dumps(kept)) == kept


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_clear_refusal(body: bytes) -> None:
    try:
        bounded_fields({"value": parse_json(body)})
    except InvalidRequest as problem:
        assert problem.code in ("payload_format", "schema_violation")


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (b'{"a": NaN}', "/a"),
        (b'{"a": [1, 1e999]}', "/a/1"),
        (b'{"a": "\\ud800"}', "/a"),
        (b'{"a/b~c": "\xff"}', "/a~1b~0c"),
        (b'{"\\udfff": 1}', ""),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "/a" + "/0" * 16),
        (b'{"a": "' + b"x" * 8193 + b'"}', "/a"),
        (b'{"a": {' + b",".join(b'"%d":0' % i for i in range(201)) + b"}}", "/a"),
        (b'{"a": [' + b",".join([b"0"] * 501) + b"]}", "/a"),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_with_its_place(text: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bounded_fields(parse_json(text))
    assert (caught.value.code, caught.value.pointer) == ("schema_violation", pointer)


@pytest.mark.parametrize("text", [b"", b"{", b"{} {}", b"[" * 100_000, b'{"a":1,}', "{}".encode("utf-16")])
def test_a_text_without_structure_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_json(text)
    assert caught.value.code == "payload_format"


def test_whole_numbers_beyond_64_bits_become_their_digits() -> None:
    text = b'{"fits": 9223372036854775807, "over": 9223372036854775808, "under": -9223372036854775809, "long": %s}'
    assert bounded_fields(parse_json(text % (b"9" * 5000))) == {
        "fits": 2**63 - 1,
        "over": "9223372036854775808",
        "under": "-9223372036854775809",
        "long": "9" * 5000,
    }


def test_a_byte_order_mark_is_skipped_and_the_last_of_two_keys_counts() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1, "a": 2}') == {"a": 2}
