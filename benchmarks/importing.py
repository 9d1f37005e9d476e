"""Benchmark the import of a CSV file with `diff` against the naive way: both files to pandas, and a merge.

Each way runs in a fresh process, against files of one Azurite, and finds the rows of the second file that the first one
does not have: one in a hundred has changed, one in two hundred is new. The product also judges and stores those. The
first file's rows are not judged, which takes the same time for each row whatever the size; `judged` says how long. It
redacts each row's names and e-mail address; `impersonal` judges the other columns alone. The ratio of these two is that
of the whole import to judging alone, measured around each row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.storage.blob import BlobServiceClient

from benchmarks.processes import peak_mb, reset_peak
from local.azurite import Azurite
from local.processes import free_port
from tests.support.pandas_folder import import_pandas

if TYPE_CHECKING:
    from clickstream.collecting.event_processor import EventProcessor, Outcome

FILES, LAKE, SPILL = "files", "lake", "spill"
COLUMNS = ("customer_no", "first_name", "last_name", "email", "city", "country", "plan", "orders", "revenue", "seen")
IMPERSONAL = "customer_no, city, country, plan, orders, revenue, seen"
ROWS_AT_ONCE = 100_000
JUDGED = 100_000
DIFFED = """
site: shop
keys: [{{kind: public, key: shop-web}}]
jobs:
- name: diffed-{rows}
  import: csv
  from: {{connection: x, container: files, file: "{rows}/customers-20260301.csv"}}
  stream: crm
  diff: true
  keep_updated: {{every: day}}
"""
JUDGED_ALL = """
site: shop
keys: [{{kind: public, key: shop-web}}]
jobs:
- name: judged
  import: csv
  from: {{connection: x, container: files, file: "{rows}/customers-20260301.csv"}}
  stream: crm
"""


class Judging:
    """Judges rows, and counts the processor seconds that it takes."""

    seconds = 0.0

    def __init__(self, processor: EventProcessor) -> None:
        self._processor = processor

    def process(self, *event: Any) -> Outcome:
        """As the processor does."""
        begun = time.process_time()
        outcome = self._processor.process(*event)
        Judging.seconds += time.process_time() - begun
        return outcome


def lines(rows: int, day: int) -> Iterator[bytes]:
    """The file of a day, some rows at a time."""
    yield ",".join(COLUMNS).encode() + b"\n"
    first = 0 if day == 1 else rows // 200  # as many are new as are gone
    for start in range(first, first + rows, ROWS_AT_ONCE):
        yield "".join(
            f"{n},First{n % 997},Last{n % 9973},person{n}@mail.example,City {n % 499},{'DEFRCHAT'[n % 4 * 2 :][:2]},"
            f"{('free', 'pro')[n % 3 == 0]},{n % 50 + (day if n % 100 == 7 else 0)},{n % 10_007}.50,"
            f"2026-02-{n % 28 + 1:02}\n"
            for n in range(start, min(start + ROWS_AT_ONCE, first + rows))
        ).encode()


def upload(connection: str, rows: int, day: int) -> None:
    """The file of a day with so many rows."""
    with BlobServiceClient.from_connection_string(connection) as client:
        client.get_blob_client(FILES, f"{rows}/customers-2026030{day}.csv").upload_blob(lines(rows, day))


def imported(connection: str, document: str, *, judges: bool = True) -> Mapping[str, int]:
    """One run of the job. Returns its counts."""
    from clickstream.collecting.event_processor import EventProcessor
    from clickstream.importing import csv_files
    from clickstream.importing.rows import Intake
    from clickstream.jobs.runner import JobRunner
    from clickstream.jobs.state import JobStates
    from clickstream.services import new_id, now
    from clickstream.settings import Settings
    from clickstream.sites.document import parse_site
    from clickstream.sites.imports import CsvImport
    from clickstream.storage.account import StorageAccount

    class Unjudged(Intake):
        def take(self, *row: object) -> bool:
            return True

    if not judges:
        vars(csv_files)["Intake"] = Unjudged
    env = {"EventHubConnection": "x", "Lake": connection, "VISITOR_ID_KEY": "0123456789abcdef", "LAKE_CONTAINER": LAKE}
    settings = Settings.from_env(env)
    account = StorageAccount.from_connection(settings.lake)
    lake, spill = account.container(LAKE), account.container(SPILL)
    processor: Any = Judging(EventProcessor.from_settings(settings, 1_000_000))
    imports = csv_files.CsvImports(settings, lambda _, place: account.container(place), spill, lake, processor, now)
    runner = JobRunner(JobStates(lake), {CsvImport.kind: imports}, now, new_id)
    site = parse_site(document.encode(), expected="shop")
    if runner.state(site, site.jobs[0]).last is not None:
        runner.ask(site, site.jobs[0])
    ended = runner.run(site, site.jobs[0], now() + timedelta(hours=2))
    assert ended is not None and ended.outcome == "succeeded", ended
    return ended.counts


def first(connection: str, rows: int) -> int:
    """The first file, whose rows are not judged."""
    return imported(connection, DIFFED.format(rows=rows), judges=False)["rows"]


def ours(connection: str, rows: int) -> int:
    """The product's import of the second file."""
    counts = imported(connection, DIFFED.format(rows=rows))
    return counts["rows"] - counts["unchanged"]


def judged(connection: str, rows: int) -> int:
    """The product's import of a file without `diff`."""
    return imported(connection, JUDGED_ALL.format(rows=rows))["rows"]


def impersonal(connection: str, rows: int) -> int:
    """The product's import of a file, without the columns that have something to redact."""
    document = JUDGED_ALL.format(rows=rows).replace("name: judged", "name: impersonal")
    return imported(connection, f"{document}  fields: [{IMPERSONAL}]\n")["rows"]


def naive(connection: str, rows: int) -> int:
    """Both files in memory, and one merge of all columns."""
    pd = import_pandas()
    files = []
    with BlobServiceClient.from_connection_string(connection) as client:
        for day in (1, 2):
            with tempfile.TemporaryFile() as file:
                client.get_blob_client(FILES, f"{rows}/customers-2026030{day}.csv").download_blob().readinto(file)
                file.seek(0)
                files.append(pd.read_csv(file, dtype=str))
    both = files[1].merge(files[0], how="left", indicator=True)
    return int((both["_merge"] == "left_only").sum())


WAYS: Mapping[str, Callable[[str, int], int]] = {
    "first": first,
    "ours": ours,
    "naive": naive,
    "judged": judged,
    "impersonal": impersonal,
}


def measured(way: str, connection: str, rows: int) -> dict[str, float]:
    """Rows that were imported, processor seconds and peak memory of one way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.importing", "--way", way, "--rows", str(rows)]
    environment = {**os.environ, "BENCHMARK_STORAGE": connection}
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def run_way(way: str, rows: int) -> None:
    """Run one way in this process and print its figures."""
    reset_peak()
    begun = time.process_time()
    count = WAYS[way](os.environ["BENCHMARK_STORAGE"], rows)
    cpu = time.process_time() - begun
    figures = {"rows": count, "cpu": cpu, "judging": Judging.seconds, "peak_mb": peak_mb()}
    print(json.dumps(figures), flush=True)
    os._exit(0)  # as commands do


def compare(rows: int, naive_up_to: int) -> None:
    """Print the table for files of a tenth of the rows, and of all."""
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder) / "data", free_port(), free_port()) as azurite:
        connection = azurite.connection_string
        with BlobServiceClient.from_connection_string(connection) as client:
            for name in (FILES, LAKE, SPILL):
                client.create_container(name)
        print(f"{'rows':>10} {'way':<10} {'imported':>9} {'CPU s':>8} {'us a row':>9} {'ratio':>6} {'peak MB':>8}")
        for count, ways in (
            (JUDGED, ["judged", "impersonal"]),
            (rows // 10, ["first", "ours"]),
            (rows, ["first", "ours"]),
        ):
            upload(connection, count, 1)
            if "ours" in ways and count <= naive_up_to:
                ways.insert(1, "naive")
            figures: dict[str, dict[str, float]] = {}
            for way in ways:
                figures[way] = figure = measured(way, connection, count)
                if way == "first":
                    upload(connection, count, 2)
                base = figure["judging"] if way in ("judged", "impersonal") else figures.get("naive", {}).get("cpu")
                ratio = f"{figure['cpu'] / base:.2f}" if base and way != "first" else ""
                print(
                    f"{count:>10} {way:<10} {figure['rows']:>9.0f} {figure['cpu']:>8.2f}"
                    f" {figure['cpu'] * 1e6 / count:>9.2f} {ratio:>6} {figure['peak_mb']:>8.0f}",
                    flush=True,
                )
            if "naive" in figures:
                assert figures["naive"]["rows"] == figures["ours"]["rows"], figures


def main() -> None:
    """Compare the ways, or run one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--naive-up-to", type=int, default=1_000_000, help="rows that pandas has memory for")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way is not None:
        run_way(arguments.way, arguments.rows)
    compare(arguments.rows, arguments.naive_up_to)


if __name__ == "__main__":
    main()
