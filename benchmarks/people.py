"""Benchmark people: processor time of reports about people as shares of the same reports about visitors, and of
deriving all tables after a batch, as a share of the batch's compaction and with ten times the history.

`python -m benchmarks.people [--events 1000000] [--rounds 3] [--history 200000] [--batches 4]`. The last part compacts
batches of captured files into a lake in Azurite, and derives all tables after each. In the others rows are in memory,
of one site, and the engine has one thread. One visitor in ten is a user, and some users share devices. All variants run
in turns; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb
import orjson
import pyarrow as pa
from azure.storage.blob import BlobServiceClient

from benchmarks.compaction_data import NOW, bodies, capture
from benchmarks.compaction_pipelines import NoHubs, settings
from clickstream.compacting.compactor import Compactor
from clickstream.deriving.deriver import Deriver
from clickstream.deriving.people import Basis, people_of
from clickstream.erasing.late import LateEvents
from clickstream.identity.edges import EVENT_COLUMNS as IDENTITY_COLUMNS
from clickstream.identity.edges import edges_of
from clickstream.identity.rules import Rules, Trust
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.profiles.activity import EVENT_COLUMNS as ACTIVITY_COLUMNS
from clickstream.profiles.activity import activity_of
from clickstream.profiles.building import profiles_of
from clickstream.profiles.rules import ProfileRules
from clickstream.profiles.traits import EVENT_COLUMNS as TRAIT_COLUMNS
from clickstream.profiles.traits import traits_of
from clickstream.querying.period import Period
from clickstream.querying.request import parse_query
from clickstream.querying.scope import Matching, Sequence, SiteScope, Step
from clickstream.querying.sequences.funnels import funnel_statement
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement, compile_groups
from clickstream.sites.funnels import Within
from clickstream.storage.account import StorageAccount
from local.azurite import Azurite
from local.processes import free_port

BEGIN, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
SITE, TODAY = SiteScope("shop", "UTC"), date(2026, 4, 1)
PERIOD = Period(BEGIN, END)
BATCH_EVENTS = 10_000
FIVE_MINUTES = timedelta(minutes=5)
CAPTURED_UNTIL = NOW + timedelta(hours=1)
# A tenth of the visitors log in; every 80th device of these is used by another user, too.
_EVENTS = """
SELECT 'e' || i AS event_id, 'shop' AS site, 'page_view' AS event_type, 'page_view' AS event_name, 'full' AS consent,
    TIMESTAMPTZ '2026-03-01 00:00:00Z' + to_microseconds(CAST(hash(i, 1) % 2592000000000 AS BIGINT)) AS occurred_at,
    md5(CAST(visitor AS VARCHAR)) AS anonymous_id, 'client' AS id_source, 'public' AS key_kind, FALSE AS is_bot,
    CASE WHEN visitor % 10 = 0 AND hash(i, 2) % 3 = 0
        THEN 'u' || (visitor // 15 + CASE WHEN visitor % 80 = 0 THEN hash(i, 3) % 2 ELSE 0 END) END AS user_id,
    '/p' || hash(i, 4) % 500 AS page_path, 's' || visitor || '-' || hash(i, 5) % 3 AS session_id
FROM (SELECT i, hash(i) % (CAST($events AS BIGINT) // 10) AS visitor FROM range(CAST($events AS BIGINT)) AS t(i))
"""


def events_of(count: int, batch: int = 0) -> pa.Table:
    """So many rows of `events`, with the columns that reports and evidence read."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.sql(_EVENTS, params={"events": count}).to_arrow_table()
    schema = arrow_schema(EVENT_COLUMNS)
    values_of = {"received_at": rows["occurred_at"], "advertising": pa.repeat(pa.scalar(True), rows.num_rows)}
    for field in schema:
        if field.name not in rows.column_names:
            values = values_of.get(field.name, pa.nulls(rows.num_rows, field.type))
            rows = rows.append_column(field.name, values)
    return rows.select(schema.names).cast(pa.schema([field.with_nullable(True) for field in schema]))


def query(metrics: list[str], **more: object) -> Statement:
    """The statement of a query over the whole period."""
    body = {"site_id": "shop", "metrics": metrics, "date_range": ["2026-03-01", "2026-03-30"], **more}
    return compile_groups(parse_query(json.dumps(body).encode()), PERIOD, SITE)


def funnel(within: Within) -> Statement:
    """The statement of a funnel of two pages."""
    steps = tuple(Step(page, Matching(page=page)) for page in ("/p1", "/p2"))
    return funnel_statement(Sequence(steps, within=within), Slice(SITE, PERIOD))


def by(dimension: str) -> tuple[Statement, Statement]:
    """People and visitors of each group."""
    people, visitors = (query([metric], dimensions=[dimension]) for metric in ("people", "visitors"))
    return people, visitors


REPORTS: Mapping[str, tuple[Statement, Statement]] = {
    "people / visitors": (query(["people"]), query(["visitors"])),
    "people, visits / visitors, visits": (query(["people", "visits"]), query(["visitors", "visits"])),
    "people / visitors, by page": by("event:page"),
    "people / visitors, by day": by("time:day"),
    "funnel by person / by visitor": (funnel(Within.PERSON), funnel(Within.VISITOR)),
}


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Processor time."""
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def report_ratios(count: int, rounds: int) -> None:
    """Print the share of each report about people."""
    events = events_of(count)
    edges = edges_of(events.select(IDENTITY_COLUMNS), {})
    people = people_of(edges, Basis(Rules()), "shop", TODAY)
    print(f"{count:,} events, {edges.num_rows:,} rows of evidence, {people.num_rows:,} of identities")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", events)
        connection.register("found", people)
        connection.execute("CREATE TABLE events AS FROM rows")
        connection.execute("CREATE TABLE identities AS FROM found")

        def run(statement: Statement) -> object:
            return connection.execute(statement.sql, dict(statement.parameters)).fetchall()

        for name, pair in REPORTS.items():
            taken = [[seconds(run, each) for each in pair] for _ in range(rounds)]
            first, second = (median(times) for times in zip(*taken, strict=True))
            print(f"{name:<40} {first / second:6.2f}   {first:.2f} s / {second:.2f} s")


def profile_costs(count: int, rounds: int) -> None:
    """Print what the activity of a batch costs, and all profiles of this history."""
    events = events_of(count)
    new = events.select(ACTIVITY_COLUMNS).slice(0, BATCH_EVENTS)
    batch_seconds = median(seconds(activity_of, new) for _ in range(rounds))
    print(f"activity of {BATCH_EVENTS:,} events {'':<11} {batch_seconds:.2f} s")
    people = people_of(edges_of(events.select(IDENTITY_COLUMNS), {}), Basis(Rules()), "shop", TODAY)
    activity = activity_of(events.select(ACTIVITY_COLUMNS))
    sources = (activity, traits_of(events.select(TRAIT_COLUMNS)), people, Trust.ANY, ProfileRules(), "shop", TODAY)
    print(f"all profiles of {activity.num_rows:,} rows of activity {'':<11} {seconds(profiles_of, *sources):.2f} s")


def captured(first: int, count: int, began: datetime, lasts: timedelta, devices: range) -> list[bytes]:
    """Bodies of so many events at moments of this time, as they are captured. Every tenth device has a user."""
    captured: list[bytes] = []
    for number, body in enumerate(bodies(first + count)):
        if number >= first:
            event = orjson.loads(body)
            device = devices[int(event["anonymous_id"], 16) * 7919 % len(devices)]
            moment = (began + lasts * (number * 7919 % count) / count).isoformat()
            event |= {name: moment for name in ("created_at", "sent_at", "received_at", "occurred_at")}
            event |= {"anonymous_id": f"{device:032x}", "session_id": f"s{device}-{moment[:10]}", "id_source": "client"}
            event |= {"key_kind": "public"} | ({} if device % 10 else {"user_id": f"u{device // 15}"})
            captured.append(orjson.dumps(event))
    return captured


@dataclass(frozen=True)
class Costs:
    """Processor seconds of a batch: of compacting it, of deriving all tables, and of deriving them while profiles wait
    for their share of the time.
    """

    compacted: float
    derived: float
    without_profiles: float


@dataclass
class Clock:
    """A clock by which profiles are built after each of some batches, and then wait: builds seem to take long."""

    moment: datetime
    tick: timedelta = timedelta(seconds=10)

    def now(self) -> datetime:
        """The moment, some seconds after the last one if profiles are to be built."""
        self.moment += self.tick
        return self.moment

    def next_batch(self, *, builds: bool) -> None:
        """Let profiles be built after the next batch, or wait."""
        self.tick = timedelta(seconds=10 if builds else 0)
        self.moment += timedelta(hours=1) if builds else timedelta(0)


def costs_of_batches(history: int, size: int, count: int) -> Costs:
    """The medians over batches of five minutes, after a month with `history` events: over `count` batches after which
    profiles are built, and over as many after which they wait. There is a device for five events
    of the month, and three quarters of those of a batch are among them.
    """
    with TemporaryDirectory() as folder, Azurite(Path(folder) / "data", free_port(), free_port()) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        for name, text in (("lake", ""), ("config", "site: shop\nkeys: [{kind: public, key: shop}]\n")):
            container = service.create_container(name)
            if text:
                container.upload_blob("sites/shop.yaml", text)
        run_settings = settings(azurite.connection_string, "capture", "lake", 2**28)
        account = StorageAccount.from_connection(run_settings.lake)
        clock = Clock(CAPTURED_UNTIL)
        deriver = Deriver(account, run_settings, clock.now)
        derived: list[float] = []

        def derive(deadline: datetime) -> None:
            derived.append(seconds(deriver.run))

        suppression = LateEvents.of(account, run_settings)
        compactor = Compactor(account, run_settings, suppression, NoHubs(), lambda: CAPTURED_UNTIL, derive=derive)
        known, compacted = max(history // 5, 1), list[float]()
        capture(service, "capture", 2, captured(0, history, NOW - timedelta(days=30), timedelta(days=30), range(known)))
        compactor.run(CAPTURED_UNTIL + timedelta(hours=1))
        for number in range(2 * count):
            clock.next_batch(builds=number < count)
            after, first = history + number * size, known - size * 3 // 20 + number * size // 20
            devices = range(max(first, 0), max(first, 0) + size // 5)
            began = NOW + number * FIVE_MINUTES
            capture(service, "capture", 2, captured(after, size, began, FIVE_MINUTES, devices), after)
            whole = seconds(compactor.run, CAPTURED_UNTIL + timedelta(hours=1))
            compacted.append(whole - derived[-1])
        if size == BATCH_EVENTS:
            print(f"{'deriving without news':<40} {seconds(deriver.run):6.3f} s")
    # The first of them, after the history, reads into memory what the process keeps.
    return Costs(median(compacted), median(derived[2 : count + 1]), median(derived[count + 1 :]))


def maintenance_ratios(count: int, batches: int) -> None:
    """Print what deriving all tables after a batch costs as a share of the batch's compaction, and with ten times the
    history; first with all profiles, then while these wait.
    """
    for size in (BATCH_EVENTS, 5 * BATCH_EVENTS):
        costs = {history: costs_of_batches(history, size, batches) for history in (count // 10, count)}
        for history, each in costs.items():
            shares = f"{each.derived / each.compacted:6.2f} {each.without_profiles / each.compacted:6.2f}"
            print(f"{f'deriving / compacting, {size:,} after {history:,}':<50} {shares}   {each}")
        few, many = costs.values()
        ratios = f"{many.derived / few.derived:6.2f} {many.without_profiles / few.without_profiles:6.2f}"
        print(f"{f'{size:,} after ten times the history':<50} {ratios}")


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.people", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--history", type=int, default=200_000)
    arguments = parser.parse_args()
    report_ratios(arguments.events, arguments.rounds)
    profile_costs(arguments.events, arguments.rounds)
    maintenance_ratios(arguments.history, arguments.batches)
    return 0


if __name__ == "__main__":
    sys.exit(main())
