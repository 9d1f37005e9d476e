"""What it costs to evaluate the audiences of docs/audiences.md: of everybody, and of 2,000 people with news.

The baseline is the report `frequency` by person over the same 40 days, which also forms persons and counts the visits
of each. All run in this process, with copies of the files on the disk and without kept answers. A visitor returns as
the same person only within a week, so that there are many people. With several sizes it prints how the seconds grow.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from azure.storage.blob import BlobServiceClient

from benchmarks.querying_data import NOW, SITE, days, events_of
from clickstream.audiences.evaluating import Evaluator
from clickstream.profiles.activity import activity_of
from clickstream.profiles.traits import traits_of
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import Progress, write_progress
from clickstream.table.delta import Table
from clickstream.table.specs import ACTIVITY_TABLE, EVENTS_TABLE, TRAITS_TABLE
from local.azurite import Azurite
from local.processes import free_port

LAKE, CONFIG = "lake", "config"
TOUCHED = 2000
# What people do before evaluations of everybody, and before those of people with news.
DEEDS = ("add_to_cart", "purchase")
MINUTE = timedelta(minutes=1)
DOCS = Path(__file__).parents[1] / "docs" / "audiences.md"


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of this process, the median of all rounds."""

    full: float
    touched: float
    baseline: float


class Lake:
    """A lake with the events of 40 days, and what is derived from them."""

    def __init__(self, connection: str, copies: str) -> None:
        self.at = NOW
        self.settings = Settings.from_env(
            {
                "EventHubConnection": "none",
                "Lake": connection,
                "VISITOR_ID_KEY": "0123456789abcdef",
                "LAKE_CONTAINER": LAKE,
                "CONFIG_CONTAINER": CONFIG,
                "QUERY_TIMEOUT_SECONDS": "600",
                "QUERY_FILES_MB": "4096",
                "QUERY_SPILL_MB": "4096",
                "QUERY_FILES_FOLDER": copies,
                "QUERY_ANSWERS_MB": "0",
            }
        )
        self.account = StorageAccount.from_connection(self.settings.lake)
        self.engine = QueryEngine(self.account, self.settings, lambda: self.at)

    def add(self, events: pa.Table) -> None:
        """Compact and derive."""
        for spec, rows in (
            (EVENTS_TABLE, events),
            (ACTIVITY_TABLE, activity_of(events)),
            (TRAITS_TABLE, traits_of(events)),
        ):
            if len(rows):
                Table.open_or_create(spec, self.account, LAKE).append(rows, {}, {})

    def move(self) -> None:
        """A minute passes, and everything is compacted."""
        self.at += MINUTE
        write_progress(self.account.container(LAKE), Progress(self.at, self.at))

    def evaluator(self) -> Evaluator:
        # Nothing waits for a release: while changes wait, everybody is evaluated.
        return Evaluator(self.account, self.settings, self.engine, lambda: self.at, held_from=sys.maxsize)


def generated(day: int, events: int) -> pa.Table:
    """The events of a day, whose visitors are other ones every week."""
    rows = events_of(days()[day], events // len(days()), day)
    for name in ("anonymous_id", "user_id"):
        renamed = pc.binary_join_element_wise(rows[name], str(day // 7), "-")
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), renamed)
    return rows


def news(before: pa.Table, at: datetime, number: int) -> pa.Table:
    """An event of each of so many people at a moment."""
    known = before.filter(pc.and_(pc.is_valid(before["user_id"]), pc.equal(before["site"], SITE)))
    first = known.group_by("user_id", use_threads=False).aggregate([("event_id", "min")])["event_id_min"]
    begin = number * TOUCHED % max(1, len(first) - TOUCHED)
    rows = known.filter(pc.is_in(known["event_id"], first.slice(begin, TOUCHED)))
    names = [f"news {number} {place}" for place in range(len(rows))]
    moment = pa.array([at] * len(rows), pa.timestamp("us", "UTC"))
    columns = {"event_id": pa.array(names), "occurred_at": moment, "received_at": moment}
    deed = {"event_type": "custom", "event_name": DEEDS[number % 2]}
    columns |= {name: pa.array([value] * len(rows)) for name, value in deed.items()}
    columns |= {"event_date": pa.array([at.date()] * len(rows), pa.date32())}
    for name, values in columns.items():
        field = rows.schema.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, values.cast(field.type))
    return rows


@contextmanager
def cpu(into: list[float]) -> Iterator[None]:
    began = time.process_time()
    yield
    into.append(time.process_time() - began)


def measure(events: int, rounds: int) -> Costs:
    """Print the figures for a table of so many events."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder) / "azurite", free_port(), free_port()) as azurite,
    ):
        yaml = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
        document = f"site: {SITE}\nkeys: [{{kind: read, key: shop}}]\n{yaml}".encode()
        with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
            client.create_container(LAKE)
            client.create_container(CONFIG)
            client.get_blob_client(CONFIG, f"sites/{SITE}.yaml").upload_blob(document)
        lake = Lake(azurite.connection_string, folder)
        for week in range(0, len(days()), 7):
            last = pa.concat_tables([generated(day, events) for day in range(week, min(week + 7, len(days())))])
            lake.add(last)
        lake.move()
        reports = Reports(lake.engine, lambda: lake.at)
        parameters = {"site_id": SITE, "date_range": f"{days()[0]},{days()[-1]}", "within": "person"}
        scope = scope_of(Access(parse_site(document, expected=SITE), KeyKind.READ))

        def visits() -> dict[str, Any]:
            body = reports.answer(parse_report("frequency", parameters), scope, Format.JSON).body
            answer: dict[str, Any] = json.loads(body)
            return answer

        persons = sum(row[1] for row in visits()["rows"])
        lake.evaluator().run()
        full: list[float] = []
        touched: list[float] = []
        baseline: list[float] = []
        changes = people = 0
        for number in range(rounds):
            evaluator = lake.evaluator()
            for place, seconds in enumerate((full, touched)):
                rows = news(last, lake.at + MINUTE / 2, 2 * number + place)
                lake.add(rows)
                lake.move()
                people = len(rows["user_id"].unique())
                with cpu(seconds):
                    changes = evaluator.run().changes
            with cpu(baseline):
                visits()
        costs = Costs(*(median(seconds) for seconds in (full, touched, baseline)))
        print(
            f"{events} events, {persons} persons, audiences {len(scope.audiences)}: "
            f"full {costs.full:.2f} s of CPU, {costs.full / events * 1e6:.2f} per million events, "
            f"{costs.full / costs.baseline:.2f} of frequency ({costs.baseline:.2f} s); "
            f"{people} touched people {costs.touched:.2f} s, {costs.touched / costs.full:.2f} of full; "
            f"{changes} changes",
            flush=True,
        )
        return costs


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audiences", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    costs: list[Costs] = [measure(events, chosen.rounds) for events in chosen.events]
    for more, fewer in zip(costs[1:], costs, strict=False):
        print(f"growth: full {more.full / fewer.full:.1f}, touched {more.touched / fewer.touched:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
