"""Benchmark compaction, from captured Avro to committed Delta, as ratios to other pipelines and to lower bounds.

The pipelines run in separate processes, in turns, over the same captured files. Further parts compare many tiny files
with few big ones, tables with growing history, and the search for copies with Delta's MERGE.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable, write_deltalake

from benchmarks.compaction_data import bodies, capture
from benchmarks.processes import peak_mb, reset_peak, resident_bytes
from clickstream.capture.body_columns import parse_events
from clickstream.compacting.dedupe import MAX_FAR_DATES, Separated, separate
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import Azurite
from local.processes import free_port

PARTS = ("ways", "sizes", "tiny", "history", "far", "merge")
OTHERS = {
    "naive": "fastavro, json, write_deltalake",
    "structs": "fastavro, msgspec, polars, write_deltalake zstd",
    "merge": "fastavro, orjson, Delta MERGE",
}
OURS = {"plain": "ours, without enrichment", "compactor": "ours, all that a run does"}
FILES = 4
BATCH, COPIES = 60_000, 1_800
HISTORY_ROWS = 5_000
# One in FAR_EVERY events has a wrong clock. FAR_DAYS are the days of history in which its copies are searched.
FAR_EVERY = 50
FAR_DAYS = (MAX_FAR_DATES + 1, 100, 300)


@dataclass
class Costs:
    """The measurements of all runs of one pipeline."""

    runs: list[dict[str, Any]] = field(default_factory=list)

    def of(self, name: str) -> float:
        """The median of a measurement: seconds `wall` and `cpu`, or `peak_mb`."""
        return float(median(run[name] for run in self.runs))

    def stage(self, name: str) -> float:
        """The median of a stage's CPU seconds."""
        return float(median(run["stages"][name][1] for run in self.runs))


@dataclass
class Bench:
    """An Azurite, and the parameters of the child processes. `max_bytes` is the Avro of one commit."""

    service: BlobServiceClient
    connection_string: str
    max_bytes: int

    @property
    def account(self) -> StorageAccount:
        return StorageAccount.from_connection(Connection("Lake", self.connection_string))

    def new_lake(self) -> str:
        """Create an empty container for tables, and return its name."""
        name = f"lake{uuid4().hex[:10]}"
        self.service.create_container(name)
        return name

    def run(self, pipeline: str, container: str, lake: str | None = None) -> dict[str, Any]:
        """Run one pipeline in a separate process, and return its measurements. Raise CalledProcessError."""
        environment = {"ACCOUNT": self.connection_string, "MAX_BYTES": str(self.max_bytes)}
        lakes = [lake or self.new_lake(), self.new_lake()]
        command = [sys.executable, "-m", "benchmarks.compaction_pipelines", pipeline, container, *lakes]
        process = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True)
        measurements: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
        return measurements


def compare(bench: Bench, rounds: int, size: int) -> None:
    """Print the pipelines, the stages with their lower bounds, and peak memory."""
    costs = {name: Costs() for name in (*OURS, "floors", *OTHERS)}
    for _ in range(rounds):
        for name, cost in costs.items():
            cost.runs.append(bench.run(name, "capture"))
    ours = costs["plain"]
    print(f"\n1.0 is ours without enrichment: {ours.of('wall'):.2f} s wall, {ours.of('cpu'):.2f} s CPU")
    for name, title in {**OURS, **OTHERS}.items():
        cost = costs[name]
        wall, cpu = cost.of("wall") / ours.of("wall"), cost.of("cpu") / ours.of("cpu")
        print(f"  {title:<50} wall {wall:6.2f}   CPU {cpu:6.2f}   peak {cost.of('peak_mb'):6.0f} MB")
    floor = sum(costs["floors"].stage(name) for name in costs["floors"].runs[0]["stages"])
    print("CPU seconds by stage, and the lower bound of the libraries' own calls")
    for name in ours.runs[0]["stages"]:
        print(f"  {name:<50} {ours.stage(name):6.2f}   {costs['floors'].stage(name):6.2f}")
    print(f"  {'all, and its ratio to the sum of bounds':<50} {ours.of('cpu'):6.2f}   {ours.of('cpu') / floor:6.2f}")
    bound = 350 + 2 * min(bench.max_bytes, size) / 1e6
    print(f"peak memory {ours.of('peak_mb'):.0f} MB; 350 MB and twice the Avro of a commit are {bound:.0f} MB")


def compare_sizes(bench: Bench) -> None:
    """Print the size of our files as a ratio to those of write_deltalake for the same sorted rows."""
    lake = bench.new_lake()
    bench.run("compactor", "capture", lake)
    options = bench.account.delta_options()
    ours = DeltaTable(table_uri(lake, "events"), storage_options=options)
    rows = ours.to_pyarrow_table()
    their_uri = table_uri(bench.new_lake(), "events")
    write_deltalake(their_uri, rows, partition_by=["event_date"], storage_options=options)
    sizes = [
        sum(pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist())
        for table in (ours, DeltaTable(their_uri, storage_options=options))
    ]
    print(f"size of our files / write_deltalake's of the same rows: {sizes[0] / sizes[1]:.2f}")


def compare_tiny(bench: Bench, events: Sequence[bytes], tiny: int) -> None:
    """Print the cost of the same events in many files as a ratio to few files."""
    few, many = "few", "many"
    capture(bench.service, few, 10, events)
    capture(bench.service, many, tiny, events)
    costs = {name: Costs([bench.run("compactor", name) for _ in range(2)]) for name in (few, many)}
    wall, cpu = (costs[many].of(name) / costs[few].of(name) for name in ("wall", "cpu"))
    print(f"{tiny} tiny files / 10 big ones with the same {len(events)} events: wall {wall:.2f}   CPU {cpu:.2f}")


def compare_history(bench: Bench, events: Sequence[bytes]) -> None:
    """Print the cost of the same hour in tables with one, ten and a hundred days of history."""
    capture(bench.service, "hour", 4, events)
    template = typed(events[:HISTORY_ROWS])
    lakes = []
    for days in (1, 10, 100):
        lakes.append(bench.new_lake())
        add_history(bench, lakes[-1], template, range(2, days + 2))
    costs = [Costs([bench.run("compactor", "hour", lake)]) for lake in lakes]
    for name in ("wall", "cpu"):
        ratios = "   ".join(f"{cost.of(name) / costs[0].of(name):.2f}" for cost in costs)
        print(f"the same events into a table with 1, 10, 100 days of history, {name:<4}: {ratios}")


def add_history(bench: Bench, lake: str, template: pa.Table, days: Iterable[int]) -> None:
    """Append the rows of the template, moved back by each number of days."""
    history = pa.concat_tables([shifted(template, day) for day in days])
    Table.open_or_create(EVENTS_TABLE, bench.account, lake).append(history, {}, {})
    # As maintenance does. Without a checkpoint every run would read the files of all commits.
    DeltaTable(table_uri(lake, "events"), storage_options=bench.account.delta_options()).create_checkpoint()


def compare_far(bench: Bench, events: Sequence[bytes]) -> None:
    """Print the cost of the search for copies with wrong clocks, by days of history."""
    template = typed(events[:HISTORY_ROWS])
    batch = typed(events).drop_columns(["id_reused"])
    occurred = batch["occurred_at"].cast(pa.int64()).to_numpy()
    days_off = np.arange(batch.num_rows) // FAR_EVERY % FAR_DAYS[-1] * (np.arange(batch.num_rows) % FAR_EVERY == 0)
    created = pa.array(occurred - days_off * 86_400_000_000).cast(pa.timestamp("us", "UTC"))
    batch = batch.set_column(batch.schema.get_field_index("created_at"), "created_at", created)
    lake = bench.new_lake()
    costs = []
    for since, until in pairwise((0, *FAR_DAYS)):
        add_history(bench, lake, template, range(since, until))
        costs.append(median(cpu_of(lambda: search_for_copies(bench, lake, batch)) for _ in range(5)))
    ratios = "   ".join(f"{cost / costs[0]:.2f}" for cost in costs)
    days = ", ".join(map(str, FAR_DAYS))
    print(f"search for copies with clocks wrong by 0 to {FAR_DAYS[-1]} days, {days} days of history, CPU: {ratios}")


def search_for_copies(bench: Bench, lake: str, batch: pa.Table) -> Separated:
    """Search the table of a lake for copies of the batch's events."""
    return separate(batch, "event_id", Table.open_or_create(EVENTS_TABLE, bench.account, lake))


def typed(events: Sequence[bytes]) -> pa.Table:
    """The bodies as rows of the table `events`."""
    rows = parse_events(pa.chunked_array([events], pa.binary())).events.drop_columns(["row"])
    rows = rows.append_column("event_date", rows["occurred_at"].cast(pa.date32()))
    for column in EVENTS_TABLE.schema:
        if column.name not in rows.column_names:
            value = "0" if column.type == pa.string() else None
            values = pa.array([value] * rows.num_rows, column.type)
            rows = rows.append_column(column, rows["received_at"] if column.name == "enqueued_at" else values)
    return rows.set_column(
        rows.schema.get_field_index("sequence_number"), "sequence_number", pa.array(np.arange(rows.num_rows))
    )


def without_optional_text(rows: pa.Table) -> pa.Table:
    """The rows with null in every nullable text column except the fingerprint."""
    for at, column in enumerate(EVENTS_TABLE.schema.field(name) for name in rows.column_names):
        if column.nullable and column.type == pa.string() and column.name != "fingerprint":
            rows = rows.set_column(at, column, pa.nulls(rows.num_rows, column.type))
    return rows


def shifted(rows: pa.Table, days: int) -> pa.Table:
    """Other events of the same shape, `days` earlier."""
    for name in ("occurred_at", "received_at", "created_at", "sent_at", "enqueued_at"):
        at = rows.schema.get_field_index(name)
        moved = pa.compute.subtract(rows[name], pa.scalar(timedelta(days), pa.duration("us")))
        rows = rows.set_column(at, name, moved)
    rows = rows.set_column(rows.schema.get_field_index("event_id"), "event_id", fresh_ids(rows.num_rows, days))
    dates = rows["occurred_at"].cast(pa.date32())
    return rows.set_column(rows.schema.get_field_index("event_date"), "event_date", dates)


def fresh_ids(count: int, seed: int) -> pa.Array:
    """Distinct event ids; the same ones for the same seed."""
    numbers = np.random.default_rng(seed).integers(0, 2**63, (count, 2))
    return pa.array([f"{high:016x}-{low:016x}-id" for high, low in numbers.tolist()])


def compare_merge(bench: Bench, events: Sequence[bytes], rows: int) -> None:
    """Print the cost of the search for copies in one partition as a ratio to MERGE of the same batch.

    The rows have mandatory columns only, because MERGE reads all columns and could not hold many millions of whole
    rows. Whole rows would make MERGE slower, but not the search.
    """
    lake = bench.new_lake()
    template = without_optional_text(typed(events))
    day = template["event_date"][0].as_py()
    template = template.filter(pa.compute.equal(template["event_date"], pa.scalar(day)))
    written, number = 0, 0
    while written < rows:
        part = template.slice(0, min(template.num_rows, rows - written))
        at = part.schema.get_field_index("event_id")
        part = part.set_column(at, "event_id", fresh_ids(part.num_rows, 1000 + number))
        Table.open_or_create(EVENTS_TABLE, bench.account, lake).append(part, {}, {})
        written, number = written + part.num_rows, number + 1
    batch = template.slice(0, BATCH)
    at = batch.schema.get_field_index("event_id")
    copies = fresh_ids(part.num_rows, 1000 + number - 1).slice(0, COPIES)
    ids = pa.concat_arrays([copies, fresh_ids(batch.num_rows - len(copies), 999)])
    batch = batch.set_column(at, "event_id", ids)
    table = Table.open_or_create(EVENTS_TABLE, bench.account, lake)
    without = batch.drop_columns(["id_reused"])
    ours, our_mb = costs_of(lambda: separate(without, "event_id", table))
    stored = DeltaTable(table_uri(lake, "events"), storage_options=bench.account.delta_options())
    predicate = f"stored.event_date = '{day}' AND stored.event_id = fresh.event_id"
    merged = stored.merge(batch, predicate, source_alias="fresh", target_alias="stored").when_not_matched_insert_all()
    theirs, their_mb = costs_of(merged.execute)
    print(
        f"{len(copies)} copies among {batch.num_rows} events, in a partition of {rows} rows, CPU: "
        f"ours {ours:.2f} s, MERGE {theirs:.2f} s, ratio {theirs / ours:.0f}; memory beside the rows: "
        f"ours {our_mb:.0f} MB, MERGE {their_mb:.0f} MB"
    )


def cpu_of(work: Callable[[], object]) -> float:
    """Seconds of processor time of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def costs_of(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time of one call, and the peak growth of the process in MB."""
    before = resident_bytes(os.getpid()) / 1e6
    reset_peak()
    return cpu_of(work), peak_mb() - before


def main() -> int:
    """Print the selected parts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compaction", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=PARTS, metavar="|".join(PARTS), help="what to measure (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--events", type=int, default=190_000)
    parser.add_argument("--tiny", type=int, default=4_000, help="number of tiny files")
    parser.add_argument("--max-bytes", type=int, default=256 * 2**20, help="Avro of a commit")
    parser.add_argument("--merge-rows", type=int, default=1_000_000, help="rows of the partition")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder) / "data", free_port(), free_port()) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        bench = Bench(service, azurite.connection_string, arguments.max_bytes)
        events = list(bodies(arguments.events))
        size = capture(service, "capture", max(FILES, arguments.events // 62_500), events)
        capture(service, "warm", 1, events[:200])
        print(f"compaction of {len(events)} events, {size / 1e6:.0f} MB of Avro")
        measures: Mapping[str, Callable[[], None]] = {
            "ways": lambda: compare(bench, arguments.rounds, size),
            "sizes": lambda: compare_sizes(bench),
            "tiny": lambda: compare_tiny(bench, events[:200_000], arguments.tiny),
            "history": lambda: compare_history(bench, events[:20_000]),
            "far": lambda: compare_far(bench, events[:20_000]),
            "merge": lambda: compare_merge(bench, events[: BATCH * 2], arguments.merge_rows),
        }
        for part in arguments.parts:
            started = time.perf_counter()
            measures[part]()
            print(f"({part}: {time.perf_counter() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
