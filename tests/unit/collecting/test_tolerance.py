"""One field that is out of shape costs itself and not its event, in every dialect, and is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.client_event import ClientEvent, check
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.tolerance import LeftOut, read_tolerantly
from clickstream.errors import InvalidRequest
from tests.unit.collecting.dialect_checks import ANY_JSON

SCHEMA = "iglu:com.acme/order/jsonschema/1-0-0"
MOMENT = "2026-03-01T12:00:00Z"
ENTITY = {"schema": SCHEMA, "data": {"id": 1}}
GOOD: Mapping[str, Mapping[str, Any]] = {
    "plain": {
        "name": "x", "event_id": "e", "created_at": "2026-03-01T12:00:00Z", "anonymous_id": "a", "session_index": 2,
        "page_url": "https://a.example/", "page_title": "A", "screen_width": 100, "interactive": True, "language": "de",
        "properties": {"p": 1}, "context": {"c": 1}, "tracker": "t",
    },
    "snowplow": {
        "e": "ue", "eid": "e", "dtm": "1795246499990", "stm": "1795246500000", "duid": "a", "sid": "s", "vid": "2",
        "url": "https://a.example/", "res": "1x2", "vp": "1x2", "ds": "1x2", "aid": "app", "tnuid": "n",
        "ue_pr": {"schema": "iglu:a/b/c/1-0-0", "data": {"schema": SCHEMA, "data": {"id": 1}}},
        "co": {"schema": "iglu:a/b/c/1-0-0", "data": [ENTITY, ENTITY]},
    },
    "segment": {
        "type": "track", "event": "x", "messageId": "e", "anonymousId": "a", "userId": "u", "sentAt": MOMENT,
        "timestamp": MOMENT, "properties": {"p": 1}, "context": {"locale": "de"},
    },
    "jitsu": {"type": "track", "event": "x", "messageId": "e", "anonymousId": "a", "properties": {"p": 1}},
    "posthog": {
        "event": "x", "uuid": "e", "distinct_id": "a", "timestamp": MOMENT, "sent_at": MOMENT,
        "properties": {"p": 1, "$device_id": "d", "$screen_width": 5, "$current_url": "https://a.example/"},
    },
    "ga4": {
        "name": "x", "client_id": "a", "user_id": "u", "timestamp_micros": "1795246499990000",
        "device": {"language": "de"}, "user_properties": {"plan": {"value": "pro"}}, "user_agent": "U",
        "params": {"session_id": 7, "session_number": 2, "page_location": "https://a.example/", "event_id": "e"},
    },
    "plausible": {"n": "x", "u": "https://a.example/", "p": {"p": 1}, "m": {"q": 1}, "$": {"amount": 1}, "w": 9},
    "umami": {
        "type": "event", "name": "x", "url": "/", "hostname": "a.example", "id": "u", "vid": "a", "screen": "1x2",
        "timestamp": 1795246499, "data": {"p": 1}, "title": "A",
    },
    "matomo": {
        "e_c": "c", "e_a": "x", "url": "https://a.example/", "cid": "a", "uid": "u", "cdt": "1795246499", "res": "1x2",
        "_idvc": "2", "cvar": '{"1":["n","v"]}', "received_at": "2026-03-01T12:00:00Z", "cdo": "5",
    },
}  # fmt: skip
# What an event is nothing without: what it is, and what may be a refusal.
NEEDED = {
    "plain": {"name", "consent", "type"},
    "snowplow": {"e", "ue_pr"},
    "segment": {"type", "event", "anonymousId", "userId"},  # of the two ids one
    "jitsu": {"type", "event"},
    "posthog": {"event"},
    "ga4": {"name", "consent"},
    "plausible": {"n"},
    "umami": {"type", "name", "payload"},
    "matomo": {"e_a", "e_c"},
}


def read(dialect: str, original: Mapping[str, Any], *, strict_clocks: bool = False) -> tuple[ClientEvent, list[str]]:
    """The event, and the pointers to what was left out of it."""
    left_out = LeftOut()
    fields = read_tolerantly(DIALECTS[dialect].read, original, left_out, strict_clocks=strict_clocks)
    event = check(fields, left_out, strict_clocks=strict_clocks)
    if left_out:
        assert event.context["left_out"] == left_out.entries()
    return event, [entry["pointer"] for entry in left_out.entries()]


@pytest.mark.parametrize("dialect", GOOD)
def test_a_good_event_loses_nothing(dialect: str) -> None:
    event, left_out = read(dialect, GOOD[dialect])
    assert left_out == []
    assert "left_out" not in event.context


@pytest.mark.parametrize(
    ("dialect", "change", "pointers"),
    [
        ("plain", {"screen_width": "wide"}, ["/screen_width"]),
        ("plain", {"created_at": "soon", "page_title": 5, "user_id": {}}, ["/created_at", "/user_id", "/page_title"]),
        ("plain", {"properties": "text"}, ["/properties"]),
        ("plain", {"context": [1]}, ["/context"]),
        ("plain", {"name": "x" * 300}, ["/name"]),
        ("snowplow", {"vid": "many"}, ["/vid"]),
        ("snowplow", {"dtm": "-1", "res": "wide", "tnuid": [1]}, ["/dtm", "/res", "/tnuid"]),
        ("snowplow", {"co": "text"}, ["/co"]),
        ("snowplow", {"cx": "!", "co": None}, ["/cx"]),
        ("snowplow", {"co": {"schema": "x", "data": [5, ENTITY, {"data": {}}]}}, ["/co/data/0", "/co/data/2/schema"]),
        ("snowplow", {"url": {}}, ["/url"]),
        ("segment", {"messageId": "m" * 300}, ["/messageId"]),
        ("segment", {"userId": {"id": 1}, "timestamp": "yesterday"}, ["/timestamp", "/userId"]),
        ("segment", {"properties": [1], "context": "web"}, ["/context", "/properties"]),
        ("segment", {"event": "x" * 300}, ["/event"]),
        ("jitsu", {"sentAt": True}, ["/sentAt"]),
        ("posthog", {"properties": []}, ["/properties"]),
        ("posthog", {"timestamp": "yesterday", "uuid": {}}, ["/uuid", "/timestamp"]),
        ("ga4", {"params": [], "user_properties": 5, "device": "x"}, ["/params", "/device", "/user_properties"]),
        ("ga4", {"timestamp_micros": "soon", "client_id": {}}, ["/timestamp_micros", "/client_id"]),
        ("plausible", {"p": "no json", "$": [1]}, ["/p", "/$"]),
        ("umami", {"timestamp": "soon", "id": [1], "data": "x"}, ["/timestamp", "/id", "/data"]),
        ("matomo", {"cdt": "yesterday", "uid": {}}, ["/uid", "/cdt"]),
    ],
)  # fmt: skip
def test_a_field_that_is_out_of_shape_loses_itself_and_is_named(
    dialect: str, change: Mapping[str, Any], pointers: list[str]
) -> None:
    event, left_out = read(dialect, {**GOOD[dialect], **change})
    assert left_out == pointers
    good, _ = read(dialect, GOOD[dialect])
    assert (event.name[:1], event.type) == (good.name[:1], good.type)


@pytest.mark.parametrize("dialect", GOOD)
@given(data=st.data())
def test_whatever_one_field_is_the_event_is_lost_only_by_what_it_is_nothing_without(
    dialect: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(GOOD[dialect].keys() - NEEDED[dialect])))
    value = data.draw(ANY_JSON.filter(lambda value: "nan" not in repr(value) and "inf" not in repr(value)))
    read(dialect, {**GOOD[dialect], name: value})


@pytest.mark.parametrize(
    ("dialect", "change", "pointer"),
    [
        ("plain", {"name": 5}, "/name"),
        ("plain", {"name": " "}, "/name"),
        ("plain", {"type": "sale"}, "/type"),
        ("plain", {"consent": "maybe"}, "/consent"),
        ("plain", {"consent_signals": "no"}, "/consent_signals"),
        ("plain", {"consent_signals": {str(n): n for n in range(201)}}, "/consent_signals"),
        ("plain", {"gdpr_consent": "x" * 9_000}, "/gdpr_consent"),
        ("plain", {"properties": {"n": float("nan")}}, "/properties/n"),
        ("plain", {"page_title": "\ud800"}, "/page_title"),
        ("snowplow", {"e": "xx"}, "/e"),
        ("snowplow", {"ue_pr": {"schema": "x"}}, "/ue_pr"),
        ("snowplow", {"ue_px": "!"}, "/ue_px"),
        ("segment", {"type": "merge"}, "/type"),
        ("segment", {"event": None}, "/event"),
        ("segment", {"anonymousId": None, "userId": {"id": 1}}, "/userId"),
        ("posthog", {"event": "$create_alias", "properties": {}}, "/properties/alias"),
        ("ga4", {"consent": "denied"}, "/consent"),
        ("umami", {"type": "sale"}, "/type"),
    ],
)
def test_what_an_event_is_nothing_without_or_may_be_a_refusal_fails_it(
    dialect: str, change: Mapping[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(dialect, {**GOOD[dialect], **change})
    assert (refused.value.code, refused.value.pointer) == ("schema_violation", pointer)


@pytest.mark.parametrize(
    ("dialect", "change"),
    [
        ("plain", {"created_at": "yesterday"}),
        ("snowplow", {"dtm": "x"}),
        ("segment", {"timestamp": "yesterday"}),
        ("ga4", {"timestamp_micros": "x"}),
        ("umami", {"timestamp": "x"}),
        ("matomo", {"cdt": "x"}),
        ("posthog", {"timestamp": "x"}),
    ],
)
def test_history_is_never_placed_in_the_present_for_a_clock_that_cannot_be_read(
    dialect: str, change: Mapping[str, Any]
) -> None:
    original = {**GOOD[dialect], **change}
    assert read(dialect, original)[1]
    with pytest.raises(InvalidRequest):
        read(dialect, original, strict_clocks=True)
    assert read(dialect, {**GOOD[dialect], "screen": {}}, strict_clocks=True)


def test_ids_that_are_too_long_stay_different_and_the_same_every_time() -> None:
    ids = [f"{'visitor' * 40}{number}" for number in (1, 2, 1)]
    for dialect, name in (("plain", "anonymous_id"), ("segment", "anonymousId"), ("ga4", "client_id")):
        first, second, again = (read(dialect, {**GOOD[dialect], name: stated})[0].anonymous_id for stated in ids)
        assert first == again != second
        assert first is not None and first.startswith("long-")


def test_a_value_too_many_is_out_of_shape_and_the_event_fails_in_the_end() -> None:
    entities = {"schema": "x", "data": [5] * 21}
    assert len(read("snowplow", {**GOOD["snowplow"], "co": {"schema": "x", "data": [5] * 20}})[1]) == 20
    with pytest.raises(InvalidRequest) as refused:
        read("snowplow", {**GOOD["snowplow"], "co": entities})
    assert refused.value.pointer == "/co/data/0"


def test_a_moment_that_is_left_out_leaves_the_others() -> None:
    event, _ = read("segment", {**GOOD["segment"], "originalTimestamp": "bad"})
    assert event.created_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
