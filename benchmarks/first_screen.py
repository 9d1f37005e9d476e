"""Benchmark the dashboard's first screen: our engine beside ClickHouse in Plausible's schema, over the same events.

The engine answers the dashboard's 15 questions one by one, and together as `POST /api/questions` does. Its cache of
answers is off, and its files are on the disk. ClickHouse runs embedded (chDB), with the sessions computed when the
events are loaded, by our definition of a visit, and with exact counts. Both run in turns, in processes of their own.
Numbers that both define alike must be equal.

chDB takes 900 MB, so `make install` leaves it out. `pip install -r benchmarks/requirements-clickhouse.txt` installs it
into any environment, whose interpreter `--clickhouse-python` names. Without it, only the engine is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from benchmarks.querying import WHOLE, Bench, Process
from benchmarks.querying_data import NOW, SITE, days
from clickstream.querying.visits import relations
from local.azurite import Azurite
from local.processes import free_port

CLICKHOUSE = Path(__file__).with_name("first_screen_clickhouse.py")
ENGINE, TOGETHER, PEER = "one by one", "together", "ClickHouse"


class Screen(Process):
    """A process that answers all questions; see first_screen_process.py and first_screen_clickhouse.py."""

    def __init__(self, command: Sequence[str], parameters: Mapping[str, Any]) -> None:
        self._child = subprocess.Popen(
            [*command, json.dumps(parameters)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )


def has_chdb(python: str) -> bool:
    """Whether the interpreter has chDB."""
    return subprocess.run([python, "-c", "import chdb"], capture_output=True).returncode == 0


def write_visits(files: Path, target: Path) -> None:
    """Write the visit of each event, by docs/visits.md, as Parquet: `visited_event` and `visit`."""
    first, last = days()[0], days()[-1] + timedelta(days=1)
    parameters = {"site": SITE, "from": f"{first}T00:00:00Z", "to": f"{last}T00:00:00Z"}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW events AS FROM read_parquet('{files}/events/*/*.parquet')")
        sql = f"WITH {relations(of_visits=True)} SELECT event_id AS visited_event, visit FROM visited"
        connection.execute(f"COPY ({sql} WHERE visit IS NOT NULL) TO '{target}' (FORMAT parquet)", parameters)


def compare(ours: Screen, peer: Screen | None, rounds: int) -> None:
    """Print CPU and wall seconds of each way, the median of the rounds, and their ratios."""
    ways: dict[str, tuple[Screen, Mapping[str, Any]]] = {
        ENGINE: (ours, {"together": False}),
        TOGETHER: (ours, {"together": True}),
    }
    if peer is not None:
        ways[PEER] = (peer, {})
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, (process, job) in ways.items():
            result = process.run(job)
            if number:  # the first round copies files and loads code
                runs[name].append(result)
    base = PEER if peer is not None else ENGINE
    spent = {
        name: {kind: median(run[kind] for run in results) for kind in ("cpu", "wall")} for name, results in runs.items()
    }
    for name, times in spent.items():
        ratios = "  ".join(f"{times[kind] / spent[base][kind]:6.2f}" for kind in ("cpu", "wall"))
        print(
            f"  {name:<12} {times['cpu']:8.2f} s CPU {times['wall']:8.2f} s   as a ratio to {base}: {ratios}",
            flush=True,
        )
    alone, peers = runs[ENGINE][-1]["seconds"], runs[PEER][-1]["seconds"] if peer is not None else {}
    for question, seconds in alone.items():
        theirs = peers.get(question)
        ratio = f"{theirs:8.3f} {seconds / theirs:8.1f}" if theirs else ""
        print(f"    {question:<12} {seconds:8.3f} {ratio}")
    check(runs)


def check(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Raise AssertionError unless all ways give the same numbers."""
    ours = runs[ENGINE][-1]["numbers"]
    for name, results in runs.items():
        for question, numbers in results[-1]["numbers"].items():
            assert ours[question] == numbers, f"{name}, {question}: {numbers} instead of {ours[question]}"
    print(f"  equal: {', '.join(runs[PEER][-1]['numbers'] if PEER in runs else ours)}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_screen", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--memory-mb", type=int, default=512, help="QUERY_MEMORY_MB")
    parser.add_argument("--clickhouse-python", default=sys.executable, help="an interpreter that has chDB")
    parser.add_argument("--folder", type=Path, default=Path.home() / ".cache" / "clickstream-benchmarks")
    chosen = parser.parse_args(arguments)
    folder = chosen.folder / f"events-{chosen.events}"
    with Azurite(folder / "azurite", free_port(), free_port()) as azurite, tempfile.TemporaryDirectory() as copies:
        bench = Bench(azurite, folder, chosen.events, chosen.memory_mb)
        bench.prepare()
        with_peer = has_chdb(chosen.clickhouse_python)
        print(f"15 questions over 28 days of {chosen.events} events of 40 days, until {NOW:%Y-%m-%d}")
        if not with_peer:
            print("without ClickHouse: chDB is not installed")
        visits = folder / "visits.parquet"
        if with_peer and not visits.exists():
            write_visits(bench.parquet, visits)
        for threads in chosen.threads:
            common = {"threads": threads, "memory_mb": chosen.memory_mb}
            parameters = {"connection": azurite.connection_string, "container": WHOLE, "copies": copies, **common}
            print(f"{threads} threads")
            with Screen([sys.executable, "-m", "benchmarks.first_screen_process"], parameters) as ours:
                if not with_peer:
                    compare(ours, None, chosen.rounds)
                    continue
                with (
                    tempfile.TemporaryDirectory() as data,
                    Screen(
                        [chosen.clickhouse_python, str(CLICKHOUSE)],
                        {"files": str(bench.parquet), "visits": str(visits), "data": data, **common},
                    ) as peer,
                ):
                    compare(ours, peer, chosen.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
