"""What a request may cost: bounded before any key is looked at, and in all that comes after it."""

from __future__ import annotations

import gzip
import json
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from clickstream.collecting.collector import (
    ON_LOOP_SECONDS,
    OUTPUT_PER_INPUT,
    PUBLIC_SECONDS,
    Collected,
    Collector,
)
from clickstream.collecting.dialect import Dialect, Endpoint, Reading, up_to
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.json_values import MAX_VALUES
from clickstream.collecting.request import Request
from clickstream.errors import ClickstreamError, InvalidRequest, RequestTooLarge, TooManyRequests, Unauthorized
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink
from tests.support.bench import RECEIVED
from tests.support.memory_bound import memory_within

LIMIT = 4_194_304
KEY, OTHER = "shop-public", "blog-public"
SITES = {
    "sites/shop.yaml": b"site: shop\nkeys: [{kind: public, key: shop-public}, {kind: server, key: shop-server}]",
    "sites/blog.yaml": b"site: blog\nkeys: [{kind: public, key: blog-public}]",
    "sites/slow.yaml": b"site: slow\nkeys: [{kind: public, key: slow-public}]\nrate_limit_per_second: 10",
}
SETTINGS = Settings.from_env({"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"})
ENDPOINTS = [(dialect, endpoint) for dialect in DIALECTS.values() for endpoint in dialect.endpoints]
POSTS = [(dialect, endpoint) for dialect, endpoint in ENDPOINTS if "POST" in endpoint.methods]
PAYLOAD_DATA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
TRACK = {"type": "track", "event": "x", "userId": "u"}


class Shop:
    """A collector with two sites."""

    def __init__(self) -> None:
        self.events, self.failed = MemorySink(), MemorySink()
        numbers = count(1)
        self.collector = Collector(
            SETTINGS,
            SiteDirectory(MemoryDocuments(SITES), 30, Clock(), PATIENT, allow_short_keys=True),
            DailySalts(MemorySalts(), lambda: RECEIVED),
            self.events,
            self.failed,
            MemoryCounts(),
            lambda: f"id-{next(numbers)}",
            lambda: RECEIVED - timedelta(minutes=1),  # that long may a busy machine take
        )

    async def collect(
        self,
        dialect: Dialect,
        endpoint: Endpoint,
        body: Any,
        parameters: Mapping[str, str] | None = None,
        key: str | None = None,
        address: str = "198.51.100.77",
    ) -> Collected:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        route = {"call": "batch", "type": "batch", "vendor": "a", "version": "b"}
        headers = {"x-forwarded-for": f"{address}:443", **({"x-write-key": key} if key else {})}
        request = Request(headers, parameters or {}, raw, RECEIVED, "POST", route)
        return await self.collector.collect(request, dialect, endpoint)

    @property
    def sites(self) -> set[str]:
        """The sites whose events were taken."""
        return {body["site"] for body in [*self.events.bodies(), *self.failed.bodies()]}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def endpoint_of(dialect: str, route: str) -> tuple[Dialect, Endpoint]:
    found = DIALECTS[dialect]
    return found, next(endpoint for endpoint in found.endpoints if endpoint.route == route)


PLAIN = endpoint_of("plain", "api/events")
TP2 = endpoint_of("snowplow", "com.snowplowanalytics.snowplow/tp2")
SEGMENT = endpoint_of("segment", "v1/{call}")


# --- before a key is known -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "endpoint"), POSTS, ids=lambda each: getattr(each, "route", None))
@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b'{"schema":"x","data":[' + b"{}," * (LIMIT // 3)),
        gzip.compress(b"x\n" * (LIMIT // 2)),
        gzip.compress(b"") * 200_000,
        b'{"batch":[' + b"{}," * (LIMIT // 3 - 10) + b"{}]}",
        b"{" + b",".join(b'"%x":0' % number for number in range(300_000)) + b"}",
    ],
    ids=["packed events", "packed lines", "packed nothing", "events", "keys"],
)
async def test_a_stranger_without_a_key_has_no_body_parsed(
    shop: Shop, dialect: Dialect, endpoint: Endpoint, body: bytes
) -> None:
    parameters = {f"p{number}": "1" for number in range(300)}
    with memory_within(4 * len(body) + 4_000_000), pytest.raises((Unauthorized, RequestTooLarge)):
        await shop.collect(dialect, endpoint, body, parameters)
    assert shop.sites == set()


BODIES: list[tuple[str, str, Any]] = [
    ("segment", "v1/{call}", {"batch": [TRACK] * 100, "writeKey": KEY}),
    ("segment", "v1/{call}", {"batch": [TRACK] * 99 + [{**TRACK, "writeKey": KEY}]}),
    ("jitsu", "api/s/{type}", {"batch": [TRACK] * 100, "writeKey": KEY}),
    ("posthog", "batch", {"batch": [{"event": "x", "properties": {"$token": OTHER}}] * 100, "api_key": KEY}),
    ("posthog", "e", b"data=" + b64encode(json.dumps({"event": "x", "token": KEY}).encode())),
    ("posthog", "e", b64encode(json.dumps([{"event": "x", "properties": {"token": KEY}}]).encode())),
    ("snowplow", "com.snowplowanalytics.snowplow/tp2", {"schema": PAYLOAD_DATA, "data": [{"e": "pv", "aid": KEY}]}),
    ("matomo", "matomo.php", {"requests": [f"?idsite={KEY}&rec=1&action_name=x"]}),
    ("matomo", "matomo.php", {"requests": [{"idsite": KEY, "action_name": "x"}]}),
    ("matomo", "matomo.php", f"idsite={KEY}&rec=1&action_name=x".encode()),
    ("plausible", "api/event", {"n": "pageview", "u": "https://a.example/", "d": f"{KEY},other"}),
    ("umami", "api/send", {"type": "event", "payload": {"website": KEY, "url": "/"}}),
    ("umami", "api/batch", [{"type": "event", "payload": {"url": "/", "website": KEY}}] * 3),
]


@pytest.mark.parametrize(("dialect", "route", "body"), BODIES)
@pytest.mark.parametrize("packed", [False, True])
async def test_a_key_in_a_body_is_found_wherever_its_dialect_has_it(
    shop: Shop, dialect: str, route: str, body: Any, packed: bool
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    await shop.collect(*endpoint_of(dialect, route), gzip.compress(raw) if packed else raw)
    assert shop.sites == {"shop"}
    assert KEY not in json.dumps(shop.events.bodies())


@pytest.mark.parametrize(
    ("dialect", "route", "parameters"),
    [
        ("ga4", "mp/collect", {"api_secret": KEY}),
        ("posthog", "e", {"api_key": KEY}),
        ("matomo", "matomo.php", {"idsite": KEY}),
        ("snowplow", "com.snowplowanalytics.snowplow/tp2", {"aid": KEY}),
    ],
)
async def test_a_key_in_a_parameter_is_found(
    shop: Shop, dialect: str, route: str, parameters: Mapping[str, str]
) -> None:
    bodies = {
        "ga4": {"client_id": "c", "events": [{"name": "x"}]},
        "posthog": {"event": "x", "distinct_id": "d"},
        "matomo": b"action_name=x",
        "snowplow": {"schema": PAYLOAD_DATA, "data": [{"e": "pv"}]},
    }
    await shop.collect(*endpoint_of(dialect, route), bodies[dialect], parameters)
    assert shop.sites == {"shop"}


async def test_a_key_that_an_event_only_speaks_of_opens_nothing(shop: Shop) -> None:
    with pytest.raises(Unauthorized):
        await shop.collect(*SEGMENT, {"batch": [{**TRACK, "properties": {"writeKey": KEY}}]})
    await shop.collect(*SEGMENT, {"batch": [{**TRACK, "properties": {"writeKey": OTHER}}], "writeKey": KEY})
    assert shop.sites == {"shop"}


async def test_a_damaged_body_with_a_key_in_it_is_kept_as_a_failed_event(shop: Shop) -> None:
    body = json.dumps({"batch": [TRACK], "writeKey": KEY}).encode()[:-1]
    collected = await shop.collect(*SEGMENT, body)
    assert [(verdict.status, verdict.code) for verdict in collected.verdicts] == [("failed", "payload_format")]
    assert shop.sites == {"shop"}


# --- what anybody may do, for the public key is in every page --------------------------------------------------------


@pytest.mark.parametrize(("dialect", "endpoint"), POSTS, ids=lambda each: getattr(each, "route", None))
@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_of_millions_of_values_is_refused_before_it_is_parsed(
    shop: Shop, dialect: Dialect, endpoint: Endpoint, packed: bool
) -> None:
    body = b'{"events":[' + b"{}," * MAX_VALUES + b"{}]}"
    raw = gzip.compress(body) if packed else body
    with memory_within(4_000_000), pytest.raises(RequestTooLarge):
        await shop.collect(dialect, endpoint, raw, key=KEY)


@pytest.mark.parametrize("line", [b"x", b"{", b"{}", b'{"name":"x"}'])
async def test_lines_are_read_up_to_the_first_that_is_too_many(shop: Shop, line: bytes) -> None:
    body = (line + b"\n") * (LIMIT // len(line) // 2)
    with memory_within(2 * len(body) + 1_000_000), pytest.raises((RequestTooLarge, InvalidRequest)):
        await shop.collect(*PLAIN, b'{"name":"first"}\n' + body, key=KEY)
    assert shop.sites == set()


async def test_a_bulk_of_query_strings_of_nothing_but_percent_signs_is_not_taken_apart(shop: Shop) -> None:
    requests = [f"?idsite={KEY}&rec=1&action_name=" + "%41" * 2_000] * 500
    with memory_within(12_000_000), pytest.raises(RequestTooLarge, match="percent-encoded"):
        await shop.collect(*endpoint_of("matomo", "matomo.php"), {"requests": requests})


async def test_a_title_of_millions_of_percent_signs_is_not_decoded(shop: Shop) -> None:
    payload = {"website": KEY, "url": "/", "title": "%41" * (LIMIT // 3 - 100)}
    with memory_within(10 * LIMIT):
        await shop.collect(*endpoint_of("umami", "api/send"), {"type": "event", "payload": payload})
    (message,) = [*shop.events.messages, *shop.failed.messages]
    assert len(message.body) < 50_000


async def test_a_thousand_numbers_of_thousands_of_digits_are_written_in_no_time(shop: Shop) -> None:
    numbers = b",".join([b"9" * 4_000] * 1_000)
    await shop.collect(*PLAIN, b'{"name":"x","properties":{"p":[' + numbers + b"]}}", key=KEY)
    (message,) = [*shop.events.messages, *shop.failed.messages]
    assert len(message.body) < 50_000


async def test_what_all_events_share_is_never_multiplied_in_memory(shop: Shop) -> None:
    context = {str(number): "x" * 8_000 for number in range(100)}
    body = json.dumps({"context": context, "batch": [TRACK] * 500}).encode()
    with memory_within(3 * OUTPUT_PER_INPUT * LIMIT), pytest.raises(RequestTooLarge, match="together"):
        await shop.collect(*SEGMENT, body, key="shop-server")
    assert shop.sites == set()


async def test_a_shared_context_of_too_many_keys_is_merged_into_each_event_up_to_the_limit(shop: Shop) -> None:
    body = {"context": {str(number): 0 for number in range(40_000)}, "batch": [TRACK] * 3}
    collected = await shop.collect(*SEGMENT, body, key=KEY)
    assert [verdict.left_out[0]["pointer"] for verdict in collected.verdicts] == ["/context"] * 3
    assert max(len(message.body) for message in shop.events.messages) < 4_000


async def test_parameters_of_more_names_than_an_event_may_have_are_merged_into_no_event(shop: Shop) -> None:
    parameters = {f"p{number}": "1" for number in range(201)}
    collected = await shop.collect(*TP2, {"schema": PAYLOAD_DATA, "data": [{"e": "pv"}] * 100}, parameters, KEY)
    assert [(verdict.status, verdict.code) for verdict in collected.verdicts] == [("failed", "schema_violation")]


async def test_one_request_of_500_events_shuts_no_other_visitor_of_the_site_out(shop: Shop) -> None:
    event = {"name": "x"}
    await shop.collect(*PLAIN, [event] * 500, key="slow-public")
    for last in range(1, 20):
        await shop.collect(*PLAIN, event, key="slow-public", address=f"203.0.{last}.9")
    with pytest.raises(TooManyRequests):
        await shop.collect(*PLAIN, event, key="slow-public", address="198.51.100.1")


def slow(milliseconds: int, threads: list[str]) -> tuple[Dialect, Endpoint]:
    """A dialect each of whose events takes so long to be read, and tells the thread that did."""

    def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
        threads.append(threading.current_thread().name.partition("_")[0])
        end = time.thread_time() + milliseconds / 1_000
        while time.thread_time() < end:
            pass
        return original

    def split(request: Request, limit: int) -> Reading:
        return Reading(up_to(limit, json.loads(request.body)))

    endpoint = Endpoint("slow", "slow", split)
    return Dialect("slow", read, (endpoint,)), endpoint


async def test_a_small_request_that_takes_long_leaves_the_event_loop_to_others(shop: Shop) -> None:
    threads: list[str] = []
    collected = await shop.collect(*slow(4, threads), [{"name": "x"}] * 10, key=KEY)
    assert [verdict.status for verdict in collected.verdicts] == ["accepted"] * 10
    on_loop = [thread for thread in threads if thread != "collect"]
    assert 1 <= len(on_loop) <= ON_LOOP_SECONDS * 1_000 / 4 + 1
    assert threads == on_loop + ["collect"] * (10 - len(on_loop))


async def test_a_large_request_is_never_judged_on_the_event_loop(shop: Shop) -> None:
    threads: list[str] = []
    await shop.collect(*slow(0, threads), [{"name": "x", "properties": {"text": "y" * 8_000}}] * 10, key=KEY)
    assert set(threads) == {"collect"}


async def test_with_a_public_key_nobody_has_events_judged_for_longer_than_a_moment(shop: Shop) -> None:
    events, threads = [{"name": "x"}] * 500, list[str]()
    dialect = slow(1, threads)
    with pytest.raises(RequestTooLarge, match="processor time"):
        await shop.collect(*dialect, events, key=KEY)
    assert 1 <= len(threads) <= (PUBLIC_SECONDS + ON_LOOP_SECONDS) * 1_000 + 1
    assert shop.sites == set()
    collected = await shop.collect(*dialect, events, key="shop-server")
    assert len(collected.verdicts) == 500


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=lambda each: getattr(each, "function", None))
async def test_no_body_of_any_size_is_a_fault(shop: Shop, dialect: Dialect, endpoint: Endpoint) -> None:
    for body in (b"\x00" * LIMIT, b"\xff" * LIMIT, b"%" * LIMIT, b"&" * LIMIT, b'"' * LIMIT, b"[" * LIMIT):
        for key in (None, KEY):
            try:
                await shop.collect(dialect, endpoint, body, key=key)
            except ClickstreamError:
                continue
