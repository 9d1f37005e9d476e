"""Events at random, of which every metric and every dimension has something to say."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from clickstream.querying.filters import FilterReader
from clickstream.querying.scope import Goal, Matching, SiteScope
from tests.integration.querying.lake import event
from tests.integration.querying.plain_report import Rules

PAGES = ["/", "/a", "/a/b", "/Ünïcode", "/100%", "/it's", None]
REFERRERS = ["https://search.example/find", "https://news.example/", "https://shop.example/a", None]
ODD_NAME = 'it\'s \\ "odd" /~*.[0]'
ARRIVALS: list[dict[str, Any]] = [
    {"source": "Search", "medium": "organic", "channel": "Organic Search"},
    {"source": "", "medium": "email", "channel": "Email"},
    {"source": "(direct)", "medium": "(none)", "channel": "Direct"},
    {"source": "shop.example", "medium": "internal", "channel": "Internal"},
    {"source": "News", "medium": "email", "channel": "Email", "utm_source": "news", "utm_medium": "email"},
    {"utm_campaign": "spring", "utm_term": "boots", "utm_content": "header"},
    {},
]
DEVICES: list[dict[str, Any]] = [
    {"browser": "Chrome", "browser_version": "120.0", "os": "Windows", "os_version": "10", "device_class": "desktop"},
    {"browser": "Bot", "device_class": "bot", "is_bot": True, "country": "US"},
    {"is_bot": False, "screen_class": "xs", "primary_language": "de", "country": "DE", "region": "DE-BE"},
    {"city": "Berlin", "country": "DE", "os": "Linux"},
    {},
]
PROPERTIES: list[dict[str, Any]] = [
    {"plan": "pro", "revenue": 19.9},
    {"plan": True, "revenue": "7", "price": 100},
    {"plan": {"a": [1, None]}, "revenue": "much", ODD_NAME: "x", "*": 1},
    {"plan": "", "price": 0.25},
    {},
]
PINGS: list[dict[str, Any]] = [
    {"engagement_ms": 12_000, "scroll_depth": 40},
    {"engagement_ms": 500, "scroll_depth": 101},
    {"engagement_ms": -3, "scroll_depth": 90.5},
    {"engagement_ms": "soon"},
    {},
]
KINDS = [
    ("page_view", "page_view"),
    ("page_view", "page_view"),
    ("custom", "buy"),
    ("custom", "sign up"),
    ("page_ping", "page_ping"),
    ("identify", "identify"),
]
GAPS = [0, 1, 600, 1799, 1800, 1801, 3600, 30_000, 90_000]

GOALS: dict[str, tuple[str, str | None]] = {"Purchase": ("buy", "price"), "Sign-up": ("sign up", None)}
SEGMENTS: dict[str, list[Any]] = {
    "readers": [["contains", "event:page", ["a"]]],
    "from search": [["is", "visit:source", ["search.example"]], ["not", ["is", "event:name", ["identify"]]]],
}


def rules(*, split_at_midnight: bool = False) -> Rules:
    """What the sites' documents say, in plain Python."""
    return Rules(GOALS, SEGMENTS, split_at_midnight)


def scope(site: str, zone: str, *, split_at_midnight: bool = False) -> SiteScope:
    """The same for the engine."""
    goals = {name: Goal(name, Matching(event=event_name), worth) for name, (event_name, worth) in GOALS.items()}
    segments = {name: FilterReader().read(filters) for name, filters in SEGMENTS.items()}
    return SiteScope(site, zone, goals, segments=segments, split_at_midnight=split_at_midnight)


def random_rows(seed: int) -> list[dict[str, Any]]:
    """Visitors of three sites who come and go, some with sessions told by the tracker, some without any id."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for person in range(36):
        site = chance.choice(["shop", "blog", "shop' OR 1=1 --"])
        at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(25 * 86_400))
        known = [{"anonymous_id": f"a{person % 9}"}, {"user_id": f"u{person}"}]
        ids = chance.choice([*known, {"session_id": "s"}, {}, {"consent": "denied"}])
        device = chance.choice(DEVICES)
        for step in range(40):
            at += timedelta(seconds=chance.choice(GAPS), microseconds=chance.choice([0, 0, 1]))
            type_, name = chance.choice(KINDS)
            session = {"session_id": f"s{step // 10}"} if person % 3 == 0 and step % 20 < 15 else {}
            referrer = chance.choice(REFERRERS)
            told = chance.choice(PINGS if type_ == "page_ping" else PROPERTIES)
            page = chance.choice(PAGES)
            rows.append(
                event(
                    f"{chance.randrange(10**9)}-{len(rows)}",
                    site,
                    at,
                    event_type=type_,
                    event_name=name,
                    page_path=page,
                    page_title=page and f"Title of {page}",
                    page_host=chance.choice(["shop.example", None]),
                    referrer=referrer,
                    referrer_host=referrer and referrer.split("/")[2],
                    properties=json.dumps(told, separators=(",", ":")),
                    dialect=chance.choice(["plain", "segment"]),
                    **{**ids, **session, **chance.choice(ARRIVALS), **(chance.choice(DEVICES) if step % 4 else device)},
                )
            )
    return rows


ROWS = random_rows(seed=7)
