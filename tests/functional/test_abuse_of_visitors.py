"""Visitors who refuse, are not people, or bring what tells too much: nothing forbidden is kept, no visit is lost."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from clickstream.collecting import privacy_filter
from clickstream.collecting.dialects.plain import DIALECT
from clickstream.collecting.json_values import MAX_STRING
from clickstream.collecting.request import Request
from tests.functional.memory import MemorySalts
from tests.support.bench import ACCEPTED, HEADERS, RECEIVED, SITE, Bench

IDENTITY = {"anonymous_id", "user_id", "session_id"}
ADDRESS = "198.51.100.77"
COOKIE = "cs_id=5f0e3c6a-0b3c-494c-af4f-0c6a9f111c3f"
EVENT = {
    "name": "page_view",
    "page_url": "https://shop.example/a",
    "anonymous_id": "device",
    "user_id": "person",
    "session_id": "visit",
}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def kept(bench: Bench) -> str:
    """All that was stored, with the original bytes of failed events."""
    stored = [*bench.events.bodies(), *bench.failed.bodies()]
    return json.dumps(stored) + "".join(b64decode(body.get("payload", "")).decode() for body in stored)


async def test_anonymous_mode_ends_the_cookie_and_stores_no_identity() -> None:
    bench = Bench(site=SITE + b"privacy: {cookie: true}\n")
    headers = {**HEADERS, "sp-anonymous": "*", "cookie": COOKIE}
    request = Request(headers, {}, json.dumps(EVENT).encode(), RECEIVED)
    collected = await bench.collector.collect(request, DIALECT, DIALECT.endpoints[0])
    assert collected.set_cookie is not None
    assert collected.set_cookie.startswith("cs_id=; Max-Age=0")
    (event,) = bench.events.bodies()
    assert event["consent"] == "anonymous"
    assert not IDENTITY - {"anonymous_id"} & event.keys()
    for told in ("device", COOKIE.partition("=")[2], ADDRESS):
        assert told not in kept(bench)


async def test_two_sites_of_one_collector_cannot_tell_that_a_visitor_of_theirs_is_the_same() -> None:
    """A browser brings the collector's one cookie to every site whose pages send events there."""
    ids = set()
    for site in ("alpha", "beta", "beta"):
        document = SITE.replace(b"site: shop", b"site: " + site.encode()) + b"privacy: {cookie: true}\n"
        bench = Bench(site=document, site_name=site)
        request = Request({**HEADERS, "cookie": COOKIE}, {}, b'[{"name":"a"},{"no":"name"}]', RECEIVED)
        collected = await bench.collector.collect(request, DIALECT, DIALECT.endpoints[0])
        assert collected.set_cookie is not None and collected.set_cookie.startswith(COOKIE), "it is renewed as it is"
        (event,), (failed,) = bench.events.bodies(), bench.failed.bodies()
        assert event["anonymous_id"] == event["context"]["network_user_id"] == failed["seen"]["network_user_id"]
        assert event["id_source"] == "cookie"
        assert COOKIE.partition("=")[2] not in kept(bench)
        ids.add(event["anonymous_id"])
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("headers", "stated", "site", "consent"),
    [
        ({"sec_gpc": "1"}, {}, b"", "anonymous"),
        ({"dnt": "1"}, {}, b"", "anonymous"),
        ({"sec_gpc": "1"}, {}, b"privacy: {gpc: denied}\n", "denied"),
        ({"dnt": "1"}, {}, b"privacy: {dnt: ignore}\n", "full"),
        ({}, {"consent": "denied"}, b"", "denied"),
        ({"sec_gpc": "1"}, {"consent": "full"}, b"", "anonymous"),
        ({}, {"gdpr": "1", "gdpr_consent": "malformed"}, b"", "denied"),
        ({}, {"gpp": "\x00", "consent": "full"}, b"", "denied"),
        ({"sec_gpc": "2", "dnt": "x"}, {}, b"", "full"),
    ],
)
async def test_signals_of_consent_decide_what_is_stored(
    headers: dict[str, str], stated: dict[str, Any], site: bytes, consent: str
) -> None:
    bench = Bench(site=SITE + site)
    assert await bench.collect({**EVENT, **stated}, RECEIVED, **headers) == [ACCEPTED]
    (event,) = bench.events.bodies()
    assert event["consent"] == consent
    assert IDENTITY & event.keys() == {"full": IDENTITY, "anonymous": {"anonymous_id"}, "denied": set()}[consent]
    assert (event.get("anonymous_id") == "device") is (consent == "full")
    assert ADDRESS not in kept(bench)


async def test_what_is_remembered_of_consent_is_no_visitors_and_serves_all_of_them(bench: Bench) -> None:
    privacy_filter._usual.cache_clear()
    for number in range(300):
        headers = {
            "x_forwarded_for": f"203.0.{number % 250}.9:{number + 1_024}",
            "cookie": f"cs_id={number}",
            "user_agent": f"Firefox/{number}",
            "sec_gpc": ("1", f"0{number}", " 1 ")[number % 3],
            "dnt": str(number),
        }
        await bench.collect({"name": "a"}, RECEIVED, **headers)
    remembered = privacy_filter._usual.cache_info()
    assert (remembered.currsize, remembered.hits) == (3, 297), "GPC or not, and once DNT"


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/a?email=ada@shop.example&token=t0psecret&size=9",
        "https://ada:t0psecret@shop.example/a?size=9",
        "https://shop.example/a?size=9#access_token=t0psecret",
        "https://shop.example/ada%40shop.example?size=9&api_key=t0psecret",
    ],
)
async def test_personal_data_in_an_address_is_not_stored(bench: Bench, url: str) -> None:
    event = {"name": "page_view", "page_url": url, "referrer": url}
    assert await bench.collect([event, {**event, "name": 5}]) == [ACCEPTED, ("failed", "schema_violation", "/name")]
    for told in ("ada@", "ada%40", "t0psecret"):
        assert told not in kept(bench)
    assert "size=9" in bench.events.bodies()[0]["page_query"]


@pytest.mark.parametrize("name", ["page_url", "referrer"])
async def test_an_address_that_is_too_long_is_cut_at_its_last_whole_part_and_flagged(bench: Bench, name: str) -> None:
    start = "https://shop.example/a?utm_source=mail&x="
    url = start + "y" * (MAX_STRING - len(start) - 20) + "&email=ada.lovelace@shop.example&z=" + "z" * 50_000
    assert await bench.collect({"name": "page_view", name: url, "context": {"theme": "dark"}}) == [ACCEPTED]
    (event,) = bench.events.bodies()
    assert event[name] == url[: url.index("&email")]
    assert event["context"] == {"theme": "dark", "truncated": [name]}


async def test_an_address_of_one_endless_part_is_dropped(bench: Bench) -> None:
    assert await bench.collect({"name": "page_view", "page_url": "x" * 60_000}) == [ACCEPTED]
    (event,) = bench.events.bodies()
    assert not event.get("page_url")
    assert event["context"] == {"truncated": ["page_url"]}


async def test_an_event_sent_twice_is_two_messages_with_one_id_and_fingerprint(bench: Bench) -> None:
    event = {"name": "a", "event_id": "1", "properties": {"x": 1}}
    assert await bench.collect([event, event]) == [ACCEPTED] * 2
    assert await bench.collect({**event, "sent_at": "2026-03-01T11:59:00Z"}) == [ACCEPTED]
    assert len({(body["event_id"], body["fingerprint"]) for body in bench.events.bodies()}) == 1


async def test_without_a_salt_a_visitor_has_no_id_and_never_an_address_in_its_place() -> None:
    bench = Bench(salt_store=MemorySalts(down=True))
    assert await bench.collect({"name": "a"}) == [ACCEPTED]
    assert await bench.collect({"name": "a", "anonymous_id": "device"}) == [ACCEPTED]
    nobody, device = bench.events.bodies()
    assert "anonymous_id" not in nobody and device["anonymous_id"] == "device"
    assert bench.salts.missing_count == 2
    assert ADDRESS not in kept(bench)
    assert all(ADDRESS not in message.key for message in bench.events.messages)


async def test_a_thousand_identical_events_are_all_stored(bench: Bench) -> None:
    agent = (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36"
    )
    for _ in range(100):
        assert await bench.collect([{"name": "page_view"}] * 10, user_agent=agent) == [ACCEPTED] * 10
    assert len({event["event_id"] for event in bench.events.bodies()}) == 1000
    assert {event["user_agent"] for event in bench.events.bodies()} == {agent}


async def test_an_event_with_more_feature_flags_than_are_kept_is_kept_with_the_first_and_says_so(bench: Bench) -> None:
    flags = {f"$feature/f{number}": True for number in range(201)}
    odd = {"big": 2**53 + 1, "u64": 2**64 - 1, "a.b": 1, "$x": 2, "ключ": "знач", "__proto__": "p", "n": None}
    assert (
        await bench.collect([{"name": "e", "properties": odd}, {"name": "e2", "properties": flags}]) == [ACCEPTED] * 2
    )
    first, second = bench.events.bodies()
    assert first["properties"] == {**odd, "u64": str(2**64 - 1)}
    assert second["properties"] == dict(list(flags.items())[:200])
    message = "an object has at most 200 keys; those after them are left out"
    assert second["context"] == {"left_out": [{"pointer": "/properties", "message": message}]}


async def test_fields_of_other_names_beyond_the_limit_give_way_to_the_properties(bench: Bench) -> None:
    stated = {
        "name": "e",
        **{f"x{number}": number for number in range(150)},
        "properties": {f"p{n}": n for n in range(100)},
    }
    assert await bench.collect(stated) == [ACCEPTED]
    (event,) = bench.events.bodies()
    assert len(event["properties"]) == 200
    assert {f"p{n}" for n in range(100)} <= event["properties"].keys()
    assert [entry["pointer"] for entry in event["context"]["left_out"]] == ["/properties"]


async def test_what_is_left_out_is_named_without_a_secret_that_its_place_holds(bench: Bench) -> None:
    await bench.collect({"name": "e", "properties": {"ada@shop.example": "word " * 5_000}})
    (event,) = bench.events.bodies()
    assert "ada@shop.example" not in str(event["context"])


async def test_a_cut_text_ends_with_no_half_of_an_address_of_mail(bench: Bench) -> None:
    text = "x " * 4_090 + "ada.lovelace.of.the.analytical.engine@shop.example and more"
    await bench.collect({"name": "e", "properties": {"text": text}})
    (event,) = bench.events.bodies()
    assert "lovelace" not in event["properties"]["text"]
    assert len(event["properties"]["text"]) > 8_000
