"""JSON from outside is strict, bounded and safe to keep."""

from __future__ import annotations

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.json_values import MAX_DEPTH, bounded_fields, parse_json
from clickstream.collecting.tolerance import MAX_LEFT_OUT, LeftOut
from clickstream.errors import InvalidRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_kept_can_always_be_written(value: Any) -> None:
    try:
        kept = bounded_fields({"value": parse_json(json.dumps(value).encode())}, LeftOut())
    except InvalidRequest:
        return
    assert orjson.loads(orjson.dumps(kept)) == kept


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_clear_refusal(body: bytes) -> None:
    try:
        bounded_fields({"value": parse_json(body)}, LeftOut())
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
        (b'{"long": "' + b"x" * 8193 + b'", "a": [0, NaN]}', "/a/1"),
    ],
)
def test_a_value_that_is_no_json_is_refused_with_its_place(text: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bounded_fields(parse_json(text), LeftOut())
    assert (caught.value.code, caught.value.pointer) == ("schema_violation", pointer)


@pytest.mark.parametrize(
    ("value", "kept", "pointer"),
    [
        ({str(n): n for n in range(201)}, {str(n): n for n in range(200)}, "/a"),
        (list(range(501)), list(range(500)), "/a"),
        ("word " * 2_000, ("word " * 1_638).rstrip(), "/a"),
        ("x" * 9_000, "", "/a"),
        ({"k" * 9_000: 1, "b": 2}, {"b": 2}, "/a"),
        ({"x/y": ["z" * 9_000]}, {"x/y": [""]}, "/a/x~1y/0"),
    ],
    ids=["keys", "items", "a text", "a text without words", "a key", "a place"],
)
def test_what_is_over_a_limit_is_cut_and_named(value: Any, kept: Any, pointer: str) -> None:
    left_out = LeftOut()
    assert bounded_fields({"a": value, "b": 1}, left_out) == {"a": kept, "b": 1}
    assert [entry["pointer"] for entry in left_out.entries()] == [pointer]


def test_what_is_nested_too_deep_ends_where_it_is_too_deep() -> None:
    left_out = LeftOut()
    kept: Any = bounded_fields(parse_json(b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}"), left_out)["a"]
    depth = 0
    while isinstance(kept, list):
        kept, depth = kept[0], depth + 1
    assert (depth, kept) == (MAX_DEPTH, None)
    assert [entry["pointer"] for entry in left_out.entries()] == ["/a" + "/0" * MAX_DEPTH]


def test_of_much_that_is_left_out_the_first_are_named_and_the_others_counted() -> None:
    left_out = LeftOut()
    bounded_fields({"a": ["x" * 9_000] * 100}, left_out)
    entries = left_out.entries()
    assert len(entries) == MAX_LEFT_OUT + 1
    assert entries[-1] == {"pointer": "", "message": f"and {100 - MAX_LEFT_OUT} more"}


@pytest.mark.parametrize("text", [b"", b"{", b"{} {}", b"[" * 100_000, b'{"a":1,}', "{}".encode("utf-16")])
def test_a_text_without_structure_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_json(text)
    assert caught.value.code == "payload_format"


def test_whole_numbers_beyond_64_bits_become_their_digits() -> None:
    text = b'{"fits": 9223372036854775807, "over": 9223372036854775808, "under": -9223372036854775809, "long": %s}'
    assert bounded_fields(parse_json(text % (b"9" * 5000)), LeftOut()) == {
        "fits": 2**63 - 1,
        "over": "9223372036854775808",
        "under": "-9223372036854775809",
        "long": "9" * 5000,
    }


def test_a_byte_order_mark_is_skipped_and_the_last_of_two_keys_counts() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("count", [1, 199, 200, 250, 399, 400, 401, 599, 4_300, 5_000])
def test_digits_of_any_length_are_kept_in_a_large_text(count: int) -> None:
    digits = "9" * count
    text = f'{{"number": {digits}, "text": "{digits}", "more": "{"x" * 5_000}"}}'.encode()
    found = parse_json(text)
    assert (found["number"] if isinstance(found["number"], str) else f"{10**count - 1}") == digits
    assert isinstance(found["number"], str) or found["number"] == 10**count - 1
    assert found["text"] == digits


@pytest.mark.parametrize("part", [b'"website"', b"e", b"\\u00", b"x,"])
def test_a_large_body_that_is_no_json_is_refused_at_once(part: bytes) -> None:
    body = part * (4_194_304 // len(part) // 8)
    seconds = []
    for _ in range(5):
        began = time.process_time()
        with pytest.raises(InvalidRequest):
            parse_json(body)
        seconds.append(time.process_time() - began)
    # An eighth of the limit, and the best of some tries: beside other work each takes longer.
    assert min(seconds) < 0.3
