"""Requests of GA4's Measurement Protocol as Google's documentation writes them, and what the debugging twin says."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialects.ga4 import DIALECT
from clickstream.errors import InvalidRequest
from tests.support.samples.ga4 import NOW_MICROS, PAGE_VIEW, PURCHASE, REQUEST
from tests.unit.collecting.dialect_checks import (
    ANY_JSON,
    LIMIT,
    NOW,
    endpoint,
    events,
    items,
    objects_with,
    page,
    request,
    survives,
    survives_split,
)

COLLECT = endpoint(DIALECT, "mp/collect")
DEBUG = page(DIALECT, "debug/mp/collect")
SECRET = {"measurement_id": "G-XXXXXXXXXX", "api_secret": "demo-server"}


def split(body: Any, **parameters: str) -> list[ClientEvent]:
    return events(DIALECT, COLLECT.split(request(json.dumps(body).encode(), parameters or SECRET), LIMIT))


def messages(body: Any, parameters: dict[str, str] | None = None) -> list[dict[str, str]]:
    answer = DEBUG.respond(request(json.dumps(body).encode(), SECRET if parameters is None else parameters))
    assert answer.status == 200
    found: list[dict[str, str]] = json.loads(answer.body)["validationMessages"]
    return found


def test_events_carry_what_the_request_says_of_all() -> None:
    purchase, view = split(REQUEST)
    shared: dict[str, Any] = {
        "created_at": NOW,
        "anonymous_id": "client.1",
        "user_id": "ada",
        "consent_signals": {"ad_user_data": "DENIED", "ad_personalization": "GRANTED"},
        "tracker": "ga4-measurement-protocol",
        "context": {"user_properties": {"plan": "pro"}},
    }
    assert purchase == ClientEvent(
        name="purchase",
        type="custom",
        session_id="123",
        session_index=2,
        properties={
            "engagement_time_msec": 100,
            "transaction_id": "T1",
            "currency": "EUR",
            "value": 9.5,
            "items": [{"item_id": "A1", "price": 9.5}],
        },
        **shared,
    )
    assert view == ClientEvent(
        name="page_view",
        type="page_view",
        session_id="1664522406",
        page_url="https://shop.example/a?utm_source=mail",
        page_title="A",
        referrer="https://search.example/",
        language="en-gb",
        screen_width=1920,
        screen_height=1080,
        **shared,
    )


def test_the_secret_is_the_key_else_the_id_of_the_stream() -> None:
    body = json.dumps(REQUEST).encode()
    keys = [
        COLLECT.split(request(body, parameters), LIMIT).write_key
        for parameters in (SECRET, {"measurement_id": "G-1"}, {"firebase_app_id": "1:2:web:3"}, {})
    ]
    assert keys == ["demo-server", "G-1", "1:2:web:3", None]


def test_an_event_may_have_its_own_moment_and_id() -> None:
    own = {**PAGE_VIEW, "timestamp_micros": str(NOW_MICROS - 1_500_000), "params": {"event_id": "e-1"}}
    (event,) = split({**REQUEST, "events": [own]})
    assert event.created_at == datetime(2026, 11, 21, 7, 39, 58, 500000, UTC)
    assert event.event_id == "e-1"


def test_what_a_server_says_of_the_device_is_read() -> None:
    device = {"language": "de", "screen_resolution": "390x844", "model": "P1"}
    stated = {**REQUEST, "ip_override": "203.0.113.7", "user_agent": "Mozilla/5.0", "device": device}
    event = split({**stated, "events": [PURCHASE]})[0]
    assert (event.ip, event.user_agent, event.language) == ("203.0.113.7", "Mozilla/5.0", "de")
    assert (event.screen_width, event.screen_height) == (390, 844)
    assert event.context["device"] == {"model": "P1"}


def test_what_google_would_refuse_is_taken_here() -> None:
    long = {"name": "x" * 60, "params": {f"p{index}": "v" * 200 for index in range(30)}}
    (event,) = split({**REQUEST, "events": [long]})
    assert len(event.properties) == 30


def test_hashed_contact_data_is_not_kept() -> None:
    reading = COLLECT.split(
        request(json.dumps({**REQUEST, "user_data": {"sha256_email_address": "ab"}}).encode()), LIMIT
    )
    assert "sha256" not in json.dumps([item.original for item in items(reading)])


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"", "empty"), (b'{"events":[]}', "empty"), (b"[]", "payload_format"), (b'{"events":1}', "payload_format")],
)
def test_a_body_that_holds_no_event_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        COLLECT.split(request(body, SECRET), LIMIT)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"params": {}}, "/name"),
        ({"name": "x", "params": []}, "/params"),
        ({"name": "x", "timestamp_micros": "yesterday"}, "/timestamp_micros"),
        ({"name": "x", "client_id": {}}, "/client_id"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(event: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECT.read(event)
    assert refused.value.pointer == pointer


def test_the_debugging_twin_finds_nothing_wrong_with_what_google_documents() -> None:
    assert messages(REQUEST) == []
    packed = gzip.compress(json.dumps(REQUEST).encode())
    assert json.loads(DEBUG.respond(request(packed, SECRET)).body) == {"validationMessages": []}


def test_the_debugging_twin_says_what_googles_documentation_says() -> None:
    bad = {**REQUEST, "events": [{"name": "_badEventName", "params": {}}]}
    assert messages(bad) == [
        {
            "fieldPath": "events",
            "description": "Event at index: [0] has invalid name [_badEventName]. "
            "Names must start with an alphabetic character.",
            "validationCode": "NAME_INVALID",
        }
    ]


def with_event(**event: Any) -> dict[str, Any]:
    return {**REQUEST, "events": [{**PURCHASE, **event}]}


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({**REQUEST, "client_id": None}, "client_id", "VALUE_REQUIRED"),
        ({**REQUEST, "clientId": "x"}, "", "VALUE_INVALID"),
        ({**REQUEST, "events": [PURCHASE] * 26}, "events", "EXCEEDED_MAX_ENTITIES"),
        ({**REQUEST, "events": []}, "events", "VALUE_REQUIRED"),
        ({**REQUEST, "consent": {"ad_user_data": "no"}}, "consent.ad_user_data", "VALUE_INVALID"),
        ({**REQUEST, "timestamp_micros": NOW_MICROS - 73 * 3600 * 10**6}, "timestamp_micros", "VALUE_OUT_OF_BOUNDS"),
        ({**REQUEST, "user_properties": {"p" * 25: {"value": 1}}}, f"user_properties.{'p' * 25}", "NAME_INVALID"),
        ({**REQUEST, "user_properties": {"p": {"value": "v" * 37}}}, "user_properties.p.value", "VALUE_OUT_OF_BOUNDS"),
        ({**REQUEST, "user_properties": {"user_id": {"value": 1}}}, "user_properties.user_id", "NAME_RESERVED"),
        (
            {**REQUEST, "user_properties": {f"p{index}": {"value": 1} for index in range(26)}},
            "user_properties",
            "EXCEEDED_MAX_ENTITIES",
        ),
        (with_event(name="first_visit"), "events", "NAME_RESERVED"),
        (with_event(name="google_sale"), "events", "NAME_RESERVED"),
        (with_event(name="has space"), "events", "NAME_INVALID"),
        (with_event(name="x" * 41), "events", "NAME_INVALID"),
        (with_event(name=None), "events", "VALUE_REQUIRED"),
        (with_event(params={f"p{index}": 1 for index in range(26)}), "events[0].params", "EXCEEDED_MAX_ENTITIES"),
        (with_event(params={"x" * 41: 1}), f"events[0].params.{'x' * 40}", "NAME_INVALID"),
        (with_event(params={"ga_x": 1}), "events[0].params.ga_x", "NAME_RESERVED"),
        (with_event(params={"x": "v" * 101}), "events[0].params.x", "VALUE_OUT_OF_BOUNDS"),
        (with_event(params={"x": {"nested": 1}}), "events[0].params.x", "VALUE_INVALID"),
        (with_event(params={"items": [{"price": 1}]}), "events[0].params.items[0]", "VALUE_REQUIRED"),
        ("no object", "", "VALUE_INVALID"),
    ],
)
def test_the_debugging_twin_finds_what_google_would_refuse(body: Any, path: str, code: str) -> None:
    assert [(found["fieldPath"], found["validationCode"]) for found in messages(body)] == [(path, code)]


def test_the_debugging_twin_wants_the_stream_named() -> None:
    assert [found["fieldPath"] for found in messages(REQUEST, {})] == ["measurement_id"]


def test_the_debugging_twin_measures_the_request() -> None:
    found = messages({**REQUEST, "user_data": "x" * 130_000})
    assert [message["validationCode"] for message in found] == ["EXCEEDED_MAX_ENTITIES"]


NAMES = ("name", "params", "client_id", "user_id", "timestamp_micros", "consent", "device", "user_properties")
PARAMETERS = ("session_id", "session_number", "page_location", "screen_resolution", "items", "event_id")


@given(objects_with(*NAMES), objects_with(*PARAMETERS))
def test_hostile_events_are_read_or_refused(event: dict[str, Any], parameters: dict[str, Any]) -> None:
    survives(DIALECT, event)
    survives(DIALECT, {**event, "name": "x", "params": parameters})


@given(ANY_JSON, objects_with(*NAMES, "events"))
def test_hostile_bodies_are_split_or_refused(body: Any, shaped: dict[str, Any]) -> None:
    for sent in (body, shaped, {**shaped, "events": [body, shaped]}):
        survives_split(COLLECT, request(json.dumps(sent).encode()))
        json.loads(DEBUG.respond(request(json.dumps(sent).encode(), SECRET)).body)
