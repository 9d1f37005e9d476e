"""Generated visits of a small shop: the traffic of a demo without a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

HOST = "shop.example"
PAGES = ("/", "/shoes", "/shoes/trail-runner", "/bags", "/bags/rucksack", "/about", "/checkout", "/thank-you")
DAYS = 56
CAMPAIGN = "?utm_source=newsletter&utm_medium=email&utm_campaign=spring"
REFERRERS = (
    None,
    None,
    "https://www.google.com/",
    "https://news.example/gear",
    "https://chatgpt.com/",
    "https://t.co/x",
)
CAMPAIGN_SHARE = 0.3
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """The events of one visit in order, as a server-side tracker would send them."""

    events: tuple[dict[str, Any], ...]


def visits(count: int, now: datetime, random: Random) -> Iterator[Visit]:
    """Generate `count` visits in the DAYS before `now`, of new and returning visitors, some with a purchase.

    Eight weeks, so that the dashboard's four weeks have four others to compare with.
    """
    visitors = [f"{random.getrandbits(128):032x}" for _ in range(max(1, count * 2 // 3))]
    for _ in range(count):
        started_at = now - timedelta(seconds=random.uniform(60, DAYS * 86_400 - 3_600))
        yield _visit(random.choice(visitors), started_at, random)


def _visit(visitor: str, started_at: datetime, random: Random) -> Visit:
    common = {
        "anonymous_id": visitor,
        "session_id": str(UUID(int=random.getrandbits(128))),
        "user_agent": AGENTS[int(visitor[0], 16) % len(AGENTS)],
        "ip": f"203.0.113.{int(visitor[:2], 16)}",
        "language": random.choice(("en", "de", "fr-CH")),
        "tracker": "demo",
    }
    referrer = random.choice(REFERRERS)
    landing = CAMPAIGN if referrer is None and random.random() < CAMPAIGN_SHARE else ""
    moment = started_at
    events: list[dict[str, Any]] = []
    for step in range(random.randint(1, 6)):
        path = "/" if step == 0 else random.choice(PAGES)
        page = {"page_url": f"https://{HOST}{path}{landing if step == 0 else ''}"}
        if step == 0 and referrer is not None:
            page["referrer"] = referrer
        events.append(_event(common | page, "page_view", moment, random))
        seconds = random.uniform(3, 240)
        moment += timedelta(seconds=seconds)
        read = {"engagement_ms": round(seconds * 800), "scroll_depth": random.randint(20, 100)}
        events.append(_event(common | page | {"properties": read}, "page_ping", moment, random))
        if path == "/checkout":
            purchase = {"properties": {"order_value": round(random.uniform(20, 180), 2), "currency": "EUR"}}
            events.append(_event(common | page | purchase, "purchase", moment, random))
    return Visit(tuple(events))


def _event(fields: dict[str, Any], name: str, moment: datetime, random: Random) -> dict[str, Any]:
    event_id = str(UUID(int=random.getrandbits(128)))
    return {"name": name, "event_id": event_id, "created_at": moment.isoformat(), **fields}
