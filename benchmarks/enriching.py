"""Benchmark enrichment: each step, as a ratio to the plain Parquet write of the same rows.

Steps that parse user agents are measured twice: with empty caches, as in a new process, and with full ones, as in the
process of a timer that runs every five minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from clickstream.enriching.agents import describe, device
from clickstream.enriching.places import Places
from clickstream.enriching.steps import STEPS, Knowledge, enrich
from clickstream.model.schema import BODY_COLUMNS, arrow_schema

START = datetime(2026, 3, 10, tzinfo=UTC)
SYSTEMS = (
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "Linux; Android {}; SM-G99{}B",
    "Linux; Android {}; Pixel {}",
)
AGENTS = 3000
REFERRERS = 2000
NETWORKS = 20_000


def agents(random: Random) -> list[str]:
    """AGENTS different user agents of browsers, sorted."""
    distinct: set[str] = set()
    while len(distinct) < AGENTS:
        system = random.choice(SYSTEMS).format(random.randrange(9, 16), random.randrange(10))
        version = f"{random.randrange(90, 150)}.0.{random.randrange(20)}.0"
        distinct.add(f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Safari/537.36")
    return sorted(distinct)


def events(count: int) -> pa.Table:
    """Rows before enrichment, as varied as a month of a large site."""
    random = Random(1)
    user_agents = agents(random)
    hosts = ["www.google.com", "chatgpt.com", "m.facebook.com", *(f"blog{n}.example" for n in range(REFERRERS))]
    schema = arrow_schema(BODY_COLUMNS)
    columns: dict[str, list[Any]] = {field.name: [None] * count for field in schema}
    for index in range(count):
        moment = START + timedelta(seconds=random.uniform(0, 86_400))
        path = f"/catalogue/{random.choice('abcdefgh')}/article-{random.randrange(3000)}"
        row = {
            "event_id": f"{random.getrandbits(128):032x}",
            "fingerprint": f"{random.getrandbits(128):032x}",
            "site": random.choice(("shop", "blog")),
            "event_type": "page_view",
            "event_name": "page_view",
            "received_at": moment,
            "occurred_at": moment,
            "anonymous_id": f"{random.randrange(count // 5 + 1):032x}",
            "page_url": f"https://shop.example{path}",
            "page_host": "shop.example",
            "page_path": path,
            "referrer_host": random.choice(hosts) if index % 3 else "shop.example",
            "utm_source": random.choice(("google", "newsletter", "partner")) if index % 7 == 0 else None,
            "utm_medium": random.choice(("cpc", "email", "referral")) if index % 7 == 0 else None,
            "utm_campaign": f"campaign-{random.randrange(60)}" if index % 7 == 0 else None,
            "click_id": f"gclid={random.getrandbits(64):x}" if index % 20 == 0 else None,
            "user_agent": user_agents[int(AGENTS * random.random() ** 3)],
            "language": random.choice(("en-GB", "de-DE", "fr", "pt-BR")),
            "screen_width": random.choice((390, 414, 768, 1280, 1920)),
            "ip": f"198.{random.randrange(NETWORKS) // 256}.{random.randrange(256)}.0",
            "consent": "full",
            "properties": f'{{"price":{random.randrange(10_000) / 100},"variant":"{random.getrandbits(64):x}"}}',
            "context": '{"library":{"name":"tracker","version":"1.0"}}',
            "dialect": "plain",
        }
        for name, value in row.items():
            columns[name][index] = value
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in schema})


def database(folder: Path) -> Places:
    """A place database of /16 networks in different cities."""
    writer = MMDBWriter(database_type="Test-City", languages=["en"])
    for number in range(80):
        city = {"country": {"iso_code": "DE"}, "city": {"names": {"en": f"City {number}"}}}
        writer.insert_network(IPSet([f"198.{number}.0.0/16"]), city)
    path = folder / "city.mmdb"
    writer.to_db_file(str(path))
    return Places(path)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Seconds of processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def clear_caches() -> None:
    """Clear the caches of user agents, as in a new process."""
    describe.cache_clear()
    device.cache_clear()


def main() -> int:
    """Print the table of ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enriching", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=200_000)
    arguments = parser.parse_args()
    rows = events(arguments.events)
    costs: dict[str, list[float]] = {}

    def note(name: str, work: Callable[[], object]) -> None:
        costs.setdefault(name, []).append(cpu_seconds(work))

    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(places=database(Path(folder)))
        enriched = enrich(rows, knowledge)
        target = Path(folder) / "plain.parquet"
        for _ in range(arguments.rounds):
            note("plain Parquet write, zstd", partial(pq.write_table, rows, target, compression="zstd"))
            for step in STEPS:
                if step.name in ("agent", "device"):
                    clear_caches()
                    note(f"{step.name}, agents unseen", partial(enrich, enriched, knowledge, [step]))
                note(step.name, partial(enrich, enriched, knowledge, [step]))
            clear_caches()
            note("all steps, agents unseen", partial(enrich, rows, knowledge))
            note("all steps", partial(enrich, rows, knowledge))
    floor = median(costs["plain Parquet write, zstd"])
    print(f"enrichment of {rows.num_rows} events: {AGENTS} agents, {REFERRERS} referrers, {NETWORKS} networks")
    print("CPU, median of rounds; 1.0 is the plain Parquet write of the same rows")
    for name, seconds in costs.items():
        print(f"  {name:<28} {median(seconds) / floor:6.2f}   {median(seconds) / rows.num_rows * 1e6:7.2f} µs/event")
    return 0


if __name__ == "__main__":
    sys.exit(main())
