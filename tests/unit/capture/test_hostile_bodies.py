"""No body on the hub, whatever it holds, stops the others or changes on its way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.capture.body_fallback import EARLIEST, LATEST, read_moment
from tests.unit.capture.bodies import GOOD, body, parse


def with_text(text: bytes) -> bytes:
    """A good event with more fields, in the words given."""
    return body()[:-1] + b"," + text + b"}"


def with_properties(text: bytes) -> bytes:
    return body(properties=...)[:-1] + b',"properties":' + text + b"}"


@pytest.mark.parametrize(
    ("bad", "failure_class"),
    [
        (with_text(b'"colour":NaN'), "payload_format"),
        (with_properties(b'{"a":-Infinity}'), "payload_format"),
        (with_properties(b"[nan]"), "payload_format"),
        (with_properties(b'{"a":[1,-iNf]}'), "payload_format"),
        (with_text(b'"violations":[NaN]'), "payload_format"),
        (with_text(b'"colour":"red",'), "payload_format"),
        (with_text(b'"page_title":"\\ud800"'), "payload_format"),
        (b"\xef\xbb\xbf" + body(), "payload_format"),
        (body() + body(), "payload_format"),
        (with_text(b'"q":1e999'), "schema_violation"),
        (with_text(b'"q":' + b"[" * 1500 + b"]" * 1500), "schema_violation"),
        (with_text(b'"q":' + b"9" * 5000), "schema_violation"),
        (body(session_index="9" * 5000), "schema_violation"),
    ],
)
def test_a_hostile_body_fails_alone(bad: bytes, failure_class: str) -> None:
    parsed = parse([body(event_id="before"), bad, body(event_id="after")])
    assert parsed.events["event_id"].to_pylist() == ["before", "after"]
    assert [(failure.row, failure.failure_class) for failure in parsed.failures] == [(1, failure_class)]
    assert 0 < len(parsed.failures[0].message) <= 300


@pytest.mark.parametrize(
    "moment",
    [
        "infinity",
        "epoch",
        "0044-03-15 (BC)",
        "0044-03-15 (BC)Z",
        "12345-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00+05:00",
        "2026-03-10",
        "2026-03-10T12:00:00",
        "2026-03-10T12:00:00 Europe/Berlin",
        1773144000,
    ],
)
@pytest.mark.parametrize("name", ["occurred_at", "created_at"])
def test_what_is_no_moment_with_its_zone_is_refused(name: str, moment: object) -> None:
    (failure,) = parse([body(**{name: moment})]).failures
    assert (failure.failure_class, failure.pointer) == ("schema_violation", f"/{name}")
    with pytest.raises(ValueError, match="RFC 3339"):
        read_moment(moment)


@given(st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)))
def test_every_moment_that_can_be_told_everywhere_survives(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    (row,) = parse([body(created_at=aware.isoformat())]).events.to_pylist()
    assert row["created_at"] == aware == read_moment(aware.isoformat())


def test_words_that_look_like_liberties_inside_strings_are_text() -> None:
    title = '[nan, Infinity], {"a": 1,}'
    (row,) = parse([body(page_title=title, properties={"note": title})]).events.to_pylist()
    assert (row["page_title"], orjson.loads(row["properties"])) == (title, {"note": title})


def test_a_comma_too_many_changes_nothing_where_all_fields_have_a_column() -> None:
    bodies = [body()[:-1] + b",}", with_properties(b'{"a":[1,],}')]
    first, second = parse(bodies).events.to_pylist()
    assert first["event_id"] == second["event_id"] == GOOD["event_id"]
    assert second["properties"] == '{"a":[1]}'


NO_NUMBERS = ("nan", "NaN", "-nan", "inf", "-Inf", "Infinity", "-INFINITY")


@given(
    st.lists(st.tuples(st.sampled_from((*NO_NUMBERS, ",NaN", "[inf]", "finance", ":-nan")), st.booleans()), min_size=1)
)
def test_no_row_holds_what_other_readers_take_for_no_json(words: list[tuple[str, bool]]) -> None:
    said = [word if bare and word in NO_NUMBERS else json.dumps(word) for word, bare in words]
    parsed = parse([with_properties(f'{{"a":{{"b":[{", ".join(said)}]}}}}'.encode())])
    if any(bare and word in NO_NUMBERS for word, bare in words):
        assert [failure.failure_class for failure in parsed.failures] == ["payload_format"]
    else:
        (row,) = parsed.events.to_pylist()
        assert json.loads(row["properties"]) == {"a": {"b": [word for word, _ in words]}}


@pytest.mark.parametrize("number", [10**40, -(2**70), 2**63])
def test_long_whole_numbers_stay_exact(number: int) -> None:
    texts = [with_text(b'"n":%d' % number), with_properties(b'{"n":%d}' % number)]
    for row in parse(texts).events.to_pylist():
        assert json.loads(row["properties"])["n"] == number


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=6).filter(lambda name: name not in GOOD), _JSON, max_size=4), _JSON)
def test_any_field_without_a_column_is_found_in_properties_as_it_was(more: dict[str, Any], value: Any) -> None:
    text = json.dumps({**GOOD, **more, "properties": {"value": value}}).encode()
    (row,) = parse([text]).events.to_pylist()
    assert json.loads(row["properties"]) == {**more, "value": value}
