"""Benchmark every canned report over a large table, as a ratio to DuckDB over the same local files.

Cold: no file is on the disk, no handle is open. Warm: the files are on the disk, the cache of answers is off. Again: a
repeated report, with the cache of answers. The engine and plain DuckDB run in separate processes, in turns. A second
table compares a range of two days, which are read with the two days before, in tables of four and of forty days.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from statistics import median
from typing import IO, Any, Self

from azure.storage.blob import BlobServiceClient

from benchmarks.querying_data import DAYS, NOW, SITE, build, days, download
from clickstream.querying.reports.registry import REPORTS
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from local.azurite import Azurite
from local.processes import free_port

WHOLE, RECENT = "whole", "recent"
RECENT_DAYS = DAYS // 10
# The mandatory parameters of reports.
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "attribution": {"goal": "purchase"},
    "audience_members": {"audience": "cart-abandoners"},
    "audience_why": {"audience": "cart-abandoners", "person": "p7"},
    "funnel": {"funnel": "till"},
    "funnel_visits": {"funnel": "till", "step": "4"},
    "paths": {"page": "/"},
    "visits": {"limit": "100"},
}
LEFT_OUT = ("visit_events", "failed_events", "failed_event_samples", "reconciliation")
GROWTH = ("overview", "pages", "sources", "funnel", "paths")


class Process:
    """A child process that answers each line with one line; see querying_process.py."""

    def __init__(self, role: str, parameters: Mapping[str, Any]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.querying_process", role, json.dumps(parameters)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Send a job, and wait for its result."""
        lines, answers = self._pipes()
        lines.write(json.dumps(job) + "\n")
        lines.flush()
        answer: dict[str, Any] = json.loads(answers.readline())
        return answer

    @property
    def peak_mb(self) -> float:
        """Peak memory of the process in MB."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipes()[0].close()
        self._child.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._child.stdin is not None and self._child.stdout is not None, "both are pipes"
        return self._child.stdin, self._child.stdout


class Bench:
    """Data in an Azurite with a persistent folder, and the parameters of the child processes."""

    def __init__(self, azurite: Azurite, folder: Path, events: int, memory_mb: int) -> None:
        self._azurite = azurite
        self._folder = folder
        self._events = events
        self._memory_mb = memory_mb
        self.parquet = folder / "parquet"

    def prepare(self) -> None:
        """Create, once, a table of all days, one of the last days, and local Parquet files of the first table."""
        done = self._folder / "complete"
        if done.exists():
            return
        print(f"creating {self._events} events in {self._folder} (once)", flush=True)
        with BlobServiceClient.from_connection_string(self._azurite.connection_string) as client:
            for container in (WHOLE, RECENT):
                client.create_container(container)
        account = StorageAccount.from_connection(Connection("Lake", self._azurite.connection_string))
        build(account, {WHOLE: days(), RECENT: days()[-RECENT_DAYS:]}, self._events)
        download(account, WHOLE, self.parquet)
        done.touch()

    def engine(self, container: str, copies: str) -> Process:
        """The product's engine over one of the tables, with its local files in the folder `copies`."""
        parameters = {"connection": self._azurite.connection_string, "container": container, "copies": copies}
        return Process("engine", {**parameters, "memory_mb": self._memory_mb})

    def plain(self) -> Process:
        """DuckDB over the local files, with the same memory limit."""
        return Process("plain", {"files": str(self.parquet), "memory_mb": self._memory_mb})


def compare(bench: Bench, rounds: int, *, cold_too: bool) -> None:
    """Print every report cold, warm, and as a ratio to plain DuckDB. The cold runs also measure `again`."""
    range_ = f"{days()[0]},{days()[-1]}"
    print(f"{'report':<20} {'cold s':>8} {'warm s':>8} {'plain s':>8} {'ratio':>6} {'again s':>8} {'rows':>6}")
    with (
        tempfile.TemporaryDirectory() as shared,
        bench.engine(WHOLE, shared) as fresh,
        bench.engine(WHOLE, shared) as warm,
        bench.plain() as plain,
    ):
        ratios = []
        if not cold_too:
            warm.run(job("pages", range_))
        for name in REPORTS:
            if name in LEFT_OUT:
                continue
            report = job(name, range_)
            with tempfile.TemporaryDirectory() as copies:
                first = fresh.run({**report, "copies": copies}) if cold_too else warm.run(report)
            if "failed" in first:
                print(f"{name:<20} {first['failed']}")
                continue
            statement = {key: first[key] for key in ("sql", "parameters")}
            if cold_too:
                warm.run(report)
                plain.run(statement)
            cold, again = (first["seconds"], first["again"]) if cold_too else (nan, nan)
            # A warm first run counts too.
            ours: list[float] = [] if cold_too else [first["seconds"]]
            theirs: list[float] = []
            while len(theirs) < rounds:
                if len(ours) == len(theirs):
                    ours.append(warm.run(report)["seconds"])
                theirs.append(plain.run(statement)["seconds"])
            ratios.append(median(ours) / median(theirs))
            print(
                f"{name:<20} {cold:8.2f} {median(ours):8.2f} {median(theirs):8.2f} {ratios[-1]:6.2f} "
                f"{again:8.3f} {first['rows']:6}",
                flush=True,
            )
        print(f"warm / plain: median {median(ratios):.2f}, worst {max(ratios):.2f}")
        print(f"peak memory of the engine's process: {warm.peak_mb:.0f} MB")


def compare_history(bench: Bench, rounds: int) -> None:
    """Print the cost of the same four days in a table of forty as a ratio to a table of four."""
    range_ = f"{days()[-2]},{days()[-1]}"
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        bench.engine(RECENT, one) as recent,
        bench.engine(WHOLE, other) as whole,
    ):
        print(f"two days in a table of {DAYS} / in one of {RECENT_DAYS}, first and warm (overview looks back 30 days):")
        for process in (recent, whole):
            process.run(job("realtime", range_))
        for name in GROWTH:
            report = job(name, range_)
            first = whole.run(report)["seconds"] / recent.run(report)["seconds"]
            short, long = [], []
            for _ in range(rounds):
                short.append(recent.run(report)["seconds"])
                long.append(whole.run(report)["seconds"])
            print(f"  {name:<18} {first:6.2f} {median(long) / median(short):6.2f}", flush=True)


def job(name: str, range_: str) -> dict[str, Any]:
    """A report with its parameters, as a request has them."""
    parameters = {"site_id": SITE, "sql": "1", **PARAMETERS.get(name, {})}
    if "date_range" in REPORTS[name].takes:
        parameters["date_range"] = range_
    return {"name": name, "parameters": parameters}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.querying", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=1, help="warm runs of each report; the median is printed")
    parser.add_argument("--memory-mb", type=int, default=512, help="QUERY_MEMORY_MB")
    parser.add_argument("--no-cold", action="store_true", help="skip the cold runs, which take longest")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "clickstream-benchmarks")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder / f"events-{chosen.events}"
    with Azurite(folder / "azurite", free_port(), free_port()) as azurite:
        bench = Bench(azurite, folder, chosen.events, chosen.memory_mb)
        bench.prepare()
        size = sum(path.stat().st_size for path in bench.parquet.rglob("*.parquet"))
        print(f"reports over {chosen.events} events, {size / 1e6:.0f} MB, until {NOW:%Y-%m-%d}")
        compare(bench, chosen.rounds, cold_too=not chosen.no_cold)
        compare_history(bench, chosen.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
