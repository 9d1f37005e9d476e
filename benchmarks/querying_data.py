"""Generate weeks of a shop's events, a day at a time by whole columns, and commit them as compaction does."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE

SITE = "shop"
DAYS = 40
# The day after the last one, the current time of all reports.
NOW = datetime(2026, 3, 11, tzinfo=UTC)
EVENTS_PER_VISIT = 6
PAGES, PRODUCTS, AGENTS, CITIES = 3000, 2000, 400, 300
STEPS = ("/", "/cart", "/checkout", "/thanks")
CUSTOM = ("add_to_cart", "search", "sign_up", "purchase")
ARRIVALS = (
    (None, "(direct)", "(none)", "Direct"),
    ("www.google.com", "Google", "organic", "Organic Search"),
    ("www.bing.com", "Bing", "organic", "Organic Search"),
    ("t.co", "Twitter", "social", "Organic Social"),
    ("chatgpt.com", "ChatGPT", "ai", "AI Assistants"),
    ("news.example", "news.example", "referral", "Referral"),
    ("mail.example", "newsletter", "email", "Email"),
    ("www.google.com", "google", "cpc", "Paid Search"),
)
COUNTRIES = ("US", "DE", "GB", "FR", "CH", "AT", "NL", "SE", "ES", "IT", "JP", "IN", "BR", "AU", "CA", "PL")
BROWSERS = ("Chrome", "Safari", "Firefox", "Edge", "Samsung Internet", "Opera")
SYSTEMS = (
    ("Windows", "desktop"),
    ("Mac OS X", "desktop"),
    ("iOS", "mobile"),
    ("Android", "mobile"),
    ("Linux", "desktop"),
)
Numbers = npt.NDArray[Any]


def days() -> Sequence[date]:
    """The days with events, in order."""
    return [(NOW - timedelta(days=DAYS - at)).date() for at in range(DAYS)]


def build(account: StorageAccount, containers: Mapping[str, Sequence[date]], events: int) -> None:
    """Write `events` events, evenly over all days. Each container gets those of its days."""
    tables = {name: Table.open_or_create(EVENTS_TABLE, account, name) for name in containers}
    for number, day in enumerate(days()):
        rows = events_of(day, events // DAYS, number)
        for name, its_days in containers.items():
            if day in its_days:
                tables[name].append(rows, {"benchmark": number}, {})
                tables[name] = Table.open_or_create(EVENTS_TABLE, account, name)


def download(account: StorageAccount, container: str, folder: Path) -> None:
    """Download the table's files as local Parquet, in folders by date."""
    import obstore

    shutil.rmtree(folder, ignore_errors=True)
    store = account.container(container).store
    for blobs in obstore.list(store, "events/"):
        for blob in (blob for blob in blobs if blob["path"].endswith(".zstd.parquet")):
            target = folder / blob["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(obstore.get(store, blob["path"]).bytes())


def events_of(day: date, count: int, seed: int) -> pa.Table:
    """The events of a day: visits of a few events, some without a session id, some with a user id."""
    random = np.random.default_rng(seed)
    visits = count // EVENTS_PER_VISIT
    sizes = np.minimum(random.geometric(1 / EVENTS_PER_VISIT, visits), 60)
    sizes[-1] += max(0, count - int(sizes.sum()))
    visit = np.repeat(np.arange(visits), sizes)[:count]
    step = np.arange(len(visit)) - np.repeat(np.cumsum(sizes) - sizes, sizes)[:count]
    started = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1_000_000
    begins = started + random.uniform(0, 80_000, visits) * 1e6
    pauses = random.exponential(40e6, len(visit)).astype(np.int64)
    elapsed = np.cumsum(pauses) - np.repeat(np.cumsum(pauses)[np.flatnonzero(step == 0)], np.bincount(visit))
    moments = np.minimum(begins[visit].astype(np.int64) + elapsed, int(started) + 86_399_999_999)
    kind = np.where(step == 0, 0, random.choice(3, len(visit), p=[0.6, 0.2, 0.2]))
    name = np.where(kind == 2, 2 + random.choice(4, len(visit), p=[0.5, 0.3, 0.1, 0.1]), kind)
    return _table(day, random, visit, step, moments, kind, name)


def _table(
    day: date,
    random: np.random.Generator,
    visit: Numbers,
    step: Numbers,
    moments: Numbers,
    kind: Numbers,
    name: Numbers,
) -> pa.Table:
    count, visits = len(visit), int(visit[-1]) + 1

    def of_visit(values: Sequence[str | None], numbers: Numbers) -> pa.Array:
        return _texts(values, numbers[visit])

    occurred = pa.array(moments, pa.timestamp("us", "UTC"))
    later = pa.array(moments + 800_000, pa.timestamp("us", "UTC"))
    # A few visitors return often, most of them rarely.
    visitors = (random.pareto(1.1, visits) * 3000).astype(np.int64) % 400_000
    page = _pages(random, count, step)
    paths = [*STEPS, *(f"/catalogue/{'abcdefgh'[at % 8]}/article-{at}" for at in range(PAGES))]
    arrival = random.choice(len(ARRIVALS), visits, p=[0.3, 0.3, 0.05, 0.08, 0.05, 0.1, 0.06, 0.06])
    inner = np.where(step == 0, arrival[visit], len(ARRIVALS))
    arrivals = [*ARRIVALS, ("shop.example", "shop.example", "internal", "Internal")]
    agent = (random.pareto(1.0, visits) * 5).astype(np.int64) % AGENTS
    system = [SYSTEMS[at % len(SYSTEMS)] for at in range(AGENTS)]
    country = (random.pareto(1.2, visits) * 2).astype(np.int64) % len(COUNTRIES)
    city = random.integers(0, CITIES, visits)
    anonymous = [f"{number:08x}-1111-4222-8333-444455556666" for number in range(400_000)]
    session = pa.array(_hex(random, visits)).take(pa.array(visit))
    without_session = pa.array((visit % 5) == 0)
    nobody = pa.array([None], pa.string())[0]
    columns: dict[str, pa.Array | pa.Scalar] = {
        "event_id": pa.array(_hex(random, count)),
        "site": pc.if_else(pa.array(visit % 21 == 0), "blog", SITE),
        "event_type": _texts(["page_view", "page_ping", "custom"], kind),
        "event_name": _texts(["page_view", "page_ping", *CUSTOM], name),
        "received_at": later,
        "occurred_at": occurred,
        "created_at": occurred,
        "sent_at": occurred,
        "clock_clamped": pa.scalar(False),
        "anonymous_id": of_visit(anonymous, visitors),
        "user_id": pc.if_else(
            pa.array((visitors % 7 == 0)[visit]),
            of_visit([f"p{number}" for number in range(400_000)], visitors),
            nobody,
        ),
        "session_id": pc.if_else(without_session, nobody, session),
        "session_index": pa.array(1 + visitors[visit] % 9),
        "page_url": _texts([f"https://shop.example{path}" for path in paths], page),
        "page_host": pa.scalar("shop.example"),
        "page_path": _texts(paths, page),
        "page_title": _texts([f"Title of {path}" for path in paths], page),
        "referrer": _texts([host and f"https://{host}/" for host, *_ in arrivals], inner),
        "referrer_host": _texts([host for host, *_ in arrivals], inner),
        "utm_source": _texts(["newsletter" if at == 6 else None for at in range(9)], inner),
        "utm_medium": _texts(["email" if at == 6 else None for at in range(9)], inner),
        "utm_campaign": _texts(["spring" if at == 6 else None for at in range(9)], inner),
        "user_agent": of_visit(
            [f"Mozilla/5.0 (of some length) like Gecko Version/{at}.0" for at in range(AGENTS)], agent
        ),
        "language": of_visit(["en-US", "de-CH", "fr-FR"], agent % 3),
        "screen_width": pa.array(np.array([1920, 1440, 390, 412, 2560])[agent % 5][visit]),
        "screen_height": pa.array(np.array([1080, 900, 844, 915, 1440])[agent % 5][visit]),
        "viewport_width": pa.array(np.array([1280, 1400, 390, 412, 1900])[agent % 5][visit]),
        "viewport_height": pa.array(np.array([720, 800, 700, 800, 1200])[agent % 5][visit]),
        "time_zone": pa.scalar("Europe/Berlin"),
        "ip": of_visit([f"198.51.{number}.0" for number in range(256)], visitors % 256),
        "consent": pa.scalar("full"),
        "advertising": pa.scalar(True),
        "properties": _properties(random, name),
        "context": pa.scalar('{"library":{"name":"web","version":"1.0"}}'),
        "dialect": pa.scalar("plain"),
        "tracker": pa.scalar("web-1.0"),
        "fingerprint": pa.array(_hex(random, count)),
        "browser": of_visit(BROWSERS, agent % len(BROWSERS)),
        "browser_version": of_visit([f"{100 + number}.0" for number in range(40)], agent % 40),
        "os": of_visit([name for name, _ in system], agent),
        "os_version": of_visit([str(number) for number in range(10, 20)], agent % 10),
        "device_class": of_visit([name for _, name in system], agent),
        "is_bot": pa.array((agent == 399)[visit]),
        "source": _texts([source for _, source, *_ in arrivals], inner),
        "medium": _texts([medium for *_, medium, _ in arrivals], inner),
        "channel": _texts([channel for *_, channel in arrivals], inner),
        "country": of_visit(COUNTRIES, country),
        "region": of_visit([f"{COUNTRIES[at // 10]}-{at % 10}" for at in range(160)], country * 10 + city % 10),
        "city": of_visit([f"City {at}" for at in range(CITIES)], city),
        "primary_language": of_visit(["en", "de", "fr"], agent % 3),
        "screen_class": of_visit(["xl", "xl", "xs", "xs", "xl"], agent % 5),
        "enrichment_version": pa.scalar("agents=1"),
        "id_reused": pa.scalar(False),
        "event_date": pa.scalar(day),
        "hub_partition": pa.scalar("0"),
        "sequence_number": pa.array(np.arange(count)),
        "enqueued_at": later,
        "capture_file": pa.scalar("ns/events/0/2026/03/01/12/00/00.avro"),
    }
    return pa.table([_column(columns.get(field.name), field.type, count) for field in EVENTS_TABLE.schema],
                    schema=EVENTS_TABLE.schema)  # fmt: skip


def _column(value: pa.Array | pa.Scalar | None, type_: pa.DataType, count: int) -> pa.Array:
    if value is None:
        return pa.nulls(count, type_)
    if isinstance(value, pa.Scalar):
        return pa.repeat(value.cast(type_), count)
    return value.cast(type_)


def _pages(random: np.random.Generator, count: int, step: Numbers) -> Numbers:
    """Numbers of pages. Many visits follow the checkout funnel for one or more steps."""
    articles = len(STEPS) + (random.pareto(0.9, count) * 20).astype(np.int64) % PAGES
    on_the_way = (random.random(count) < 0.5) & (step < len(STEPS))
    return np.where(on_the_way, step, articles)


def _properties(random: np.random.Generator, name: Numbers) -> pa.Array:
    products = [f'{{"product":"p{at}","plan":"{("free", "pro", "team")[at % 3]}"}}' for at in range(PRODUCTS)]
    sales = [f'{{"product":"p{at}","revenue":{at / 10},"currency":"EUR"}}' for at in range(PRODUCTS)]
    pings = [f'{{"engagement_ms":{at * 500},"scroll_depth":{at % 101}}}' for at in range(1, PRODUCTS)]
    product = random.integers(0, PRODUCTS - 1, len(name))
    offset = np.select([name == 0, name == 1, name == 5], [0, 1, PRODUCTS], PRODUCTS * 2)
    which = np.where(name == 0, 0, offset + product)
    return _texts(["{}", *pings, *sales, *products], which)


def _texts(values: Sequence[str | None], numbers: Numbers) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(numbers))


def _hex(random: np.random.Generator, count: int) -> Sequence[str]:
    text = random.bytes(16 * count).hex()
    return [text[at : at + 32] for at in range(0, len(text), 32)]
