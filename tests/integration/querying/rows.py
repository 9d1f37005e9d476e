"""Events at random, of which every metric and every dimension has something to say."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from clickstream.filters.reader import FilterReader
from clickstream.querying.scope import Currencies, Goal, Matching, Rate, SiteScope
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
# Of events that have an order; half of them keep what they say.
ORDERS: list[dict[str, Any]] = [
    {"price": "1.234,50 kr.", "revenue": -3},
    {"revenue": -4.5, "refund_id": "r1", "price": {"amount": "7,5", "currency": "usd"}},
    {"items": [{"sku": 1}]},
    {},
]
# Of each site, since amounts of several currencies make no number without rates.
CURRENCIES: dict[str, list[str | None]] = {"shop": ["EUR", "USD", "SEK", None], "blog": ["EUR", None]}
RATES = {
    "USD": (
        (date(2026, 10, 1), Decimal("0.92")),
        (date(2026, 10, 15), Decimal("0.5")),
        (date(2026, 10, 20), Decimal("2")),
    ),
    "XXX": ((date(2026, 10, 1), Decimal(3)),),
}
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


def rules(*, split_at_midnight: bool = False, with_rates: bool = False) -> Rules:
    """What the sites' documents say, in plain Python."""
    money: dict[str, Any] = {"currency": "EUR", "rates": RATES} if with_rates else {}
    return Rules(GOALS, SEGMENTS, split_at_midnight, **money)


def scope(site: str, zone: str, *, split_at_midnight: bool = False, with_rates: bool = False) -> SiteScope:
    """The same for the engine."""
    goals = {name: Goal(name, Matching(event=event_name), worth) for name, (event_name, worth) in GOALS.items()}
    segments = {name: FilterReader().read(filters) for name, filters in SEGMENTS.items()}
    rates = {code: tuple(Rate(since, factor) for since, factor in by_day) for code, by_day in RATES.items()}
    money = Currencies("EUR", rates) if with_rates else Currencies()
    return SiteScope(site, zone, goals, segments=segments, split_at_midnight=split_at_midnight, currencies=money)


def random_rows(seed: int) -> list[dict[str, Any]]:
    """Visitors of three sites who come and go, some with sessions told by the tracker, some without any id."""
    chance, money = random.Random(seed), random.Random(seed + 1)
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
            order: dict[str, Any] = {}
            if type_ == "custom":
                order["currency"] = money.choice(CURRENCIES.get(site, [None]))
                order["order_id"] = money.choice([None, *(f"{site} {number}" for number in range(8))])
                told = money.choice([told, money.choice(ORDERS)])
                name = money.choice([name, name, "Order Refunded"])
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
                    **order,
                    **{**ids, **session, **chance.choice(ARRIVALS), **(chance.choice(DEVICES) if step % 4 else device)},
                )
            )
    return rows


def logins(seed: int) -> list[dict[str, Any]]:
    """Users who say who they are on the devices of random_rows, some of them on the same one."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(30):
        at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(27 * 86_400))
        ids: dict[str, Any] = {"anonymous_id": f"a{number % 9}", "user_id": f"u{chance.randrange(12)}"}
        if number % 5 == 0:
            ids |= {"event_type": "alias", "event_name": "alias", "previous_id": f"u{chance.randrange(12, 36)}"}
        named = {"event_type": "identify", "event_name": "identify", "id_source": "client", "key_kind": "server", **ids}
        rows.append(event(f"login-{number}", chance.choice(["shop", "blog"]), at, **named))
    return rows


ROWS = [*random_rows(seed=7), *logins(seed=8)]
