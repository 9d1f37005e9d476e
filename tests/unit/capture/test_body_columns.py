"""Bodies become typed rows; a bad one fails alone."""

from __future__ import annotations

import duckdb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.capture.body_fallback import parse_odd
from clickstream.model.event import Event
from tests.unit.capture.bodies import GOOD, MOMENT, body, parse


def test_an_event_survives_its_way_over_the_hub() -> None:
    event = Event(
        event_id="e1",
        consent="full",
        site="shop",
        event_type="custom",
        event_name="kauf ü",
        received_at=MOMENT,
        occurred_at=MOMENT,
        created_at=MOMENT,
        session_index=3,
        page_title='"quoted"\n',
        properties={"price": 1.5, "nested": {"x": [1, None]}},
        dialect="plain",
        fingerprint="f",
    )
    (row,) = parse([event.to_json()]).events.to_pylist()
    assert (row["event_name"], row["created_at"], row["session_index"]) == ("kauf ü", MOMENT, 3)
    assert row["page_title"] == '"quoted"\n'
    assert orjson.loads(row["properties"]) == {"price": 1.5, "nested": {"x": [1, None]}}
    assert row["user_id"] is None


@pytest.mark.parametrize(
    ("bad", "failure_class", "pointer"),
    [
        (b"", "payload_format", ""),
        (b"no json", "payload_format", ""),
        (b'{"a":', "payload_format", ""),
        (b"\xff\xfe", "payload_format", ""),
        (b"[1]", "schema_violation", ""),
        (b"null", "schema_violation", ""),
        (b"{}", "schema_violation", "/event_id"),
        (body(event_id=...), "schema_violation", "/event_id"),
        (body(site=""), "schema_violation", "/site"),
        (body(event_type="other"), "schema_violation", "/event_type"),
        (body(occurred_at="yesterday"), "schema_violation", "/occurred_at"),
        (body(received_at=None), "schema_violation", "/received_at"),
        (body(session_index=390.5), "schema_violation", "/session_index"),
        (body(session_index="many"), "schema_violation", "/session_index"),
        (body(session_index=2**63), "schema_violation", "/session_index"),
        (body(clock_clamped="maybe"), "schema_violation", "/clock_clamped"),
        (body(properties=[1]), "schema_violation", "/properties"),
        (body(context="text"), "schema_violation", "/context"),
    ],
)
def test_a_body_that_is_no_event_fails_alone_with_its_place(bad: bytes, failure_class: str, pointer: str) -> None:
    parsed = parse([body(event_id="before"), bad, body(event_id="after")])
    assert parsed.events["event_id"].to_pylist() == ["before", "after"]
    assert parsed.events["row"].to_pylist() == [0, 2]
    (failure,) = parsed.failures
    assert (failure.row, failure.failure_class, failure.pointer) == (1, failure_class, pointer)
    assert failure.message


def test_fields_without_a_column_survive_in_properties() -> None:
    (row,) = parse([body(colour="red", a={"b": [1]}, properties={"a": "said"})]).events.to_pylist()
    assert orjson.loads(row["properties"]) == {"colour": "red", "a": "said"}


def test_a_moment_of_another_zone_is_the_same_moment() -> None:
    (row,) = parse([body(occurred_at="2026-03-10T14:00:00.123456+02:00")]).events.to_pylist()
    assert row["occurred_at"] == MOMENT


def test_no_bodies_are_no_rows() -> None:
    parsed = parse([])
    assert (parsed.events.num_rows, list(parsed.failures)) == (0, [])


BODIES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.builds(lambda n: body(event_id=f"e{n}"), st.integers(0, 99)),
        st.builds(
            lambda name, value: body(**{name: value}),
            st.sampled_from(sorted(GOOD)),
            st.none() | st.booleans() | st.integers(-(2**70), 2**70).map(str) | st.text(max_size=8) | st.just([]),
        ),
    ),
    max_size=15,
)
MOMENTS = st.sampled_from(
    [
        "2026-03-10T12:00:00Z",
        "2026-03-10T12:00:00.1Z",
        "2026-03-10 12:00:00.123456Z",
        "2026-03-10T12:00:00.12+02:00",
        "2026-03-10T12:00:60Z",
    ]
)
VALUES = (
    MOMENTS
    | st.sampled_from(["0x1f", "+5", "-7", "007", "", "true", "5.0"])
    | st.none()
    | st.integers(-(2**63), 2**63 - 1)
)
ODD = st.builds(
    lambda name, value: body(**{name: value}),
    st.sampled_from([*sorted(GOOD), "created_at", "session_index", "user_id"]),
    VALUES,
)


@given(BODIES)
def test_every_body_is_a_row_or_a_failure_and_rows_keep_their_order(bodies: list[bytes]) -> None:
    parsed = parse(bodies)
    rows = parsed.events["row"].to_pylist()
    failed = [failure.row for failure in parsed.failures]
    assert sorted(rows + failed) == list(range(len(bodies)))
    assert rows == sorted(rows)


@given(BODIES | st.lists(ODD, max_size=8))
@settings(max_examples=60)
def test_what_is_typed_in_columns_is_what_every_rule_makes_of_it(bodies: list[bytes]) -> None:
    with duckdb.connect() as connection:
        rows, failures = parse_odd(bodies, connection)
    parsed = parse(bodies)
    assert parsed.events.to_pylist() == rows.sort_by("row").to_pylist()
    assert list(parsed.failures) == sorted(failures, key=lambda failure: failure.row)
