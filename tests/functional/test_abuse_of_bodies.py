"""Hostile bodies and clocks: each refused by name or kept as plain data, none a fault, no neighbour lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream.errors import InvalidRequest
from tests.support.bench import ACCEPTED, RECEIVED, Bench

NEIGHBOURS = b'[{"name":"before"},%s,{"name":"after"}]'
FAILED = "schema_violation"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (b'{"name":"x","properties":{"n":NaN}}', "/properties/n"),
        (b'{"name":"x","properties":{"n":-Infinity}}', "/properties/n"),
        (b'{"name":"x","properties":{"n":1e999}}', "/properties/n"),
        (b'{"name":"x","properties":{"s":"\\ud800"}}', "/properties/s"),
        (b'{"name":"x","properties":{"s":"\xc0\xaf"}}', "/properties/s"),
        (b'{"name":"x","properties":{"s":"\xff"}}', "/properties/s"),
    ],
)
async def test_a_bad_value_fails_only_its_event_and_is_named_by_pointer(bad: bytes, pointer: str) -> None:
    bench = Bench(max_request_bytes=4_194_304)
    assert await bench.collect(NEIGHBOURS % bad) == [ACCEPTED, ("failed", FAILED, pointer), ACCEPTED]
    assert [event["event_name"] for event in bench.events.bodies()] == ["before", "after"]


@pytest.mark.parametrize(
    ("much", "pointer"),
    [
        (b'{"name":"x","properties":' + b'{"a":' * 17 + b"1" + b"}" * 17 + b"}", "/properties" + "/a" * 16),
        (
            b'{"name":"x","properties":{%s}}' % b",".join(b'"k%d":1' % n for n in range(10_000)),
            "/properties",
        ),
        (b'{"name":"x","properties":{"%s":1}}' % (b"k" * 1_000_000), "/properties"),
    ],
)
async def test_values_over_a_limit_are_left_out_and_named_by_pointer(much: bytes, pointer: str) -> None:
    bench = Bench(max_request_bytes=4_194_304)
    assert await bench.collect(NEIGHBOURS % much) == [ACCEPTED, ACCEPTED, ACCEPTED]
    assert [entry["pointer"] for entry in bench.events.bodies()[1]["context"]["left_out"]] == [pointer]


async def test_nesting_beyond_all_bounds_is_a_failed_event() -> None:
    bench = Bench(max_request_bytes=4_194_304)
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"name":"x","p":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        ((status, code, _),) = await bench.collect(body)
        assert (status, code) in [("failed", "payload_format"), ("failed", FAILED)]


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("9" * 5_000, "9" * 5_000),
        (str(2**63), str(2**63)),
        (str(-(2**63) - 1), str(-(2**63) - 1)),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
async def test_a_whole_number_is_never_rounded(bench: Bench, number: str, kept: Any) -> None:
    await bench.collect(b'{"name":"x","properties":{"n":%s}}' % number.encode())
    assert bench.events.bodies()[0]["properties"] == {"n": kept}


@pytest.mark.parametrize("text", ["a\x00b", "\u202eright to left", "zero\u200bwidth", "<img src=x onerror=alert(1)>"])
async def test_odd_text_is_stored_as_data(bench: Bench, text: str) -> None:
    await bench.collect({"name": text, "page_title": text, "properties": {text: text}})
    (event,) = bench.events.bodies()
    assert (event["event_name"], event["page_title"], event["properties"]) == (text, text, {text: text})


async def test_the_last_value_of_a_repeated_key_counts(bench: Bench) -> None:
    await bench.collect(b'{"name":"a","name":"b","properties":{"x":1,"x":2}}')
    (event,) = bench.events.bodies()
    assert (event["event_name"], event["properties"]) == ("b", {"x": 2})


async def test_a_byte_order_mark_is_skipped_and_utf_16_is_no_json(bench: Bench) -> None:
    assert await bench.collect(b'\xef\xbb\xbf{"name":"a"}') == [ACCEPTED]
    assert await bench.collect('{"name":"a"}'.encode("utf-16")) == [("failed", "payload_format", "")]


@pytest.mark.parametrize("key", ["__proto__", "constructor", "toString", "", " ", "$set", "a/b~c"])
async def test_a_key_of_any_name_is_plain_data(bench: Bench, key: str) -> None:
    await bench.collect({"name": "a", "properties": {key: {"polluted": True}}})
    assert bench.events.bodies()[0]["properties"] == {key: {"polluted": True}}


@pytest.mark.parametrize("body", [b"null", b"{}", b'"x"', b"0", b"[null]", b"[[]]", b"true"])
async def test_what_is_no_event_is_stored_as_a_failed_event(bench: Bench, body: bytes) -> None:
    ((status, code, _),) = await bench.collect(body)
    assert (status, code) == ("failed", FAILED)
    assert len(bench.failed.bodies()) == 1


@pytest.mark.parametrize("body", [b"", b"  \n", b"[]", b"\xef\xbb\xbf"])
async def test_a_body_without_events_is_refused(bench: Bench, body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await bench.collect(body)
    assert refused.value.code == "empty"
    assert bench.failed.bodies() == []


@pytest.mark.parametrize(
    ("forwarded", "ip"),
    [
        ("1.1.1.1, 2.2.2.2:443", "2.2.2.0"),
        ("1.1.1.1, [2001:db8:1:2::3]:80", "2001:db8:1::"),
        ("1.1.1.1, junk", None),
        ("1.1.1.1,, ,", "1.1.1.0"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("", None),
    ],
)
async def test_only_the_hop_of_the_own_proxy_is_trusted(bench: Bench, forwarded: str, ip: str | None) -> None:
    await bench.collect({"name": "a"}, x_forwarded_for=forwarded)
    assert bench.events.bodies()[0].get("ip") == ip


@pytest.mark.parametrize("url", ["data:text/html,<script>", "file:///etc/passwd", "javascript:alert(1)", "about:blank"])
async def test_a_page_that_is_no_web_page_is_text(bench: Bench, url: str) -> None:
    await bench.collect({"name": "page_view", "page_url": url})
    event = bench.events.bodies()[0]
    assert event["page_url"] == url
    assert "page_host" not in event


@pytest.mark.parametrize(
    ("created_at", "occurred_at", "clamped"),
    [
        (RECEIVED + timedelta(days=3650), RECEIVED + timedelta(minutes=5), True),
        (datetime(1970, 1, 1, tzinfo=UTC), RECEIVED - timedelta(days=7), True),
        (None, RECEIVED, False),
        (RECEIVED - timedelta(hours=1), RECEIVED - timedelta(hours=1), False),
    ],
)
async def test_a_wrong_clock_moves_no_event_out_of_its_week_and_is_kept(
    bench: Bench, created_at: datetime | None, occurred_at: datetime, clamped: bool
) -> None:
    stated = {} if created_at is None else {"created_at": created_at.isoformat()}
    await bench.collect({"name": "a", **stated})
    event = bench.events.bodies()[0]
    assert datetime.fromisoformat(event["occurred_at"]) == occurred_at
    assert event["clock_clamped"] is clamped
    if created_at is not None:
        assert datetime.fromisoformat(event["created_at"]) == created_at


async def test_a_servers_clock_that_goes_back_harms_nothing(bench: Bench) -> None:
    for hours in (0, -1, 0):
        assert await bench.collect({"name": "a"}, received_at=RECEIVED + timedelta(hours=hours)) == [ACCEPTED]
    ids = [event["event_id"] for event in bench.events.bodies()]
    assert len(set(ids)) == 3
