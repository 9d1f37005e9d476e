"""Benchmark the export of events to CSV with gzip against the naive way: the table to pandas, `to_csv`, one upload.

Both write the same rows of one table to the same Azurite, each in a fresh process; `few` writes four of the columns,
`copy` has DuckDB write all of them to a local file. Ratios compare processor time and peak memory; the second size
shows how memory grows with the rows. `none` takes no row: its peak is what a process needs before the first one.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from azure.storage.blob import BlobServiceClient

from benchmarks.processes import peak_mb, reset_peak
from local.azurite import Azurite
from local.processes import free_port
from tests.support.pandas_folder import import_pandas

FILES = "exports"
# A setting of the app, see infra/main.bicep: Arrow's own allocator keeps what was freed.
AS_DEPLOYED = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
SITE = b"""
site: shop
keys: [{kind: public, key: shop-web}]
jobs:
- {name: all, export: events, to: {connection: x, container: exports, filename: "ours-{TIMESTAMP}", compress: gzip}}
- name: few
  export: events
  to: {connection: x, container: exports, filename: "few-{TIMESTAMP}", compress: gzip}
  fields: [event_id, occurred_at, event_name, user_id]
- name: none
  export: events
  to: {connection: x, container: exports, filename: "none-{TIMESTAMP}"}
  start_date: 2100-01-01
"""


def exported(connection: str, lake: str, job: str) -> int:
    """The product's export, from its claim to its history."""
    from clickstream.erasing.state import erasures_in
    from clickstream.exporting.events import Events
    from clickstream.exporting.exports import Exports
    from clickstream.jobs.runner import JobRunner, job_of
    from clickstream.jobs.state import JobStates
    from clickstream.services import new_id, now
    from clickstream.settings import Settings
    from clickstream.sites.document import parse_site
    from clickstream.sites.exports import EventExport
    from clickstream.storage.account import StorageAccount
    from clickstream.storage.staged_blocks import StagedBlocks

    env = {"EventHubConnection": "x", "Lake": connection, "VISITOR_ID_KEY": "0123456789abcdef", "LAKE_CONTAINER": lake}
    settings = Settings.from_env(env)
    account = StorageAccount.from_connection(settings.lake)
    container = account.container(lake)
    exports = Exports(
        Events(account, settings), lambda _, place: StagedBlocks(account, place), lambda: erasures_in(container), now
    )
    runner = JobRunner(JobStates(container), {EventExport.kind: exports}, now, new_id)
    site = parse_site(SITE, expected="shop")
    ended = runner.run(site, job_of(site, job), now() + timedelta(hours=1))
    assert ended is not None and ended.outcome == "succeeded", ended
    return ended.counts["rows"]


def naive(connection: str, lake: str) -> int:
    """The whole table in memory, as text in memory, in one upload."""
    from deltalake import DeltaTable

    from clickstream.settings import Connection
    from clickstream.storage.account import StorageAccount, table_uri

    account = StorageAccount.from_connection(Connection("Lake", connection))
    table = DeltaTable(table_uri(lake, "events"), storage_options=account.delta_options())
    import_pandas()
    rows = table.to_pyarrow_table().to_pandas()
    rows = rows[rows["site"] == "shop"]
    text = io.BytesIO()
    with gzip.GzipFile(fileobj=text, mode="wb", compresslevel=6) as packed:
        rows.to_csv(packed, index=False)
    with BlobServiceClient.from_connection_string(connection) as client:
        client.get_blob_client(FILES, f"naive-{uuid4()}.csv.gz").upload_blob(text.getvalue())
    return len(rows)


def copy(connection: str, lake: str) -> int:
    """DuckDB's COPY of the table's rows to a local file."""
    import duckdb
    from deltalake import DeltaTable

    from clickstream.settings import Connection
    from clickstream.storage.account import StorageAccount, table_uri

    account = StorageAccount.from_connection(Connection("Lake", connection))
    rows = DeltaTable(table_uri(lake, "events"), storage_options=account.delta_options()).to_pyarrow_dataset()
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as database:
        database.register("rows", rows)
        target = f"'{folder}/copy.csv.gz' (FORMAT csv, COMPRESSION gzip)"
        (count,) = database.execute(f"COPY (SELECT * FROM rows WHERE site = 'shop') TO {target}").fetchone() or (0,)
        return int(count)


WAYS: Mapping[str, Callable[[str, str], int]] = {
    "ours": lambda connection, lake: exported(connection, lake, "all"),
    "few": lambda connection, lake: exported(connection, lake, "few"),
    "none": lambda connection, lake: exported(connection, lake, "none"),
    "copy": copy,
    "naive": naive,
}


def measured(way: str, connection: str, lake: str) -> dict[str, float]:
    """Rows, processor seconds and peak memory of one way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.exporting", "--way", way, "--lake", lake]
    environment = {**os.environ, **({} if way in ("copy", "naive") else AS_DEPLOYED), "BENCHMARK_STORAGE": connection}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def run_way(way: str, lake: str) -> None:
    """Run one way in this process and print its figures."""
    reset_peak()
    begun = time.process_time()
    rows = WAYS[way](os.environ["BENCHMARK_STORAGE"], lake)
    print(json.dumps({"rows": rows, "cpu": time.process_time() - begun, "peak_mb": peak_mb()}), flush=True)
    os._exit(0)  # as commands do


def compare(events: int, naive_up_to: int) -> None:
    """Print the table of both ways for this number of events and for a quarter of it."""
    from benchmarks.querying_data import build, days
    from clickstream.settings import Connection
    from clickstream.storage.account import StorageAccount

    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder) / "data", free_port(), free_port()) as azurite:
        account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
        with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
            client.create_container(FILES)
            print(f"{'rows':>10} {'way':<6} {'CPU s':>8} {'per million':>12} {'ratio':>6} {'peak MB':>8}")
            for count in (events // 4, events):
                lake = f"lake-{count}"
                client.create_container(lake)
                build(account, {lake: days()}, count)
                ways = [way for way in WAYS if way != "naive" or count <= naive_up_to]
                figures = {way: measured(way, azurite.connection_string, lake) for way in ways}
                assert {figure["rows"] for figure in figures.values()} == {figures["ours"]["rows"], 0}, figures
                for way, figure in figures.items():
                    cpu, rows = figure["cpu"], figure["rows"]
                    each = f"{cpu * 1e6 / rows:.2f}" if rows else ""
                    ratio = f"{cpu / figures['naive']['cpu']:.2f}" if "naive" in figures else ""
                    print(
                        f"{rows:>10.0f} {way:<6} {cpu:>8.2f} {each:>12} {ratio:>6} {figure['peak_mb']:>8.0f}",
                        flush=True,
                    )


def main() -> None:
    """Compare both ways, or run one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporting", description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--naive-up-to", type=int, default=1_000_000, help="events that pandas has memory for")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--lake", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way is not None:
        run_way(arguments.way, arguments.lake)
    compare(arguments.events, arguments.naive_up_to)


if __name__ == "__main__":
    main()
