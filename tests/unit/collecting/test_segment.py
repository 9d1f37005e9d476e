"""Messages of Segment's and RudderStack's clients, as recorded from them, and what is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting import client_event
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Endpoint, Page, Reading
from clickstream.collecting.dialects import segment
from clickstream.collecting.request import Request, write_key
from clickstream.errors import InvalidRequest, NotFound
from tests.support.samples.segment import BROWSER_PAGE, RUDDER_IDENTIFY
from tests.unit.collecting.dialect_checks import LIMIT, items

NOW = datetime(2026, 11, 21, 7, 22, 7, tzinfo=UTC)


def request(call: str, body: object, **headers: str) -> Request:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Request(headers, {}, content, NOW, route={"call": call})


def split(call: str, body: object, **headers: str) -> Reading:
    return segment.split(request(call, body, **headers), LIMIT)


def checked(original: Any) -> ClientEvent:
    return client_event.check(segment.read(original))


def told(event: ClientEvent) -> dict[str, Any]:
    """What an event says beyond the usual."""
    return event.model_dump(exclude_defaults=True)


def track(**more: object) -> dict[str, Any]:
    return {"type": "track", "event": "Order Done", "anonymousId": "a-1", **more}


def refused(original: Any) -> str | None:
    with pytest.raises(InvalidRequest) as refusal:
        segment.read(original)
    assert refusal.value.code == "schema_violation"
    return refusal.value.pointer


def test_a_browsers_page_call_is_a_page_view_with_what_the_library_saw() -> None:
    reading = split("p", BROWSER_PAGE)
    assert reading.write_key == "demo"
    assert told(checked(items(reading)[0].original)) == {
        "name": "page_view",
        "type": "page_view",
        "event_id": "ajs-next-1795245726796-a60c3cbc-1b97-4724-a603-1dfaff169eb1",
        "created_at": datetime(2026, 11, 21, 7, 22, 6, 796000, UTC),
        "sent_at": datetime(2026, 11, 21, 7, 22, 6, 815000, UTC),
        "anonymous_id": "0c3cbc1b-9737-4426-831d-faff169eb18c",
        "page_url": "https://shop.example/shop?utm_source=mail",
        "page_title": "Shop",
        "language": "en-US",
        "time_zone": "Europe/Berlin",
        "tracker": "analytics.js/npm:next-1.84.3",
        "user_agent": "Mozilla/5.0",
        "properties": {"x": 1, "category": "Docs", "name": "Home"},
        "utm_source": "mail",
        "context": {"userAgentData": {"mobile": False, "platform": "Linux"}, "campaign": {"source": "mail"}},
    }


def test_rudderstacks_identify_tells_its_traits_its_session_and_its_screen_in_the_context() -> None:
    reading = split("identify", RUDDER_IDENTIFY)
    assert reading.write_key is None
    assert told(checked(items(reading)[0].original)) == {
        "name": "identify",
        "type": "identify",
        "event_id": "26f2f9ba-13d3-420e-a8dc-198a25014476",
        "created_at": datetime(2026, 11, 21, 7, 22, 15, 475000, UTC),
        "sent_at": datetime(2026, 11, 21, 7, 22, 15, 476000, UTC),
        "anonymous_id": "988eaef2-db77-4336-baf5-6fa0a97962de",
        "user_id": "u-1",
        "session_id": "1795245735463",
        "page_url": "https://shop.example/a",
        "page_title": "A",
        "language": "en-US",
        "screen_width": 800,
        "screen_height": 600,
        "viewport_width": 780,
        "viewport_height": 437,
        "consent_signals": {"consentManagement": {"deniedConsentIds": ["ads"]}},
        "tracker": "RudderLabs JavaScript SDK/3.34.1",
        "user_agent": "Mozilla/5.0",
        "properties": {"plan": "pro"},
        "context": {
            "sessionStart": True,
            "app": {"name": "RudderLabs JavaScript SDK", "installType": "npm"},
            "library": {"variant": "bundled"},
            "os": {"name": "", "version": ""},
            "screen": {"density": 1},
            "page": {"initial_referrer": "$direct"},
            "timezone": "GMT+0000",
            "consentManagement": {"deniedConsentIds": ["ads"]},
            "channel": "web",
        },
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (track(properties={"total": 9.5}), {"name": "Order Done", "type": "custom", "properties": {"total": 9.5}}),
        (
            {"type": "screen", "name": "Main", "userId": 7, "category": ""},
            {"name": "screen", "type": "screen", "user_id": "7", "properties": {"name": "Main"}},
        ),
        (
            {"type": "group", "groupId": "g-1", "userId": "u-1", "traits": {"seats": 3}},
            {"name": "group", "type": "group", "user_id": "u-1", "group_id": "g-1", "properties": {"seats": 3}},
        ),
        (
            {"type": "alias", "previousId": "a-1", "userId": "u-1", "anonymousId": None},
            {"name": "alias", "type": "alias", "user_id": "u-1", "previous_id": "a-1"},
        ),
        (
            track(context={"groupId": "g-2", "campaign": {"name": "spring"}}),
            {
                "name": "Order Done",
                "type": "custom",
                "group_id": "g-2",
                "utm_campaign": "spring",
                "context": {"campaign": {"name": "spring"}},
            },
        ),
    ],
)
def test_each_call_has_its_type_its_ids_and_what_the_site_says(
    message: dict[str, Any], expected: dict[str, Any]
) -> None:
    event = told(checked(message))
    event.pop("anonymous_id", None)
    assert event == expected


def test_every_call_has_a_long_and_a_short_path() -> None:
    assert {call: kind for call, kind in segment.CALLS.items() if len(call) == 1} == {
        "t": "track",
        "i": "identify",
        "p": "page",
        "s": "screen",
        "g": "group",
        "a": "alias",
    }
    for call, kind in segment.CALLS.items():
        assert items(split(call, {"userId": "u-1"}))[0].original == {"userId": "u-1", "type": kind}
    for call in ("batch", "b", "import", "Batch"):
        assert [item.original for item in items(split(call, {"batch": [track()]}))] == [track()]


@pytest.mark.parametrize("call", ["merge", "m", "x", "tracks", ""])
def test_there_are_no_other_calls(call: str) -> None:
    with pytest.raises(NotFound):
        split(call, {"batch": [track()]})


def test_what_a_batch_says_for_all_is_copied_into_each_and_a_bad_element_is_its_own_failure() -> None:
    body = {
        "writeKey": "demo",
        "sentAt": "2026-11-21T07:00:00Z",
        "timestamp": "2026-11-21T06:00:00Z",
        "context": {"ip": "203.0.113.9", "locale": "de", "app": {"name": "a"}},
        "batch": [track(sentAt="2026-11-21T06:59:00Z"), 7, track(context={"locale": "fr"})],
    }
    reading = split("batch", body)
    assert reading.write_key == "demo"
    first, broken, last = [item.original for item in items(reading)]
    shared = {"sentAt": "2026-11-21T07:00:00Z", "ip": "203.0.113.9"}
    assert first == track(**shared, context={"locale": "de", "app": {"name": "a"}})
    assert broken == 7
    assert last == track(**shared, context={"locale": "fr", "app": {"name": "a"}})
    assert checked(first).created_at is None


def test_a_key_may_stand_in_an_event() -> None:
    assert split("batch", {"batch": [1, track(), track(writeKey="demo")]}).write_key == "demo"


def test_the_address_stands_on_top_alone_where_a_failed_event_has_it_cut() -> None:
    original = items(split("track", track(context={"ip": "203.0.113.9", "request_ip": "203.0.113.9"})))[0].original
    assert original == track(ip="203.0.113.9", context={})
    assert told(checked(original))["ip"] == "203.0.113.9"


def test_rudderstacks_headers_stand_in_for_what_the_body_leaves_out() -> None:
    headers = {"anonymousid": b64encode(b"device-1").decode(), "sentat": "2026-11-21T07:22:15.473Z"}
    message = {"event": "x"}
    assert items(split("track", message, **headers))[0].original == {
        "event": "x",
        "type": "track",
        "anonymousId": "device-1",
        "sentAt": "2026-11-21T07:22:15.473Z",
    }
    said = track(sentAt="2026-11-21T07:00:00Z")
    assert items(split("track", said, **headers))[0].original == said
    assert items(split("track", message, anonymousid="%%%"))[0].original == {"event": "x", "type": "track"}


def test_what_a_page_call_says_goes_before_what_the_library_saw_and_nothing_differing_is_lost() -> None:
    page = {"url": "https://shop.example/real", "path": "/real", "title": "Real", "referrer": "https://a.example/"}
    message = {"type": "page", "userId": "u-1", "context": {"page": page}, "properties": {"path": "/virtual"}}
    event = checked(message)
    assert (event.page_url, event.page_title, event.referrer) == (page["url"], "Real", "https://a.example/")
    assert event.properties == {"path": "/virtual"}
    stated = checked({**message, "properties": {"url": "https://shop.example/said", "title": "Said"}})
    assert (stated.page_url, stated.page_title, stated.properties) == ("https://shop.example/said", "Said", {})
    assert stated.context["page"] == {"url": page["url"], "path": "/real", "title": "Real"}


def test_a_products_address_in_a_track_call_is_not_the_page() -> None:
    event = checked(track(properties={"url": "https://shop.example/p/1"}))
    assert (event.page_url, event.properties) == (None, {"url": "https://shop.example/p/1"})


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ({"url": "https://a.example/x", "search": "?utm_source=n"}, "https://a.example/x?utm_source=n"),
        ({"url": "https://a.example/x?b=1", "search": "?utm_source=n"}, "https://a.example/x?b=1"),
        ({"path": "/x", "search": "a=1"}, "/x?a=1"),
        ({"search": "?a=1"}, None),
        ({"url": 7}, None),
    ],
)
def test_a_pages_query_may_be_told_apart(page: dict[str, object], url: str | None) -> None:
    assert checked(track(context={"page": page})).page_url == url


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2026-11-21T07:21:17.861+00:00", datetime(2026, 11, 21, 7, 21, 17, 861000, UTC)),
        ("2026-11-21T09:21:17+02:00", datetime(2026, 11, 21, 7, 21, 17, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        (1795245677861, datetime(2026, 11, 21, 7, 21, 17, 861000, UTC)),
        (1795245677, datetime(2026, 11, 21, 7, 21, 17, tzinfo=UTC)),
    ],
)
def test_a_moment_is_iso_text_or_a_number(said: object, moment: datetime) -> None:
    assert checked(track(timestamp=said)).created_at == moment
    assert checked(track(timestamp="2020-01-01T00:00:00Z", originalTimestamp=said)).created_at == moment


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        ({"type": "track", "event": "x"}, "/anonymousId"),
        ({"type": "track", "event": "x", "userId": "", "anonymousId": None}, "/anonymousId"),
        (track(type="merge"), "/type"),
        (track(type=["track"]), "/type"),
        (track(event=None), "/event"),
        (track(event="  "), "/event"),
        (track(event="x" * 201), "/event"),
        (track(userId={"id": 1}), "/userId"),
        (track(messageId="x" * 201), "/messageId"),
        (track(properties=[1]), "/properties"),
        (track(context="web"), "/context"),
        (track(timestamp="yesterday"), "/timestamp"),
        (track(originalTimestamp=float("nan")), "/originalTimestamp"),
        (track(sentAt=True), "/sentAt"),
        ({"type": "identify", "userId": "u", "traits": "x"}, "/traits"),
        ({"type": "group", "userId": "u"}, "/groupId"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(message: dict[str, Any], pointer: str) -> None:
    assert refused(message) == pointer


@pytest.mark.parametrize(
    ("call", "body", "code", "pointer"),
    [
        ("batch", b"", "empty", ""),
        ("batch", b" \n", "empty", ""),
        ("batch", {"batch": []}, "empty", "/batch"),
        ("batch", [track()], "payload_format", ""),
        ("track", b"data=abc", "payload_format", ""),
        ("track", b"null", "payload_format", ""),
    ],
)
def test_a_body_that_is_no_call_is_refused_as_a_whole(call: str, body: object, code: str, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        split(call, body)
    assert (refusal.value.code, refusal.value.pointer) == (code, pointer)


def test_a_batch_without_its_array_fails_as_a_whole_with_its_key_and_its_address_where_they_are_taken_off() -> None:
    reading = split("batch", {"events": [1], "writeKey": "demo", "context": {"ip": "203.0.113.9"}})
    item = items(reading)[0]
    assert reading.write_key == "demo"
    assert item.problem is not None and (item.problem.code, item.problem.pointer) == ("payload_format", "/batch")
    assert item.original == {"events": [1], "writeKey": "demo", "ip": "203.0.113.9", "context": {}}


def test_json_called_a_form_is_read_all_the_same() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert items(split("track", track(), **headers))[0].original == track()


def pixel(call: str, **parameters: str) -> Reading:
    return segment.split_pixel(Request({}, parameters, b"", NOW, "GET", {"call": call}), LIMIT)


def test_a_pixels_names_go_a_level_down_at_each_dot() -> None:
    parameters = {
        "writeKey": "demo",
        "anonymousId": "a-1",
        "event": "Mail Opened",
        "properties.issue": "7",
        "context.page.url": "https://shop.example/m",
        "type": "identify",
    }
    event = checked(items(pixel("track", **parameters))[0].original)
    assert (event.name, event.type, event.anonymous_id) == ("Mail Opened", "custom", "a-1")
    assert (event.properties, event.page_url, event.context) == ({"issue": "7"}, "https://shop.example/m", {})


@pytest.mark.parametrize("names", [["a", "a.b"], ["a.b", "a"], [".".join("a" * 18)]])
def test_a_pixel_whose_names_make_no_object_fails_with_its_parameters_kept(names: list[str]) -> None:
    told_by_query = dict.fromkeys(names, "1")
    item = items(pixel("page", **told_by_query, writeKey="demo"))[0]
    assert item.problem is not None and item.problem.code == "schema_violation"
    assert item.original == told_by_query


def test_there_is_no_pixel_for_other_calls() -> None:
    with pytest.raises(NotFound):
        pixel("identify")


def page_of(function: str) -> Page:
    return next(page for page in segment.DIALECT.pages if page.function == function)


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ({"host": "localhost:7071"}, "http", "localhost:7071"),
        ({"host": "f.example", "x-forwarded-proto": "https"}, "https", "f.example"),
        (
            {"host": "f.example", "x-forwarded-host": "c.example", "x-forwarded-proto": "https, http"},
            "https",
            "c.example",
        ),
        ({"host": "f.example", "x-forwarded-proto": "javascript"}, "http", "f.example"),
    ],
)
def test_the_browsers_settings_lead_to_the_address_that_they_were_fetched_from(
    headers: dict[str, str], scheme: str, host: str
) -> None:
    answer = page_of("segment_settings").respond(Request(headers, {}, b"", NOW, "GET", {"key": "demo"}))
    body = orjson.loads(answer.body)
    assert body["integrations"] == {"Segment.io": {"apiKey": "demo", "apiHost": f"{host}/v1", "protocol": scheme}}
    assert body["metrics"] == {"sampleRate": 0}


def test_rudderstacks_source_is_enabled_and_reports_nowhere() -> None:
    basic = "Basic " + b64encode(b"demo:").decode()
    answer = page_of("segment_source_config").respond(Request({"authorization": basic}, {}, b"", NOW, "GET"))
    source = orjson.loads(answer.body)["source"]
    assert (source["enabled"], source["destinations"], source["writeKey"]) == (True, [], "demo")
    assert source["config"]["statsCollection"] == {"errors": {"enabled": False}, "metrics": {"enabled": False}}


def test_metrics_come_before_the_calls_on_a_host_that_takes_routes_in_the_order_of_names() -> None:
    functions: list[Endpoint | Page] = [*segment.DIALECT.endpoints, *segment.DIALECT.pages]
    routes = [function.route for function in sorted(functions, key=lambda function: function.function.lower())]
    assert routes.index("v1/m") < routes.index("v1/{call}")


def test_a_key_of_the_form_that_jitsu_wants_is_the_part_before_the_colon() -> None:
    assert write_key(Request({"x-write-key": "demo:anything"}, {}, b"", NOW)) == "demo"
    assert write_key(Request({"x-write-key": ":"}, {}, b"", NOW)) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CONTEXT_NAMES = ("page", "screen", "library", "traits", "locale", "timezone", "userAgent", "ip", "sessionId", "groupId")
PAGE_NAMES = ("url", "path", "search", "title", "referrer", "referring_domain", "width", "name", "version")
CONTEXT = st.dictionaries(
    st.sampled_from(CONTEXT_NAMES), ANYTHING | st.dictionaries(st.sampled_from(PAGE_NAMES), ANYTHING | st.text())
)
NAMES = (
    *("event", "name", "category", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp"),
    *("originalTimestamp", "sentAt", "properties", "traits", "integrations", "ip", "channel", "writeKey"),
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from([*segment.TYPES]) | ANYTHING},
    optional={"context": CONTEXT | ANYTHING, **{name: ANYTHING | st.text(max_size=5) for name in NAMES}},
)


@given(MESSAGES)
def test_whatever_a_message_holds_it_is_read_or_refused(message: dict[str, Any]) -> None:
    for element in items(segment.read_batch({"batch": [message], "context": message.get("context")}, {}, LIMIT)):
        try:
            checked(element.original)
        except InvalidRequest as refusal:
            assert refusal.code == "schema_violation"


@given(ANYTHING | st.dictionaries(st.sampled_from(["batch", "context", "sentAt", "writeKey"]), ANYTHING))
def test_whatever_a_body_holds_it_is_split_or_refused(body: Any) -> None:
    for call in ("batch", "track"):
        try:
            split(call, json.dumps(body).encode())
        except InvalidRequest as refusal:
            assert refusal.code in ("empty", "payload_format")


@given(st.binary())
def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    try:
        split("batch", body)
    except InvalidRequest as refusal:
        assert refusal.code in ("empty", "payload_format")


def test_a_campaign_that_the_client_tells_is_the_campaign() -> None:
    campaign = {"name": "spring", "source": "mail", "medium": 5, "colour": "red"}
    fields = segment.read({"type": "track", "event": "x", "userId": "u", "context": {"campaign": campaign}})
    assert {name: fields[name] for name in fields if name.startswith("utm_")} == {
        "utm_campaign": "spring",
        "utm_source": "mail",
    }
