"""Events of Umami's tracker and its client for Node, as recorded from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Verdict
from clickstream.collecting.dialects.umami import DIALECT
from clickstream.errors import InvalidRequest
from tests.support.samples.umami import PAGEVIEW
from tests.unit.collecting.dialect_checks import (
    ANY_JSON,
    LIMIT,
    endpoint,
    events,
    items,
    objects_with,
    originals,
    request,
    survives,
    survives_split,
)

SEND = endpoint(DIALECT, "api/send")
BATCH = endpoint(DIALECT, "api/batch")

ORIGIN = {"origin": "http://localhost:40119"}


def read_one(payload: dict[str, Any], kind: str = "event", headers: dict[str, str] | None = None) -> ClientEvent:
    body = json.dumps({"type": kind, "payload": payload}).encode()
    (found,) = events(DIALECT, SEND.split(request(body, headers=headers), LIMIT))
    return found


def test_a_page_view_of_the_tracker() -> None:
    reading = SEND.split(request(json.dumps({"type": "event", "payload": PAGEVIEW}).encode()), LIMIT)
    assert reading.write_key == "demo"
    assert "website" not in originals(reading)[0]
    assert read_one(PAGEVIEW, headers=ORIGIN) == ClientEvent(
        name="page_view",
        type="page_view",
        page_url="http://localhost:40119/shoes?q=%C3%BC",
        page_title="Shoes: ü 100%",
        referrer="http://localhost:40119/next?utm_source=mail",
        language="en-GB",
        screen_width=1920,
        screen_height=1080,
        tracker="umami",
    )


def test_a_whole_address_stays_as_it_is() -> None:
    event = read_one({"url": "https://shop.example/a", "hostname": "shop.example", "referrer": "https://x.example/"})
    assert (event.page_url, event.referrer) == ("https://shop.example/a", "https://x.example/")


def test_a_path_is_of_the_host_that_is_stated() -> None:
    stated = {"url": "/a", "hostname": "shop.example"}
    assert read_one(stated).page_url == "https://shop.example/a"
    assert read_one(stated, headers=ORIGIN).page_url == "https://shop.example/a", "the origin is another host"
    assert read_one({"url": "/a"}).page_url == "/a"


def test_an_event_has_a_name_and_data() -> None:
    event = read_one({"name": "bought", "data": {"price": 9.5}, "id": "ada", "vid": "v-1", "tag": "b"})
    assert (event.name, event.type, event.properties) == ("bought", "custom", {"price": 9.5})
    assert (event.user_id, event.anonymous_id, event.context) == ("ada", "v-1", {"tag": "b"})


def test_an_identify_says_something_of_a_person() -> None:
    event = read_one({"id": "ada", "data": {"plan": "pro"}}, "identify")
    assert (event.type, event.user_id, event.properties) == ("identify", "ada", {"plan": "pro"})


def test_measures_of_a_page_are_properties() -> None:
    event = read_one({"url": "/a", "lcp": 1200, "cls": 0.1, "inp": None}, "performance")
    assert (event.name, event.type, event.properties) == ("performance", "custom", {"lcp": 1200, "cls": 0.1})


def test_a_moment_is_in_seconds() -> None:
    assert read_one({"timestamp": 1795246473}).created_at == datetime(2026, 11, 21, 7, 34, 33, tzinfo=UTC)


def test_what_a_server_says_of_the_device_is_read() -> None:
    event = read_one({"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"})
    assert (event.ip, event.user_agent) == ("203.0.113.7", "Mozilla/5.0")


def test_a_batch_says_which_events_failed() -> None:
    batch = [{"type": "event", "payload": PAGEVIEW}, {"type": "event", "payload": {**PAGEVIEW, "website": "other"}}, 7]
    reading = BATCH.split(request(json.dumps(batch).encode()), LIMIT)
    assert reading.write_key == "demo"
    assert [item.problem is None for item in items(reading)] == [True, False, True]
    verdicts = [Verdict("accepted", "1"), Verdict("failed", "2", "schema_violation", "", "no")]
    assert json.loads(BATCH.respond(request(), verdicts).body) == {
        "size": 2,
        "processed": 1,
        "errors": 1,
        "details": [{"index": 1, "response": {"code": "schema_violation", "message": "no"}}],
        "cache": "",
    }


def test_the_answer_has_the_names_that_clients_look_for() -> None:
    assert json.loads(SEND.respond(request(), []).body) == {"cache": "", "sessionId": "", "visitId": ""}


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "empty"), (b"[]", "empty"), (b"{}", "payload_format"), (b"{", "payload_format")]
)
def test_a_batch_that_holds_no_event_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        BATCH.split(request(body), LIMIT)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("original", "pointer"),
    [
        ({"type": "sale"}, "/type"),
        ({"type": "event", "payload": 7}, "/payload"),
        ({"type": "event", "name": 7}, "/name"),
        ({"data": "text"}, "/data"),
        ({"id": {}}, "/id"),
        ({"timestamp": "yesterday"}, "/timestamp"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(original: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECT.read(original)
    assert refused.value.pointer == pointer


@given(objects_with("type", "url", "referrer", "hostname", "title", "name", "data", "id", "vid", "timestamp", "screen"))
def test_hostile_events_are_read_or_refused(original: dict[str, Any]) -> None:
    survives(DIALECT, original)
    survives(DIALECT, {**original, "type": "identify"})


@given(ANY_JSON)
def test_hostile_bodies_are_split_or_refused(body: Any) -> None:
    for sent in (body, {"type": "event", "payload": body}, [{"payload": body}]):
        survives_split(SEND, request(json.dumps(sent).encode()))
        survives_split(BATCH, request(json.dumps(sent).encode()))
