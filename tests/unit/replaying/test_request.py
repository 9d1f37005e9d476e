"""Requests for a replay: what is read, and every problem with its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest, RequestTooLarge
from clickstream.replaying.request import MAX_BODY_BYTES, parse_replay, read_place, write_place


def parse(**asked: object) -> object:
    return parse_replay(json.dumps({"site_id": "shop", **asked}).encode())


def test_nothing_but_a_site_means_the_first_thousand_of_all() -> None:
    request = parse_replay(b'{"site_id": "shop"}')
    assert (request.limit, request.dry_run, request.place) == (1000, False, None)
    assert set(request.filters.model_dump().values()) == {None}


def test_moments_are_told_in_utc() -> None:
    request = parse_replay(b'{"site_id": "shop", "filters": {"received_from": "2026-03-10T01:00:00+02:00"}}')
    assert request.filters.received_from == datetime(2026, 3, 9, 23, tzinfo=UTC)
    assert request.filters.received_from.date().day == 9


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"site_id": 5}, "/site_id"),
        ({"limit": 0}, "/limit"),
        ({"limit": 10_001}, "/limit"),
        ({"limit": "5"}, "/limit"),
        ({"limit": True}, "/limit"),
        ({"dry_run": "yes"}, "/dry_run"),
        ({"after": "nowhere"}, "/after"),
        ({"after": "2026-03-10T12:00:00 f1"}, "/after"),
        ({"after": "2026-03-10T12:00:00+00:00"}, "/after"),
        ({"after": "0001-01-01T00:00:00+14:00 f1"}, "/after"),
        ({"filter": {}}, "/filter"),
        ({"filters": []}, "/filters"),
        ({"filters": {"class": "x"}}, "/filters/class"),
        ({"filters": {"failed_event_ids": []}}, "/filters/failed_event_ids"),
        ({"filters": {"failed_event_ids": ["x"] * 1001}}, "/filters/failed_event_ids"),
        ({"filters": {"failed_event_ids": [5]}}, "/filters/failed_event_ids/0"),
        ({"filters": {"failure_class": ""}}, "/filters/failure_class"),
        ({"filters": {"received_from": "yesterday"}}, "/filters/received_from"),
        ({"filters": {"received_from": "2026-03-10T12:00:00"}}, "/filters/received_from"),
        ({"filters": {"received_to": "0001-01-01T00:00:00+14:00"}}, "/filters/received_to"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(asked: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(**asked)
    assert (refused.value.code, refused.value.pointer) == ("invalid_replay", pointer)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_replay(b'{"limit": 0, "dry_run": 7, "filters": {"x/y": 1}}')
    for pointer in ("/site_id", "/limit", "/dry_run", "/filters/x~1y"):
        assert f"{pointer}: " in refused.value.message


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff", b'{"site_id": "\\ud800"}', b"[" * 10_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_replay(body)


def test_a_body_beyond_all_measure_is_not_read() -> None:
    with pytest.raises(RequestTooLarge):
        parse_replay(b" " * (MAX_BODY_BYTES + 1))


@given(st.datetimes(timezones=st.just(UTC)), st.text(min_size=1))
def test_a_place_is_read_as_it_was_written(moment: datetime, failed_event_id: str) -> None:
    assert read_place(write_place((moment, failed_event_id))) == (moment, failed_event_id)
