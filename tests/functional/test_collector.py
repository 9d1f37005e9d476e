"""What becomes of a request: every event durable, each with its verdict."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.dialects import plain
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest, RequestTooLarge, Unauthorized, Unavailable
from clickstream.model.pipeline_hour import floored
from clickstream.settings import HOLDING
from tests.functional.memory import MemorySink
from tests.support.bench import ACCEPTED, HEADERS, RECEIVED, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_one_event_becomes_the_canonical_row(bench: Bench) -> None:
    event = {
        "name": "purchase",
        "event_id": "e1",
        "created_at": "2026-03-01T11:59:30Z",
        "sent_at": "2026-03-01T12:00:00Z",
        "anonymous_id": "a1",
        "user_id": 42,
        "page_url": "https://me:pw@Shop.Example/cart?utm_source=news#top",
        "referrer": "https://www.google.com/",
        "properties": {"order_value": 12.5},
        "colour": "red",
    }
    assert await bench.collect(event) == [ACCEPTED]
    (body,) = bench.events.bodies()
    assert len(body.pop("fingerprint")) == 48
    assert body == {
        "event_id": "e1",
        "site": "shop",
        "event_type": "custom",
        "event_name": "purchase",
        "received_at": "2026-03-01T12:00:00Z",
        "occurred_at": "2026-03-01T11:59:30Z",
        "created_at": "2026-03-01T11:59:30Z",
        "sent_at": "2026-03-01T12:00:00Z",
        "clock_clamped": False,
        "consent": "full",
        "advertising": True,
        "anonymous_id": "a1",
        "user_id": "42",
        "user_verified": False,
        "id_source": "client",
        "key_kind": "public",
        "stream": "default",
        "interactive": True,
        "page_url": "https://shop.example/cart?utm_source=news",
        "page_host": "shop.example",
        "page_path": "/cart",
        "page_query": "utm_source=news",
        "utm_source": "news",
        "referrer": "https://www.google.com/",
        "referrer_host": "www.google.com",
        "user_agent": "Firefox",
        "language": "de-CH",
        "ip": "198.51.100.0",
        "properties": {"order_value": 12.5, "colour": "red"},
        "context": {},
        "dialect": "plain",
    }
    (message,) = bench.events.messages
    assert message.key == "a1"
    assert message.properties == {
        "site": "shop",
        "event_type": "custom",
        "event_name": "purchase",
        "schema_version": "1",
    }


async def test_the_two_field_form_is_an_event(bench: Bench) -> None:
    assert await bench.collect({"name": "button_click", "data": {"label": "Buy"}}) == [ACCEPTED]
    (body,) = bench.events.bodies()
    assert (body["event_type"], body["event_name"], body["properties"]) == ("custom", "button_click", {"label": "Buy"})
    assert body["event_id"] == "id-1"


@pytest.mark.parametrize("name", ["page_view", "pageview", "$pageview"])
async def test_a_name_that_is_a_type_is_the_type(bench: Bench, name: str) -> None:
    await bench.collect({"name": name})
    assert bench.events.bodies()[0]["event_type"] == "page_view"


@pytest.mark.parametrize(
    "body",
    [
        b'[{"name":"a"},{"name":"b"}]',
        b'{"name":"a"}\n{"name":"b"}\n',
        b'{"name":"a"}\r\n\r\n{"name":"b"}',
        b'\xef\xbb\xbf [{"name":"a"},\n{"name":"b"}]',
    ],
)
async def test_an_array_and_lines_are_several_events_in_order(bench: Bench, body: bytes) -> None:
    assert await bench.collect(body) == [ACCEPTED, ACCEPTED]
    assert [event["event_name"] for event in bench.events.bodies()] == ["a", "b"]


async def test_bad_events_fail_alone_with_their_place_and_their_neighbours_land(bench: Bench) -> None:
    body = (
        b'[{"name":"good"},{"name":"x","properties":{"n":NaN}},{"name":"x","user_id":"\\ud800"},{"name":7},5,'
        b'{"name":"x","screen_width":"wide"},{"name":"x","properties":{"deep":' + b"[" * 40 + b"]" * 40 + b"}},"
        b'{"properties":{}},{"name":"fine"}]'
    )
    assert await bench.collect(body) == [
        ACCEPTED,
        ("failed", "schema_violation", "/properties/n"),
        ("failed", "schema_violation", "/user_id"),
        ("failed", "schema_violation", "/name"),
        ("failed", "schema_violation", ""),
        ACCEPTED,
        ACCEPTED,
        ("failed", "schema_violation", "/name"),
        ACCEPTED,
    ]
    good, wide, deep, fine = bench.events.bodies()
    assert [event["event_name"] for event in (good, fine)] == ["good", "fine"]
    assert [[entry["pointer"] for entry in event["context"]["left_out"]] for event in (wide, deep)] == [
        ["/screen_width"],
        ["/properties/deep" + "/0" * 15],
    ]
    assert len(bench.failed.messages) == 5
    assert json.loads(b64decode(bench.failed.bodies()[2]["payload"])) == {"name": 7}


@given(st.lists(st.booleans(), min_size=1, max_size=10))
async def test_what_a_request_is_answered_is_counted_once_it_is_durable(goods: list[bool]) -> None:
    bench = Bench()
    await bench.collect([{"name": "a"} if good else {"no": "name"} for good in goods])
    assert (len(bench.events.messages), len(bench.failed.messages)) == (sum(goods), len(goods) - sum(goods))
    assert bench.counts.counted == [("shop", RECEIVED, sum(goods), len(goods) - sum(goods))]
    assert bench.counts.not_answered == []


@pytest.mark.parametrize(
    ("events", "failed", "expected"),
    [
        (MemorySink(durable=3), MemorySink(), (3, 1)),
        (MemorySink(durable=0), MemorySink(), (0, 4)),
        (MemorySink(), MemorySink(durable=1), (5, 1)),
        (MemorySink(down=True), MemorySink(), (0, 4)),
    ],
    ids=["events in part", "none", "failed events in part", "nobody knows"],
)
async def test_of_a_refused_request_what_is_durable_and_what_nobody_knows_of_is_counted(
    events: MemorySink, failed: MemorySink, expected: tuple[int, int]
) -> None:
    bench = Bench(events=events, failed=failed)
    with pytest.raises(Unavailable):
        await bench.collect([*[{"name": "a"}] * 4, {"no": "name"}, {"no": "name"}])
    assert (bench.counts.counted, bench.counts.not_answered) == ([], [("shop", RECEIVED, *expected)])


@pytest.mark.parametrize("name", ["request_accepted", "request_failed", "request_id", "unanswered", "captured"])
async def test_a_stranger_that_writes_the_names_of_the_books_writes_properties(bench: Bench, name: str) -> None:
    assert await bench.collect({"name": "a", name: 1_000_000, "context": {name: 7}}) == [ACCEPTED]
    (body,) = bench.events.bodies()
    assert (body["properties"], name in body) == ({name: 1_000_000}, False)
    assert bench.counts.counted == [("shop", RECEIVED, 1, 0)]


@pytest.mark.parametrize("before_the_hour", [0, 1, 4, 5, 1_000])
async def test_events_of_one_request_have_moments_of_their_own_in_one_hour_and_keep_their_order(
    bench: Bench, before_the_hour: int
) -> None:
    """Else a message that a client says twice in a request would look like one that was delivered twice."""
    received_at = RECEIVED - timedelta(microseconds=before_the_hour)
    await bench.collect([{"name": "a", "event_id": "1"}] * 5, received_at)
    moments = [datetime.fromisoformat(body["received_at"]) for body in bench.events.bodies()]
    assert moments == sorted(set(moments)) and len(moments) == 5
    assert {floored(moment) for moment in moments} == {floored(received_at)}
    assert abs(moments[0] - received_at) < timedelta(microseconds=5)


async def test_a_bad_line_fails_alone(bench: Bench) -> None:
    assert await bench.collect(b'{"name":"a"}\n{oops\n{"name":"b"}') == [
        ACCEPTED,
        ("failed", "payload_format", ""),
        ACCEPTED,
    ]
    (failed,) = bench.failed.bodies()
    assert b64decode(failed["payload"]) == b"{oops"
    assert (failed["site"], failed["stage"], failed["failure_class"]) == ("shop", "collect", "payload_format")


async def test_a_body_that_is_no_json_is_one_failed_event_with_its_bytes(bench: Bench) -> None:
    assert await bench.collect(b"\x00\xffhello") == [("failed", "payload_format", "")]
    (failed,) = bench.failed.bodies()
    assert b64decode(failed["payload"]) == b"\x00\xffhello"


async def test_what_is_kept_of_a_failed_event_is_bounded(bench: Bench) -> None:
    await bench.collect(b"x" * 40_000)
    (failed,) = bench.failed.bodies()
    assert (len(b64decode(failed["payload"])), failed["payload_truncated"]) == (32_768, True)


@pytest.mark.parametrize("body", [b"", b"  \n ", b"[]"])
async def test_an_empty_body_is_refused_and_nothing_is_stored(bench: Bench, body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await bench.collect(body)
    assert caught.value.code == "empty"
    assert bench.events.messages == bench.failed.messages == []


async def test_limits_are_told_apart_from_events(bench: Bench) -> None:
    assert len(await bench.collect([{"name": "a"}] * 10)) == 10
    with pytest.raises(RequestTooLarge, match="at most 10 events, and this one has more"):
        await bench.collect([{"name": "a"}] * 11)
    with pytest.raises(RequestTooLarge, match="at most 65536 bytes, not 65537"):
        await bench.collect(b" " * 65_537)


async def test_an_event_over_the_hubs_limit_loses_its_largest_parts_and_names_them() -> None:
    bench = Bench(events=MemorySink(max_message_bytes=40_000))
    parts = {"small": 1, "big": ["x" * 8_000] * 6, "less": ["y" * 8_000] * 2}
    assert await bench.collect({"name": "a", "properties": parts, "context": {"kept": True}}) == [ACCEPTED]
    (event,) = bench.events.bodies()
    assert event["properties"] == {"small": 1, "less": parts["less"]}
    assert event["context"]["kept"] is True
    assert [entry["pointer"] for entry in event["context"]["left_out"]] == ["/properties/big"]


async def test_an_event_over_the_hubs_limit_by_what_it_needs_fails_alone() -> None:
    bench = Bench(events=MemorySink(max_message_bytes=2_000))
    big = {"name": "big", "page_title": "x" * 3_000}
    assert await bench.collect([{"name": "a"}, big, {"name": "b"}]) == [
        ACCEPTED,
        ("failed", "size_violation", ""),
        ACCEPTED,
    ]


@pytest.mark.parametrize("key", ["", "unknown", "\udcff"])
async def test_an_unknown_key_stores_nothing(bench: Bench, key: str) -> None:
    with pytest.raises(Unauthorized):
        await bench.collect({"name": "a"}, x_write_key=key)
    assert bench.events.messages == bench.failed.messages == []


async def test_nothing_is_claimed_while_the_hub_is_down(bench: Bench) -> None:
    bench.events.down = True
    with pytest.raises(Unavailable):
        await bench.collect([{"name": "a"}, {"oops": 1}])
    assert bench.failed.messages == []


async def test_what_waited_too_long_for_its_turn_is_refused_before_the_compactor_calls_its_time_complete(
    bench: Bench,
) -> None:
    bench.waited = HOLDING
    assert await bench.collect([{"name": "a"}]) == [ACCEPTED]
    bench.waited += timedelta(milliseconds=1)
    with pytest.raises(Unavailable):
        await bench.collect([{"name": "late"}, {"oops": 1}])
    assert [event["event_name"] for event in bench.events.bodies()] == ["a"]
    assert bench.failed.messages == []


async def test_a_public_key_cannot_speak_for_another_device(bench: Bench) -> None:
    await bench.collect({"name": "a", "ip": "203.0.113.9", "user_agent": "Forged"})
    (body,) = bench.events.bodies()
    assert (body["ip"], body["user_agent"]) == ("198.51.100.0", "Firefox")


async def test_a_server_key_speaks_for_the_device_it_names_and_not_for_itself(bench: Bench) -> None:
    await bench.collect({"name": "a", "ip": "203.0.113.9", "user_agent": "Phone"}, x_write_key="server-key")
    await bench.collect({"name": "a"}, x_write_key="server-key")
    told, untold = bench.events.bodies()
    assert (told["ip"], told["user_agent"]) == ("203.0.113.0", "Phone")
    assert "ip" not in untold and "user_agent" not in untold and "anonymous_id" not in untold


async def test_only_an_import_key_states_history(bench: Bench) -> None:
    old = {"name": "a", "created_at": "2015-05-17T10:05:03+02:00"}
    for key in ("public-key", "server-key", "import-key"):
        await bench.collect(old, x_write_key=key)
    assert [(event["occurred_at"], event["clock_clamped"]) for event in bench.events.bodies()] == [
        ("2026-02-22T12:00:00Z", True),
        ("2026-02-22T12:00:00Z", True),
        ("2015-05-17T08:05:03Z", False),
    ]


async def test_a_visitor_without_id_is_the_same_for_a_day_by_address_and_agent(bench: Bench) -> None:
    await bench.collect({"name": "a"})
    await bench.collect({"name": "b"})
    await bench.collect({"name": "c"}, user_agent="Other")
    first, same, other = (event["anonymous_id"] for event in bench.events.bodies())
    assert first == same != other
    assert len(first) == 32


async def test_a_whole_address_is_stored_nowhere(bench: Bench) -> None:
    await bench.collect([{"name": "a"}, {"name": 5, "ip": "198.51.100.77"}], x_write_key="server-key")
    await bench.collect([{"name": "a"}, {"name": 5, "ip": "198.51.100.77"}])
    for sink in (bench.events, bench.failed):
        for message in sink.messages:
            text = message.body + b64decode(json.loads(message.body).get("payload", ""))
            assert b"198.51.100.77" not in text


async def test_copies_of_an_event_have_one_fingerprint_and_other_content_another(bench: Bench) -> None:
    event = {"name": "a", "event_id": "1", "properties": {"x": 1, "y": 2}, "created_at": "2026-03-01T11:00:00Z"}
    await bench.collect(event)
    await bench.collect({**event, "sent_at": "2026-03-01T11:00:01Z", "properties": {"y": 2, "x": 1}})
    await bench.collect({**event, "properties": {"x": 1, "y": 3}})
    first, copy, other = (event["fingerprint"] for event in bench.events.bodies())
    assert first == copy != other


@given(st.binary(max_size=300))
async def test_any_body_is_taken_refused_or_stored_as_failed(body: bytes) -> None:
    bench = Bench()
    try:
        verdicts = await bench.collect(body)
    except InvalidRequest as problem:
        assert problem.code == "empty"
        return
    assert len(verdicts) == len(bench.events.messages) + len(bench.failed.messages)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["name", "type", "event_id", "created_at", "user_id", "page_url", "properties", "data", "x"]
            ),
            st.none()
            | st.integers()
            | st.floats()
            | st.text(max_size=5)
            | st.dictionaries(st.text(max_size=3), st.none()),
        ),
        min_size=1,
        max_size=10,
    )
)
async def test_every_event_of_a_batch_has_one_verdict_and_one_message(batch: list[dict[str, Any]]) -> None:
    bench = Bench()
    verdicts = await bench.collect(batch)
    assert len(verdicts) == len(batch)
    assert [status for status, _, _ in verdicts].count("accepted") == len(bench.events.messages)
    assert [status for status, _, _ in verdicts].count("failed") == len(bench.failed.messages)


async def test_on_request_the_verdict_names_a_bot_whose_event_is_stored(bench: Bench) -> None:
    for agent, bot in (("Mozilla/5.0 (compatible; Googlebot/2.1)", True), ("Mozilla/5.0 Firefox/140.0", False)):
        request = Request({**HEADERS, "user-agent": agent}, {"verdict": "1"}, b'{"name":"a"}', RECEIVED)
        collected = await bench.collector.collect(request, plain.DIALECT, plain.DIALECT.endpoints[0])
        assert [(verdict.status, verdict.bot) for verdict in collected.verdicts] == [("accepted", bot)]
    assert len(bench.events.messages) == 2
