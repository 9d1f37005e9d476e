"""Generated visits of a small shop: the traffic of a demo without a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from local.demo.places import CITIES, City

HOST = "shop.example"
DAYS = 56
SHELVES: Mapping[str, Sequence[tuple[str, float]]] = {
    "shoes": (("trail-runner", 129.0), ("sandal", 59.0), ("boot", 189.0)),
    "bags": (("rucksack", 99.0), ("tote", 35.0)),
    "tents": (("two-person", 249.0), ("tarp", 79.0)),
}
# Where visits come from: the query of the first page, the referrer, and how often.
ARRIVALS: Sequence[tuple[str, str | None, int]] = (
    ("", None, 26),
    ("", "https://www.google.com/", 22),
    ("?gclid=demo&utm_campaign=brand", "https://www.google.com/", 8),
    ("?utm_source=newsletter&utm_medium=email&utm_campaign=spring", None, 12),
    ("?utm_source=facebook&utm_medium=paid&utm_campaign=outdoor", "https://l.facebook.com/", 8),
    ("", "https://www.instagram.com/", 6),
    ("", "https://chatgpt.com/", 6),
    ("", "https://news.example/gear", 6),
    ("", "https://t.co/x", 3),
    ("", "https://www.youtube.com/", 3),
)
DESKTOPS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
)
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
)
CONSENTS = ("full", "anonymous", "denied")
# By weekday, from Monday, and by hour of UTC.
WEEKDAYS = (10, 10, 9, 10, 11, 15, 16)
HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 10, 11, 10, 9, 9, 10, 11, 13, 15, 16, 13, 8, 4)


@dataclass(frozen=True, slots=True)
class Visit:
    """The events of one visit in order, as a server-side tracker would send them."""

    events: tuple[dict[str, Any], ...]


@dataclass(slots=True)
class Shopper:
    """Somebody with a phone and a computer, who may sign up on one and log in on the other."""

    city: City
    devices: Mapping[str, str]
    """User agents by visitor id."""
    consent: str
    account: str | None
    logged_in: set[str] = field(default_factory=set)
    """Visitor ids on which the account is known."""


def visits(count: int, now: datetime, random: Random) -> Iterator[Visit]:
    """Generate `count` visits in the DAYS before `now`, oldest first.

    Shoppers of several countries return, log in on two devices, pay in their currency and send orders back.
    """
    shoppers = [_shopper(number, random) for number in range(max(1, count // 2))]
    weights = [random.paretovariate(1.5) for _ in shoppers]  # a few come often
    moments = sorted(_moment(now, random) for _ in range(count))
    for number, moment in enumerate(moments):
        (shopper,) = random.choices(shoppers, weights)
        yield _Walk(shopper, number, moment, now, random).visit()


def _shopper(number: int, random: Random) -> Shopper:
    (city,) = random.choices(CITIES, [city.share for city in CITIES])
    agents = random.choice(PHONES), random.choice(DESKTOPS)
    devices = {f"{random.getrandbits(128):032x}": agent for agent in agents[: random.choice((1, 2, 2))]}
    (consent,) = random.choices(CONSENTS, (86, 8, 6))
    account = f"customer-{number:04}" if consent == "full" and random.random() < 0.4 else None
    return Shopper(city, devices, consent, account)


def _moment(now: datetime, random: Random) -> datetime:
    """A moment in the DAYS before, more often lately, at weekends and in the evening."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=before) for before in range(DAYS)]
    (day,) = random.choices(days, [WEEKDAYS[day.weekday()] * (1.5 - before / DAYS) for before, day in enumerate(days)])
    (hour,) = random.choices(range(24), HOURS)
    moment = day + timedelta(hours=hour, seconds=random.uniform(0, 3600))
    is_over = moment < now - timedelta(hours=1)  # a visit ends before now
    return moment if is_over else moment - timedelta(days=7)


class _Walk:
    """One visit, page by page."""

    def __init__(self, shopper: Shopper, number: int, started_at: datetime, now: datetime, random: Random) -> None:
        self._shopper = shopper
        self._number = number
        self._moment = started_at
        self._now = now
        self._random = random
        self._events: list[dict[str, Any]] = []
        self._visitor = random.choice(list(shopper.devices))
        self._session = str(UUID(int=random.getrandbits(128)))
        self._address = shopper.city.address(random)
        self._page_url = f"https://{HOST}/"

    def visit(self) -> Visit:
        """Arrive, look around, and often leave; else fill the cart, and some pay."""
        random, shopper = self._random, self._shopper
        ((query, referrer, _),) = random.choices(ARRIVALS, [share for *_, share in ARRIVALS])
        shelf = random.choice(list(SHELVES))
        article, price = random.choice(SHELVES[shelf])
        self._page(random.choice(("/", "/", f"/{shelf}", f"/{shelf}/{article}")), query=query, referrer=referrer)
        if random.random() < 0.35:
            return Visit(tuple(self._events))
        if shopper.account and (self._visitor in shopper.logged_in or random.random() < 0.4):
            self._log_in(shopper.account)
        if random.random() < 0.2:
            self._event("search", {"q": random.choice(("tent", "rain", "boots", "gift"))})
        for _ in range(random.randint(1, 3)):
            self._page(random.choice((f"/{shelf}", f"/{shelf}/{article}", "/about")))
        if random.random() < 0.35:
            self._page(f"/{shelf}/{article}")
            self._event("add_to_cart", {"item": article, "price": price, "currency": shopper.city.currency})
            if random.random() < 0.55:
                self._page("/checkout")
                if random.random() < 0.65:
                    self._buy(article, price * random.choice((1, 1, 1, 2)))
        return Visit(tuple(self._events))

    def _buy(self, article: str, amount: float) -> None:
        order = f"A-{self._number:05}"
        self._page("/thank-you")
        money = {"revenue": amount, "currency": self._shopper.city.currency}
        self._event("purchase", {"order_id": order, **money, "items": [{"item_id": article}]})
        back_at = self._moment + timedelta(days=3)
        if self._random.random() < 0.06 and back_at < self._now:
            self._moment = back_at
            self._event("refund", {"order_id": order}, session_id=None, page_url=None, interactive=False)

    def _log_in(self, account: str) -> None:
        if self._visitor not in self._shopper.logged_in:
            self._shopper.logged_in.add(self._visitor)
            plan = self._random.choice(("basic", "basic", "plus"))
            self._event("identify", {"plan": plan, "city": self._shopper.city.name}, type="identify", user_id=account)

    def _page(self, path: str, query: str = "", referrer: str | None = None) -> None:
        """A page, and how long and how far it was read."""
        self._page_url = f"https://{HOST}{path}{query}"
        self._event("page_view", {}, **({"referrer": referrer} if referrer else {}))
        seconds = self._random.lognormvariate(3.2, 1)
        self._moment += timedelta(seconds=min(seconds, 600))
        read = {"engagement_ms": round(min(seconds, 600) * 800), "scroll_depth": self._random.randint(20, 100)}
        self._event("page_ping", read)

    def _event(self, name: str, properties: Mapping[str, Any], **more: Any) -> None:
        shopper = self._shopper
        known = shopper.account if self._visitor in shopper.logged_in else None
        event = {
            "name": name,
            "event_id": str(UUID(int=self._random.getrandbits(128))),
            "created_at": self._moment.astimezone(UTC).isoformat(),
            "anonymous_id": self._visitor,
            "user_id": known,
            "session_id": self._session,
            "page_url": self._page_url,
            "user_agent": shopper.devices[self._visitor],
            "ip": self._address,
            "language": shopper.city.language,
            "consent": shopper.consent,
            "tracker": "demo",
            "properties": properties,
            **more,
        }
        self._events.append({key: value for key, value in event.items() if value is not None})
