"""Requests of Matomo's trackers, as recorded from them and as the Tracking API documents them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Verdict
from clickstream.collecting.dialects.matomo import DIALECT
from clickstream.collecting.dialects.plain import PIXEL
from clickstream.errors import InvalidRequest
from tests.support.samples.matomo import PAGEVIEW
from tests.unit.collecting.dialect_checks import (
    ANY_JSON,
    LIMIT,
    NOW,
    endpoint,
    events,
    items,
    objects_with,
    originals,
    request,
    survives,
    survives_split,
)

PHP = endpoint(DIALECT, "matomo.php")


def read_one(parameters: dict[str, str]) -> ClientEvent:
    (found,) = events(DIALECT, PHP.split(request(parameters={"idsite": "demo", "rec": "1", **parameters}), LIMIT))
    return found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("?mtm_campaign=spring&mtm_source=newsletter&mtm_medium=email", ("spring", "newsletter", "email", None)),
        ("?pk_campaign=spring&pk_kwd=hats", ("spring", None, None, "hats")),
        ("#mtm_campaign=spring&mtm_source=newsletter&mtm_medium=email", ("spring", "newsletter", "email", None)),
        ("?piwik_campaign=spring&piwik_kwd=hats", ("spring", None, None, "hats")),
        ("?matomo_campaign=spring&matomo_keyword=hats", ("spring", None, None, "hats")),
        ("?pk_cpn=spring", ("spring", None, None, None)),
    ],
)
def test_matomos_own_campaign_parameters_are_campaigns(address: str, expected: tuple[str | None, ...]) -> None:
    event = read_one({"url": f"https://shop.example/{address}"})
    assert (event.utm_campaign, event.utm_source, event.utm_medium, event.utm_term) == expected


def test_the_campaign_that_a_client_states_counts_where_the_address_names_none() -> None:
    stated = {"_rcn": "spring", "_rck": "hats"}
    event = read_one({"url": "https://shop.example/", **stated})
    assert (event.utm_campaign, event.utm_term) == ("spring", "hats")
    assert read_one({"url": "https://shop.example/?mtm_campaign=summer", **stated}).utm_campaign == "summer"


def test_a_page_view_of_the_browser() -> None:
    reading = PHP.split(request(parameters=PAGEVIEW), LIMIT)
    assert reading.write_key == "demo"
    (event,) = events(DIALECT, reading)
    assert event == ClientEvent(
        name="page_view",
        type="page_view",
        anonymous_id="0123456789abcdef",
        page_url="https://shop.example/a",
        page_title="Shoes",
        referrer="https://search.example/",
        screen_width=1920,
        screen_height=1080,
        tracker="matomo",
        context={
            "_idn": "1",
            "_refts": "0",
            "page_view_id": "aBcDeF",
            "pf_net": "2",
            "pf_srv": "11",
            "client_hints": {"platform": "Linux"},
            "pdf": "1",
            "cookie": "1",
        },
    )


def test_a_form_says_the_same_as_a_query() -> None:
    whole = PHP.split(request(urlencode(PAGEVIEW).encode()), LIMIT)
    parted = PHP.split(request(urlencode({"urlref": PAGEVIEW["urlref"]}).encode(), PAGEVIEW), LIMIT)
    assert originals(whole) == originals(parted) == originals(PHP.split(request(parameters=PAGEVIEW), LIMIT))


def test_a_bulk_of_the_client_for_node() -> None:
    body = {
        "requests": [
            "?url=https%3A%2F%2Fshop.example%2F1&uid=u1&idsite=demo&rec=1",
            "?url=https%3A%2F%2Fshop.example%2F2%3Fa%3D1&e_c=cart&e_a=add&e_n=A1&e_v=2.5&idsite=demo&rec=1",
            {"url": "https://shop.example/3", "idsite": "demo"},
        ]
    }
    reading = PHP.split(request(json.dumps(body).encode()), LIMIT)
    assert reading.write_key == "demo"
    first, second, third = events(DIALECT, reading)
    assert (first.type, first.user_id, first.page_url) == ("page_view", "u1", "https://shop.example/1")
    assert (second.name, second.type, second.page_url) == ("add", "custom", "https://shop.example/2?a=1")
    assert second.properties == {"category": "cart", "action": "add", "name": "A1", "value": 2.5}
    assert third.page_url == "https://shop.example/3"


def test_a_secret_token_is_the_key_and_is_never_kept() -> None:
    single = PHP.split(request(parameters={**PAGEVIEW, "token_auth": "demo-server"}), LIMIT)
    bulk = PHP.split(request(json.dumps({"token_auth": "demo-server", "requests": [PAGEVIEW]}).encode()), LIMIT)
    within = PHP.split(request(json.dumps({"requests": [{**PAGEVIEW, "token_auth": "demo-server"}]}).encode()), LIMIT)
    for reading in (single, bulk, within):
        assert reading.write_key == "demo-server"
        (original,) = originals(reading)
        assert "token_auth" not in original and original["idsite"] == "demo"


def test_a_request_for_another_site_fails_alone() -> None:
    body = {"requests": [{**PAGEVIEW, "idsite": "demo"}, {**PAGEVIEW, "idsite": 1002}]}
    reading = PHP.split(request(json.dumps(body).encode()), LIMIT)
    assert [item.problem is None for item in items(reading)] == [True, False]


@pytest.mark.parametrize(
    ("parameters", "kind", "name", "properties"),
    [
        ({"ping": "1"}, "page_ping", "page_ping", {}),
        ({"search": "shoe", "search_count": "3"}, "custom", "site_search", {"keyword": "shoe", "count": 3}),
        ({"download": "https://x/a.pdf"}, "custom", "download", {"url": "https://x/a.pdf"}),
        ({"link": "https://x/"}, "custom", "outlink", {"url": "https://x/"}),
        ({"idgoal": "7", "revenue": "9.5"}, "custom", "goal", {"goal": "7", "revenue": 9.5}),
        ({"c_n": "ad", "c_p": "a.png"}, "custom", "content_impression", {"name": "ad", "piece": "a.png"}),
        ({"c_n": "ad", "c_i": "click"}, "custom", "content_interaction", {"name": "ad", "interaction": "click"}),
        ({"e_c": "cart"}, "custom", "cart", {"category": "cart"}),
        ({"ca": "1"}, "custom", "custom_action", {}),
        ({"dimension2": "blue"}, "page_view", "page_view", {"dimension2": "blue"}),
        ({"cvar": '{"1":["plan","pro"]}'}, "page_view", "page_view", {"custom_variables": {"plan": "pro"}}),
    ],
)
def test_every_kind_of_request_has_its_name(
    parameters: dict[str, str], kind: str, name: str, properties: dict[str, Any]
) -> None:
    event = read_one({"url": "https://shop.example/", **parameters})
    assert (event.type, event.name, event.properties) == (kind, name, properties)


def test_an_order_tells_its_items() -> None:
    items = json.dumps([["A1", "Shoe", ["Men"], 9.5, 2]])
    event = read_one({"idgoal": "0", "ec_id": "o-1", "revenue": "19", "ec_items": items, "ec_tx": "1.5"})
    assert event.name == "order"
    assert event.properties == {
        "goal": "0",
        "order_id": "o-1",
        "revenue": 19,
        "tax": 1.5,
        "items": [{"sku": "A1", "name": "Shoe", "category": ["Men"], "price": 9.5, "quantity": 2}],
    }
    assert read_one({"idgoal": "0", "revenue": "19"}).name == "cart_update"


def test_the_moment_may_be_stated() -> None:
    moment = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert read_one({"url": "x", "cdt": "2026-11-20 12:00:00"}).created_at == moment
    assert read_one({"url": "x", "cdt": str(int(moment.timestamp()))}).created_at == moment
    late = read_one({"url": "x", "cdo": "90"})
    assert (late.created_at, late.sent_at) == (NOW - timedelta(seconds=90), NOW)


def test_what_a_server_says_of_the_device_is_read() -> None:
    parameters = {"url": "x", "cip": "203.0.113.7", "ua": "Mozilla/5.0", "lang": "de", "cid": "fedcba9876543210"}
    event = read_one({**parameters, "_id": "0123456789abcdef"})
    assert (event.ip, event.user_agent, event.language) == ("203.0.113.7", "Mozilla/5.0", "de")
    assert event.anonymous_id == "fedcba9876543210"
    (original,) = originals(PHP.split(request(parameters=parameters), LIMIT))
    assert original["ip"] == "203.0.113.7" and "cip" not in original


def test_the_answer_is_what_the_client_asked_for() -> None:
    verdicts = [Verdict("accepted", "1"), Verdict("failed", "2")]
    assert PHP.respond(request(parameters={"url": "x"}, method="GET"), verdicts).body == PIXEL
    assert PHP.split(request(parameters={"url": "x"}, method="GET"), LIMIT).respond is None
    silent = PHP.split(request(parameters=PAGEVIEW), LIMIT).respond
    assert silent is not None
    assert (silent(verdicts).status, silent(verdicts).body) == (200, b"")
    respond = PHP.split(request(b'{"requests":["?idsite=1&url=x"]}'), LIMIT).respond
    assert respond is not None
    bulk = respond(verdicts)
    assert json.loads(bulk.body) == {"status": "success", "tracked": 1, "invalid": 1, "invalid_indices": [1]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"idsite=demo&rec=1", "empty"),
        (b'{"requests":[]}', "empty"),
        (b'{"requests":1}', "payload_format"),
        (b"{", "payload_format"),
    ],
)
def test_a_request_that_holds_no_event_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PHP.split(request(body), LIMIT)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("original", "pointer"),
    [({"uid": {}}, "/uid"), ({"cdt": "yesterday"}, "/cdt"), ({"e_c": ["x"]}, "/e_a"), ({"_id": "x" * 201}, "/_id")],
)
def test_what_cannot_be_read_is_pointed_at(original: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECT.read(original)
    assert refused.value.pointer == pointer


NAMES = ("url", "uid", "_id", "e_c", "e_a", "idgoal", "ec_items", "cvar", "_cvar", "cdt", "cdo", "received_at", "res")


@given(objects_with(*NAMES, "ping", "search", "revenue", "uadata", "_idvc", "ip"))
def test_hostile_events_are_read_or_refused(original: dict[str, Any]) -> None:
    survives(DIALECT, original)
    survives(DIALECT, {name: json.dumps(value) for name, value in original.items()})


@given(ANY_JSON)
def test_hostile_bodies_are_split_or_refused(body: Any) -> None:
    for sent in (body, {"requests": body}, {"requests": [body], "token_auth": body}):
        survives_split(PHP, request(json.dumps(sent).encode()))
