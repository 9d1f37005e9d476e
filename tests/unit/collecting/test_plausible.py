"""Events of Plausible's trackers, as recorded from them, and of its Events API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialects.plausible import DIALECT
from clickstream.errors import InvalidRequest
from tests.support.samples.plausible import PAGEVIEW
from tests.unit.collecting.dialect_checks import (
    ANY_JSON,
    LIMIT,
    endpoint,
    events,
    objects_with,
    originals,
    request,
    survives,
    survives_split,
)

EVENT = endpoint(DIALECT, "api/event")


def read_one(event: dict[str, Any]) -> ClientEvent:
    (found,) = events(DIALECT, EVENT.split(request(json.dumps(event).encode()), LIMIT))
    return found


def test_a_page_view_of_the_tracker() -> None:
    reading = EVENT.split(request(json.dumps(PAGEVIEW).encode()), LIMIT)
    assert reading.write_key == "shop.example"
    assert "d" not in originals(reading)[0]
    assert read_one(PAGEVIEW) == ClientEvent(
        name="page_view",
        type="page_view",
        page_url="https://shop.example/a?utm_source=mail",
        tracker="plausible/36",
    )


def test_a_custom_event_of_the_api() -> None:
    event = read_one(
        {
            "name": "Purchase",
            "url": "https://shop.example/b",
            "domain": "shop.example,all.example",
            "referrer": "https://search.example/",
            "props": {"colour": "red"},
            "revenue": {"currency": "EUR", "amount": "9.50"},
            "interactive": False,
        }
    )
    assert event == ClientEvent(
        name="Purchase",
        type="custom",
        page_url="https://shop.example/b",
        referrer="https://search.example/",
        tracker="plausible",
        properties={"colour": "red"},
        revenue={"currency": "EUR", "amount": "9.50"},
        interactive=False,
    )


def test_the_first_domain_of_several_is_the_key() -> None:
    body = json.dumps({"n": "x", "d": "one.example, two.example"}).encode()
    assert EVENT.split(request(body), LIMIT).write_key == "one.example"


def test_a_domain_stays_where_another_key_is_stated() -> None:
    reading = EVENT.split(request(json.dumps(PAGEVIEW).encode(), headers={"x-write-key": "demo"}), LIMIT)
    assert [event.context for event in events(DIALECT, reading)] == [{"domain": "shop.example"}]


def test_an_engagement_is_a_ping() -> None:
    event = read_one({"n": "engagement", "sd": 55, "e": 3021, "u": "https://shop.example/", "d": "shop.example"})
    assert (event.type, event.properties) == ("page_ping", {"scroll_depth": 55, "engagement_ms": 3021})


def test_properties_may_come_as_text() -> None:
    event = read_one({"n": "x", "d": "s", "p": '{"a": 1}', "m": '{"b": 2}', "$": '{"amount": 3}'})
    assert (event.properties, event.revenue) == ({"a": 1, "b": 2}, {"amount": 3})


def test_a_fragment_tells_pages_apart_in_hash_mode_only() -> None:
    address = "https://shop.example/app?x=1#cart"
    assert read_one({"n": "pageview", "d": "s", "u": address}).page_url == address
    in_path = "https://shop.example/app%23cart?x=1"
    assert read_one({"n": "pageview", "d": "s", "u": address, "h": 1}).page_url == in_path


def test_a_route_in_the_fragment_is_left_to_the_sites_setting() -> None:
    address = "https://shop.example/app?x=1#/cart"
    assert read_one({"n": "pageview", "d": "s", "u": address, "h": 1}).page_url == address


@pytest.mark.parametrize(
    ("query", "source"), [("ref=hn", "hn"), ("source=list", "list"), ("ref=hn&source=list", "list")]
)
def test_refs_of_plausible_links_are_sources(query: str, source: str) -> None:
    assert read_one({"n": "pageview", "d": "s", "u": f"https://shop.example/?{query}"}).utm_source == source


@pytest.mark.parametrize(
    ("event", "pointer"),
    [({"d": "s"}, "/n"), ({"name": 7}, "/name"), ({"n": "x", "p": "no"}, "/p"), ({"n": "x", "$": [1]}, "/$")],
)
def test_what_cannot_be_read_is_pointed_at(event: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECT.read(event)
    assert refused.value.pointer == pointer


@given(objects_with("n", "name", "u", "url", "d", "p", "m", "$", "h", "i", "sd", "e", "v", "w"))
def test_hostile_events_are_read_or_refused(event: dict[str, Any]) -> None:
    survives(DIALECT, event)
    survives(DIALECT, {**event, "name": "x"})


@given(ANY_JSON)
def test_hostile_bodies_are_split_or_refused(body: Any) -> None:
    survives_split(EVENT, request(json.dumps(body).encode()))
