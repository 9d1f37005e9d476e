"""What strangers write into an event costs little, and is answered as any other event is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count

import pytest

from clickstream.collecting.client_context import ClientContext
from clickstream.collecting.dialect import Item
from clickstream.collecting.dialects import plain
from clickstream.collecting.event_processor import EventProcessor
from clickstream.errors import InvalidRequest
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site
from tests.support.bench import SETTINGS, SITE, Bench

EVENTS = 100
# A slow machine with other work takes this many times as long. What is quadratic takes thousands of times as long.
SLOW_MACHINE = 20
TEXTS = {
    "addresses in addresses": "http://x/?a=" * 690 + "%",
    "parameters in parameters": "a=" * 4_000,
    "percent signs": "%25252561=" * 800,
    "documents in values": "a=[%5B" * 1_350,
    "base64": "eyJhIjp7fQ%25" * 620,
    "addresses of mail": "a@b.cd/" * 1_150,
    "signs of addresses without a domain": "%401.2.3.41.2.3.4" * 490,
    "colons": "::1:%" * 1_600,
    "signs of everything": "token=a@b.cd&u=http://u:p@x/?k=%2520sk-1.2.3.4;::" * 160,
    "wide letters": "\u00fc%40=" * 1_300,
}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("text", ["a=" * 150, "a=" * 4_000, "http://x/?a=" * 20 + "%", "%25252561=" * 38, "[" * 8_000])
async def test_a_stranger_who_nests_is_answered_and_the_event_kept(bench: Bench, text: str) -> None:
    verdicts = await bench.collect({"name": "x", "page_url": text, "properties": {"q": text, "e": "a@b.example"}})
    assert [status for status, *_ in verdicts] == ["accepted"]
    assert bench.events.bodies()[0]["properties"]["e"] == "REDACTED"


@pytest.mark.parametrize("where", ["property", "properties", "address", "failed"])
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_hostile_event_costs_two_milliseconds(name: str, where: str) -> None:
    """A request of many is bounded by the time of all of them; so is what its last event may add to that."""
    text = TEXTS[name][:8_192]
    events: dict[str, dict[str, object]] = {
        "property": {"name": "x", "properties": {"q": text}},
        "properties": {"name": "x", "properties": {f"p{at}": text[at : at + 40] for at in range(0, 8_000, 40)}},
        "address": {"name": "x", "page_url": text[:4_096], "referrer": text[4_096:]},
        "failed": {"nome": "x", "properties": {"q": text}},
    }
    assert _seconds(Item(events[where])) < EVENTS * 0.002 * SLOW_MACHINE


def test_a_request_of_unreadable_lines_costs_what_reading_them_does() -> None:
    line = Item.unreadable(b"'pwd': a@b.cd " * 70, InvalidRequest("not JSON", code="payload_format", pointer=""))
    assert _seconds(line) < EVENTS * 0.0005 * SLOW_MACHINE


def _seconds(item: Item) -> float:
    """Processor time to process a request of this event many times."""
    processor = EventProcessor.from_settings(SETTINGS, 1_000_000)
    access, ids = Access(parse_site(SITE, expected="shop"), KeyKind.PUBLIC), count()
    sender = ClientContext(visitor_id="a" * 32, ip="198.51.100.0", user_agent="Firefox")
    now = datetime(2026, 3, 1, tzinfo=UTC)
    started = time.process_time()
    for _ in range(EVENTS):
        processor.process(item, plain.DIALECT, access, sender, now, lambda: f"id-{next(ids)}")
    return time.process_time() - started
