"""What it costs to evaluate all audiences of docs/audiences.md at once, beside the report of visits per person.

Both read all events of 40 days and form persons; the report `frequency` then counts the visits of each. The engine runs
in this process, with copies of the files on the disk and without kept answers, and both are asked in turns.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from azure.storage.blob import BlobServiceClient

from benchmarks.querying_data import NOW, SITE, build, days
from benchmarks.querying_process import DOCUMENT
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.settings import Connection, Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.storage.account import StorageAccount
from local.azurite import Azurite
from local.processes import free_port

LAKE = "lake"


def asking(connection: str, copies: str) -> Callable[..., dict[str, Any]]:
    """A function that runs a report, and returns its answer with `cpu`, the process's seconds."""
    settings = Settings.from_env(
        {
            "EventHubConnection": "none",
            "Lake": connection,
            "VISITOR_ID_KEY": "0123456789abcdef",
            "LAKE_CONTAINER": LAKE,
            "QUERY_TIMEOUT_SECONDS": "600",
            "QUERY_FILES_MB": "4096",
            "QUERY_SPILL_MB": "4096",
            "QUERY_FILES_FOLDER": copies,
            "QUERY_ANSWERS_MB": "0",
        }
    )
    reports = Reports(QueryEngine(StorageAccount.from_connection(settings.lake), settings, lambda: NOW), lambda: NOW)

    def ask(name: str, **parameters: str) -> dict[str, Any]:
        request = parse_report(name, {"site_id": SITE, **parameters})
        began = time.process_time()
        body = reports.answer(request, scope_of(Access(DOCUMENT, KeyKind.READ)), Format.JSON).body
        return {**json.loads(body), "cpu": time.process_time() - began}

    return ask


def measure(events: int, rounds: int) -> None:
    """Print the figures for a table of so many events."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Azurite(Path(folder) / "azurite", free_port(), free_port()) as azurite,
    ):
        with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
            client.create_container(LAKE)
        account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
        build(account, {LAKE: days()}, events)
        ask = asking(azurite.connection_string, folder)
        range_ = f"{days()[0]},{days()[-1]}"
        ask("frequency", date_range=range_, within="person")
        ours: list[dict[str, Any]] = []
        theirs: list[dict[str, Any]] = []
        for _ in range(rounds):
            ours.append(ask("audiences"))
            theirs.append(ask("frequency", date_range=range_, within="person"))
        members = {slug: people for slug, _, people, _ in ours[0]["rows"]}
        persons = sum(row[1] for row in theirs[0]["rows"])
        cpu, base = (median(answer["cpu"] for answer in answers) for answers in (ours, theirs))
        print(
            f"{events} events, {persons} persons: {cpu / events * 1e6:.2f} s of CPU per million events, "
            f"{cpu / base:.2f} of frequency; members: {members}",
            flush=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audiences", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    for events in chosen.events:
        measure(events, chosen.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
