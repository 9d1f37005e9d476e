"""What Snowplow's trackers send is taken apart and read."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting import client_event
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Reading
from clickstream.collecting.dialects import snowplow
from clickstream.collecting.dialects.snowplow_fields import PLACES, read
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest
from tests.support.samples.snowplow import (
    BROWSER_GET,
    CONTEXTS,
    ORDER,
    PAYLOAD_DATA,
    PRODUCT,
    SESSION,
    UNSTRUCT,
    payload,
)
from tests.unit.collecting.dialect_checks import LIMIT, items

RECEIVED = datetime(2026, 3, 1, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def split(body: object = None, query: str = "", method: str = "POST", **headers: str) -> Reading:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return snowplow.split_payload(Request(named, dict(parse_qsl(query)), raw, RECEIVED, method), LIMIT)


def originals(reading: Reading) -> list[Any]:
    assert [item.problem for item in items(reading)] == [None] * len(reading.elements)
    return [item.original for item in items(reading)]


def told(**codes: object) -> ClientEvent:
    """Through split, so that what is packed is unpacked."""
    (original,) = originals(split(payload(codes), x_write_key="k"))
    return client_event.check(read(original))


def refused(**codes: object) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        told(**codes)
    assert caught.value.code == "schema_violation"
    return caught.value.pointer


def contexts(*entities: object) -> str:
    return json.dumps({"schema": CONTEXTS, "data": entities})


def self_describing(event: object) -> str:
    return json.dumps({"schema": UNSTRUCT, "data": event})


def test_a_page_view_of_the_browser_is_read() -> None:
    reading = split(query=BROWSER_GET, method="GET")
    assert reading.write_key == "demo"
    (original,) = originals(reading)
    event = client_event.check(read(original))
    assert event == ClientEvent(
        name="page_view",
        type="page_view",
        event_id="3c6a5f0e-3c0b-4c79-9a4f-1c3f0c6a9f11",
        created_at=datetime(2026, 11, 21, 7, 34, 59, 990000, UTC),
        sent_at=datetime(2026, 11, 21, 7, 35, tzinfo=UTC),
        anonymous_id="0e3c6a5f-3c0b-494c-9a4f-6a9f111c3f0c",
        user_id="ada",
        session_id="5f0e3c6a-0b3c-494c-af4f-0c6a9f111c3f",
        session_index=2,
        page_url="https://shop.example/a?q=1",
        page_title="Shoes",
        referrer="https://search.example/",
        language="en-GB",
        screen_width=1920,
        screen_height=1080,
        viewport_width=1280,
        viewport_height=720,
        time_zone="Europe/Berlin",
        tracker="js/4.10.1",
        context={
            "tracker_namespace": "web",
            "platform": "web",
            "cookies_enabled": True,
            "charset": "UTF-8",
            "color_depth": 24,
            "document_width": 1265,
            "document_height": 4000,
        },
    )


@pytest.mark.parametrize("revision", range(6))
def test_every_revision_of_the_envelope_is_taken(revision: int) -> None:
    body = {"schema": PAYLOAD_DATA[:-1] + str(revision), "data": [{"e": "pv"}, {"e": "pp"}]}
    assert [original["e"] for original in originals(split(body))] == ["pv", "pp"]


def test_an_unknown_envelope_keeps_each_event_as_a_failure() -> None:
    reading = split({"schema": PAYLOAD_DATA.replace("1-0-4", "2-0-0"), "data": [{"e": "pv", "aid": "demo"}]})
    (item,) = items(reading)
    assert reading.write_key == "demo" and item.original == {"e": "pv"}
    assert item.problem is not None and (item.problem.code, item.problem.pointer) == ("payload_format", "/schema")


@pytest.mark.parametrize("body", [b"", b" \n", {"schema": PAYLOAD_DATA, "data": []}])
def test_a_request_without_an_event_is_told_so(body: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        split(body, query="verdict=1&write_key=k")
    assert caught.value.code == "empty"


@pytest.mark.parametrize("body", [b"x", [], {"data": {"e": "pv"}}, {"e": "pv"}, "e=pv", 5])
def test_an_unreadable_body_is_told_so(body: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        split(body)
    assert caught.value.code == "payload_format"


def test_what_is_no_event_does_not_fail_its_neighbours() -> None:
    reading = split(payload({"e": "pv"}, "x", None, 5, {"e": "pp"}))
    assert [item.original for item in items(reading)] == [{"e": "pv"}, "x", None, 5, {"e": "pp"}]


def test_the_query_string_of_a_post_wins_in_every_event() -> None:
    merged = originals(split(payload({"e": "pv", "p": "web"}, {"e": "pp"}), query="p=srv&url=u&verdict=1&write_key=k"))
    assert merged == [{"e": "pv", "p": "srv", "url": "u"}, {"e": "pp", "p": "srv", "url": "u"}]


def test_a_post_may_say_all_in_its_query_string() -> None:
    assert originals(split(query="e=pv&aid=demo")) == [{"e": "pv"}]


def test_the_app_id_is_kept_only_where_it_is_not_the_key() -> None:
    as_key = split(payload({"e": "pv", "aid": "secret"}, {"e": "pp"}, {"e": "pv", "aid": "secret"}))
    assert as_key.write_key == "secret"
    assert "secret" not in json.dumps(originals(as_key))
    for stated in ({"x_write_key": "k"}, {"authorization": "Basic " + b64encode(b"k:").decode()}):
        reading = split(payload({"e": "pv", "aid": "shop"}), **stated)
        assert reading.write_key is None
        assert read(originals(reading)[0])["context"] == {"app_id": "shop"}


def test_one_request_is_of_one_app_id() -> None:
    reading = split(payload({"e": "pv", "aid": "a"}, {"e": "pv", "aid": "b"}))
    assert reading.write_key == "a"
    assert [item.problem.pointer if item.problem else None for item in items(reading)] == [None, "/aid"]
    assert all(item.original == {"e": "pv"} for item in items(reading)), "either may be a secret"


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["=", ""])
def test_nothing_hides_in_base64(encode: Any, padding: str) -> None:
    def packed(text: str) -> str:
        encoded: str = encode(text.encode()).decode()
        return encoded if padding else encoded.rstrip("=")

    wanted = {"e": "ue", "ue_pr": {"schema": UNSTRUCT, "data": ORDER}, "co": {"schema": CONTEXTS, "data": [PRODUCT]}}
    event = {"e": "ue", "ue_px": packed(self_describing(ORDER)), "cx": packed(contexts(PRODUCT))}
    assert originals(split(payload(event))) == [wanted]
    plain = {"e": "ue", "ue_pr": self_describing(ORDER), "co": contexts(PRODUCT), "cx": "stale"}
    assert originals(split(payload(plain))) == [wanted]


@pytest.mark.parametrize("packed", ["ue_px", "cx"])
@pytest.mark.parametrize("value", ["%%%", "e30x", b64encode(b"no json").decode(), 5, []])
def test_what_cannot_be_unpacked_stays_and_is_refused(packed: str, value: object) -> None:
    event = {"e": "ue", packed: value}
    assert originals(split(payload(event))) == [event]
    if value:
        assert refused(**event) == f"/{packed}"


def test_a_structured_event_is_named_by_its_action() -> None:
    event = told(e="se", se_ca="cart", se_ac="add", se_la="A1", se_pr="blue", se_va="9.50")
    assert (event.type, event.name) == ("custom", "add")
    assert event.properties == {"category": "cart", "action": "add", "label": "A1", "property": "blue", "value": 9.5}
    assert told(e="se", ev_ca="cart", ev_ac="add", ev_va="nan").properties["value"] == "nan"
    long = told(e="se", se_ac="x" * 300)
    assert (long.name, long.properties["action"]) == ("x" * 200, "x" * 300)
    assert [refused(e="se"), refused(e="se", se_ac=" ")] == ["/se_ac", "/se_ac"]


def test_a_self_describing_event_is_named_by_its_schema() -> None:
    event = told(e="ue", ue_pr=self_describing(ORDER), unknown="kept")
    assert (event.type, event.name, event.schema_version) == ("custom", "order_placed", "2-1-0")
    assert event.properties == {"total": 19.9, "note": "ü?>~", "unknown": "kept"}
    assert event.context == {"schema": ORDER["schema"]}


@pytest.mark.parametrize(
    ("vendor", "kind", "name"),
    [
        ("com.snowplowanalytics.snowplow", "screen", "screen"),
        ("com.snowplowanalytics.mobile", "screen", "screen"),
        ("com.acme", "custom", "screen_view"),
    ],
)
def test_a_screen_view_of_snowplow_is_a_screen(vendor: str, kind: str, name: str) -> None:
    event = told(e="ue", ue_pr=self_describing({"schema": f"iglu:{vendor}/screen_view/jsonschema/1-0-0", "data": {}}))
    assert (event.type, event.name) == (kind, name)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (None, "/ue_pr"),
        ("no json", "/ue_pr"),
        ("[]", "/ue_pr"),
        (self_describing(None), "/ue_pr"),
        (self_describing({"data": {}}), "/ue_pr/data/schema"),
        (self_describing({"schema": "iglu:a/b/c", "data": {}}), "/ue_pr/data/schema"),
        (self_describing({"schema": 5, "data": {}}), "/ue_pr/data/schema"),
        (self_describing({"schema": ORDER["schema"], "data": []}), "/ue_pr/data/data"),
    ],
)
def test_what_is_no_self_describing_event_is_refused_where_it_is_wrong(value: object, pointer: str) -> None:
    assert refused(e="ue", ue_pr=value) == pointer


def test_commerce_has_its_words() -> None:
    order = told(e="tr", tr_id="o1", tr_tt="19.9", tr_tx="1", tr_sh="-2", tr_cu="CHF", tr_co="CH")
    assert (order.type, order.name) == ("custom", "transaction")
    assert order.properties == {
        "order_id": "o1",
        "total": 19.9,
        "tax": 1,
        "shipping": -2,
        "currency": "CHF",
        "country": "CH",
    }
    item = told(e="ti", ti_id="o1", ti_sk="A1", ti_nm="Shoe", ti_pr="9.5", ti_qu="2")
    assert (item.name, item.properties["price"], item.properties["quantity"]) == ("transaction_item", 9.5, 2)


def test_page_and_session_entities_become_fields_and_the_others_stay() -> None:
    page = {"schema": "iglu:com.snowplowanalytics.snowplow/web_page/jsonschema/1-0-0", "data": {"id": "view"}}
    event = told(e="pv", co=contexts(page, SESSION, PRODUCT), duid="cookie")
    assert (event.anonymous_id, event.session_id, event.session_index) == ("cookie", "session", 2)
    assert event.context == {
        "page_view_id": "view",
        "previous_session_id": "before",
        "session_event_index": 4,
        "session_first_event_id": "first",
        "session_first_event_at": "2026-03-01T00:00:00.000Z",
        "session_storage": "COOKIE_1",
        "entities": [PRODUCT],
    }
    assert told(e="pv", co=contexts(SESSION)).anonymous_id == "device"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("no json", "/co"),
        ("[1]", "/co"),
        (json.dumps({"schema": CONTEXTS, "data": {}}), "/co"),
        (contexts(PRODUCT, 5), "/co/data/1"),
        (contexts({"data": {}}), "/co/data/0/schema"),
    ],
)
def test_what_are_no_contexts_is_refused_where_it_is_wrong(value: str, pointer: str) -> None:
    assert refused(e="pv", co=value) == pointer


def test_a_true_time_takes_the_place_of_the_clocks_of_the_device() -> None:
    event = told(e="pv", dtm="1795246499990", stm="1795246500000", ttm="1700000000000")
    assert (event.created_at, event.sent_at) == (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), None)
    assert event.context == {"device_created_at": "2026-11-21T07:34:59.990000+00:00"}


def test_the_id_of_the_network_is_the_trackers_before_the_collectors() -> None:
    assert told(e="pv", nuid="a", tnuid="b").context == {"network_user_id": "b"}
    assert told(e="pv", nuid="a").context == {"network_user_id": "a"}
    assert told(e="pv", nuid="00000000-0000-0000-0000-000000000000").context == {}


@pytest.mark.parametrize(
    "codes",
    [
        {"e": "xx"},
        {"e": None},
        {"e": ["pv"]},
        {"dtm": "yesterday"},
        {"stm": "-1"},
        {"ttm": "1e999"},
        {"dtm": "nan"},
        {"dtm": True},
        {"vid": "0"},
        {"vid": "1.5"},
        {"res": "wide"},
        {"vp": "1x-2"},
        {"ds": "1x9999999999"},
        {"url": {}},
        {"uid": ["x"]},
        {"aid": False},
        {"se_ca": {}},
        {"tnuid": [1]},
    ],
    ids=repr,
)
def test_a_value_of_the_wrong_kind_is_refused_with_a_pointer_to_its_code(codes: dict[str, object]) -> None:
    pointer = f"/{next(iter(codes))}"
    assert refused(**{"e": "pv", **codes}) == pointer


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("js-4.10.1", "js/4.10.1"),
        ("no-js-0.1.0", "no-js/0.1.0"),
        ("java-2.1.0-okhttp", "java/2.1.0-okhttp"),
        ("x", "x"),
    ],
)
def test_a_tracker_is_kept_as_name_and_version(stated: str, kept: str) -> None:
    assert told(e="pv", tv=stated).tracker == kept


def test_what_is_empty_is_absent() -> None:
    event = told(e="pv", uid="", url="", res="", refr=None, dtm="")
    assert (event.user_id, event.page_url, event.screen_width, event.created_at) == (None, None, None, None)


def test_who_asks_for_anonymity_leaves_no_address_and_no_id_of_the_network() -> None:
    event = {"e": "pv", "ip": "203.0.113.7", "nuid": "n", "tnuid": "t", "fp": "f", "aid": "demo"}
    (original,) = originals(split(payload(event), **{"sp-anonymous": "*"}))
    assert original == {"e": "pv", "SP-Anonymous": "*"}
    assert read(original)["consent_signals"] == {"anonymous": True}
    assert "consent_signals" not in read({"e": "pv"})


@given(st.dictionaries(st.sampled_from([*PLACES, "cx", "ue_px", "f_pdf"]) | st.text(), JSON))
def test_nothing_but_an_invalid_request_comes_of_any_original(original: dict[str, Any]) -> None:
    for event in (original, {**original, "e": "pv"}, {**original, "e": "ue"}, {**original, "e": "se"}):
        try:
            client_event.check(read(event))
        except InvalidRequest as problem:
            assert problem.pointer is not None


@given(
    JSON
    | st.lists(st.dictionaries(st.sampled_from([*PLACES, "cx", "ue_px"]), JSON | st.text())).map(lambda d: payload(*d))
)
def test_nothing_but_an_invalid_request_comes_of_any_body(body: Any) -> None:
    raw = json.dumps(body).encode()
    for query in ("", "e=pv&cx=x"):
        try:
            reading = split(raw, query)
        except InvalidRequest:
            continue
        for item in items(reading):
            if isinstance(item.original, dict):
                with suppress(InvalidRequest):
                    client_event.check(read(item.original))
