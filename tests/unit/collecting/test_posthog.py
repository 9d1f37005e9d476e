"""Events of PostHog's clients, as recorded from them, and what is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialects.posthog import DIALECT, KEYS
from clickstream.errors import InvalidRequest, TooManyRequests
from tests.support.samples.posthog import PAGEVIEW
from tests.unit.collecting.dialect_checks import (
    ANY_JSON,
    LIMIT,
    NOW,
    endpoint,
    events,
    items,
    objects_with,
    originals,
    page,
    request,
    survives,
    survives_split,
)

E = endpoint(DIALECT, "e")
BATCH = endpoint(DIALECT, "batch")

BROWSER = {"api_key": "demo", "batch": [PAGEVIEW], "sent_at": "2026-11-21T07:34:33.357Z"}


def read_one(event: dict[str, Any]) -> ClientEvent:
    (found,) = events(DIALECT, E.split(request(json.dumps(event).encode()), LIMIT))
    return found


def of_server(event: str, distinct_id: str, library: str = "posthog-node", /, **properties: Any) -> dict[str, Any]:
    stated = {**properties, "$lib": library, "$lib_version": "5.70.0", "$is_server": True}
    return {"api_key": "demo", "event": event, "distinct_id": distinct_id, "properties": stated}


def test_a_page_view_of_the_browser() -> None:
    reading = E.split(request(json.dumps(BROWSER).encode()), LIMIT)
    assert reading.write_key == "demo"
    (event,) = events(DIALECT, reading)
    assert event == ClientEvent(
        name="page_view",
        type="page_view",
        event_id="01a1fd07-4075-7bfa-99eb-b9aa732416dd",
        created_at=datetime(2026, 11, 21, 7, 34, 33, 333000, UTC),
        sent_at=datetime(2026, 11, 21, 7, 34, 33, 357000, UTC),
        anonymous_id="01a1fd07-406d-79bf-96bb-00b521eb1826",
        session_id="01a1fd07-4089-7e4b-9d51-0e9967711db1",
        page_url="http://localhost:33927/pricing?utm_source=mail",
        page_title="Page /pricing",
        language="en-GB",
        screen_width=1920,
        screen_height=1080,
        viewport_width=1280,
        viewport_height=720,
        time_zone="Europe/Berlin",
        tracker="web/1.449.2",
        user_agent="Mozilla/5.0 (X11; Linux x86_64)",
        properties={"utm_source": "mail"},
        context={"os": "Linux", "browser": "Chrome", "browser_version": 150, "process_person_profile": False},
    )


BODIES = {
    "a batch": json.dumps(BROWSER).encode(),
    "an array": json.dumps([{**PAGEVIEW, "api_key": "demo"}]).encode(),
    "one event": json.dumps({**PAGEVIEW, "api_key": "demo"}).encode(),
    "the key in its properties only": json.dumps(PAGEVIEW).encode(),
    "a form with base64": b"compression=base64&data=" + quote(b64encode(json.dumps(PAGEVIEW).encode())).encode(),
    "a form with JSON": b"data=" + quote(json.dumps(PAGEVIEW)).encode(),
    "base64 alone": b64encode(json.dumps(PAGEVIEW).encode()),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_has_many_forms(body: bytes) -> None:
    reading = E.split(request(body), LIMIT)
    assert reading.write_key == "demo"
    (event,) = events(DIALECT, reading)
    assert (event.event_id, event.type) == (PAGEVIEW["uuid"], "page_view")


def test_a_query_string_carries_an_event() -> None:
    data = b64encode(json.dumps(PAGEVIEW).encode()).decode()
    reading = E.split(request(parameters={"data": data, "ip": "0"}, method="GET"), LIMIT)
    assert reading.write_key == "demo"
    assert [event.name for event in events(DIALECT, reading)] == ["page_view"]


def test_no_key_stays_in_an_original() -> None:
    for body in ({**BROWSER, "token": "demo"}, [{**PAGEVIEW, "$token": "demo"}]):
        for original in originals(E.split(request(json.dumps(body).encode()), LIMIT)):
            assert not set(KEYS) & original.keys()
            assert "token" not in original["properties"]


def test_a_property_called_token_that_is_no_key_stays() -> None:
    event = of_server("paid", "ada", token="tok-1")
    assert read_one(event).properties == {"token": "tok-1"}


def test_an_event_for_another_project_fails_alone() -> None:
    batch = {"batch": [of_server("a", "ada"), {**of_server("b", "ada"), "api_key": "other"}]}
    reading = BATCH.split(request(json.dumps(batch).encode()), LIMIT)
    assert reading.write_key == "demo"
    assert [item.problem is None for item in items(reading)] == [True, False]


def test_who_is_known_is_a_user_and_who_is_not_is_a_device() -> None:
    web = PAGEVIEW["properties"]
    assert isinstance(web, dict)
    known = {**PAGEVIEW, "properties": {**web, "distinct_id": "ada", "$is_identified": True}}
    older = {**PAGEVIEW, "properties": {k: v for k, v in web.items() if k not in ("$is_identified",)}}
    nobody = of_server("x", "some-id", **{"$process_person_profile": False})
    device = web["$device_id"]
    assert [
        (event.user_id, event.anonymous_id) for event in map(read_one, (known, older, nobody, of_server("x", "ada")))
    ] == [("ada", device), (None, device), (None, "some-id"), ("ada", None)]


def test_nobody_is_known_by_the_id_that_stands_for_everybody() -> None:
    cookieless = {"$device_id": "$posthog_cookieless", "$is_identified": False, "$cookieless_mode": True}
    event = read_one(of_server("$pageview", "$posthog_cookieless", "web", **cookieless))
    assert (event.user_id, event.anonymous_id, event.context["cookieless_mode"]) == (None, None, True)


def test_an_identify_joins_the_person_to_the_device() -> None:
    event = read_one(
        {
            "event": "$identify",
            "properties": {"distinct_id": "ada", "$anon_distinct_id": "a-1", "token": "demo", "$is_identified": True},
            "$set": {"name": "Ada", "nothing": None},
            "$set_once": {"$initial_referrer": "$direct", "first": "/start"},
        }
    )
    assert (event.type, event.user_id, event.anonymous_id, event.previous_id) == ("identify", "ada", "a-1", "a-1")
    assert event.properties == {"name": "Ada"}
    assert event.context == {"set_once": {"$initial_referrer": "$direct", "first": "/start"}}


def test_a_set_of_pythons_client_says_something_of_a_person() -> None:
    event = read_one({**of_server("$set", "ada", "posthog-python"), "$set": {"plan": "pro"}})
    assert (event.name, event.type, event.user_id, event.properties) == ("identify", "identify", "ada", {"plan": "pro"})


def test_an_alias_names_both_ids_whichever_comes_first() -> None:
    node = read_one(of_server("$create_alias", "ada", alias="a-1"))
    python = read_one(of_server("$create_alias", "a-1", "posthog-python", alias="ada"))
    for event in (node, python):
        assert (event.type, {event.user_id, event.previous_id}) == ("alias", {"ada", "a-1"})
        assert event.properties == {}


def test_a_group_has_no_person_made_up_for_it() -> None:
    said = {"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 3}}
    node = read_one(of_server("$groupidentify", "$company_acme", **said))
    python = read_one(of_server("$groupidentify", "3341b499-5b01-4706-8796-43c795627637", "posthog-python", **said))
    stated = read_one(of_server("$groupidentify", "ada", **said))
    assert [event.user_id for event in (node, python, stated)] == [None, None, "ada"]
    for event in (node, python, stated):
        assert (event.type, event.group_id, event.properties) == ("group", "acme", {"size": 3})
        assert event.context["group_type"] == "company"


def test_an_event_names_the_group_it_belongs_to() -> None:
    event = read_one(of_server("x", "ada", **{"$groups": {"company": "acme", "team": "blue"}}))
    assert (event.group_id, event.context["groups"]) == ("acme", {"company": "acme", "team": "blue"})


def test_a_screen_has_its_name() -> None:
    event = read_one(of_server("$screen", "ada", "posthog-ios", **{"$screen_name": "Home", "$screen_width": 390}))
    assert (event.type, event.properties, event.screen_width) == ("screen", {"name": "Home"}, 390)


def test_other_events_of_posthog_are_custom() -> None:
    names = ("$pageleave", "$autocapture", "$exception", "$feature_flag_called")
    assert [read_one(of_server(name, "ada")).type for name in names] == ["custom"] * 4


def test_an_offset_is_counted_from_when_it_was_sent() -> None:
    event = read_one({**of_server("x", "ada"), "offset": 90_000})
    assert event.sent_at == NOW and event.created_at == datetime(2026, 11, 21, 7, 38, 30, tzinfo=UTC)


def test_a_clock_that_is_not_to_be_corrected_is_believed() -> None:
    event = {**of_server("x", "ada", **{"$ignore_sent_at": True}), "timestamp": "2026-11-20T00:00:00Z"}
    assert read_one({**event, "sent_at": "2026-11-21T00:00:00Z"}).sent_at is None


def test_an_address_stands_where_it_is_cut() -> None:
    (original,) = originals(
        E.split(request(json.dumps(of_server("x", "ada", **{"$ip": "203.0.113.7"})).encode()), LIMIT)
    )
    assert original["ip"] == "203.0.113.7" and "$ip" not in original["properties"]


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"distinct_id": "ada"}, "/event"),
        ({"event": "", "distinct_id": "ada"}, "/event"),
        ({"event": "x", "properties": []}, "/properties"),
        ({"event": "x", "distinct_id": {}}, "/distinct_id"),
        ({"event": "x", "timestamp": "yesterday"}, "/timestamp"),
        ({"event": "$create_alias", "distinct_id": "ada"}, "/properties/alias"),
        ({"event": "$groupidentify", "distinct_id": "ada"}, "/properties/$group_key"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(event: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECT.read(event)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b'{"batch":[]}', "empty"),
        (b"data=", "empty"),
        (b'{"batch":7}', "payload_format"),
        (b"{", "payload_format"),
        (b"!!!", "bad_encoding"),
    ],
)
def test_a_body_that_holds_no_event_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        E.split(request(body), LIMIT)
    assert refused.value.code == code


def test_a_client_that_is_too_fast_is_told_to_come_back() -> None:
    assert {found.statuses[TooManyRequests] for found in DIALECT.endpoints} == {503}


def test_the_browser_is_told_that_there_is_nothing_to_load() -> None:
    told = json.loads(page(DIALECT, "array/{token}/config").respond(request(token="demo")).body)
    assert (told["token"], told["sessionRecording"], told["hasFeatureFlags"]) == ("demo", False, False)
    for route in ("flags", "decide"):
        answer = json.loads(page(DIALECT, route).respond(request(b"{}")).body)
        assert (answer["flags"], answer["featureFlags"], answer["errorsWhileComputingFlags"]) == ({}, {}, False)


def test_no_token_breaks_out_of_the_script() -> None:
    answer = page(DIALECT, "array/{token}/config.js").respond(request(token='</script><script>alert("x")'))
    assert b"<" not in answer.body
    assert answer.media_type == "application/javascript"


NAMES = ("event", "properties", "distinct_id", "uuid", "timestamp", "sent_at", "offset", "$set", "ip")
PROPERTIES = ("$current_url", "$screen_width", "$groups", "$group_key", "alias", "title", "$device_id", "$insert_id")


@given(objects_with(*NAMES), objects_with(*PROPERTIES))
def test_hostile_events_are_read_or_refused(event: dict[str, Any], properties: dict[str, Any]) -> None:
    survives(DIALECT, event)
    for name in ("$pageview", "$screen", "$identify", "$create_alias", "$groupidentify", "x"):
        survives(DIALECT, {**event, "event": name, "properties": properties})


@given(ANY_JSON)
def test_hostile_bodies_are_split_or_refused(body: Any) -> None:
    survives_split(E, request(json.dumps(body).encode()))
    survives_split(E, request(json.dumps({"batch": [body], "api_key": body}).encode()))
