"""`python -m distributed compact | report`: on the engine at SPARK_REMOTE, with the functions' settings."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clickstream.errors import ClickstreamError, InvalidRequest
from clickstream.querying.request import parse_query
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.terminal import leave
from distributed.backlog import Backlog
from distributed.reports import answer

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextlib.contextmanager
def engine() -> Iterator[SparkSession]:
    """A session on the engine at SPARK_REMOTE. Raise InvalidRequest if it is not set."""
    from pyspark.sql import SparkSession

    remote = os.environ.get("SPARK_REMOTE")
    if not remote:
        raise InvalidRequest("SPARK_REMOTE must be the address of a Spark Connect server, such as sc://localhost:50051")
    session = SparkSession.builder.remote(remote).getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def compact(settings: Settings, arguments: argparse.Namespace) -> None:
    """Compact all waiting captured files, and print the counts."""
    account = StorageAccount.from_connection(settings.lake)
    backlog = Backlog(account, settings, lambda: datetime.now(UTC), lambda line: print(line, file=sys.stderr))
    with engine() as spark:
        report = backlog.run(spark, arguments.commit_gb * 1_000_000_000, arguments.task_mb * 1_000_000)
    for name, value in asdict(report).items():
        print(f"{name:<20} {value}")


def report(settings: Settings, arguments: argparse.Namespace) -> None:
    """Print the answer to one query."""
    request = parse_query(arguments.query.encode())
    with engine() as spark:
        document = answer(spark, settings.lake_container, request, arguments.time_zone, datetime.now(UTC))
    print(json.dumps(document, indent=None if arguments.compact else 2))


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m distributed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compacting = commands.add_parser("compact", help="compact a backlog of captured files into the tables")
    compacting.add_argument("--commit-gb", type=int, default=100, help="captured gigabytes per commit, approximately")
    compacting.add_argument("--task-mb", type=int, default=128, help="captured megabytes per task, approximately")
    reporting = commands.add_parser("report", help="answer a query in the form of POST /api/query")
    reporting.add_argument("query")
    reporting.add_argument("--time-zone", default="UTC", help="the site's time zone")
    reporting.add_argument("--compact", action="store_true", help="print the answer on one line")
    arguments = parser.parse_args()
    try:
        {"compact": compact, "report": report}[arguments.command](Settings.from_env(os.environ), arguments)
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
