"""A process that answers reports, or runs their statements with DuckDB alone: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.querying_data import NOW, SITE
from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.storage import StorageAccount
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.settings import Settings
from clickstream.sites.document import Site
from clickstream.terminal import leave
from functions.query import scope_of

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
DOCUMENT = Site.model_validate(
    {
        "site": SITE,
        "time_zone": "UTC",
        "keys": [{"kind": "public", "key": "shop"}],
        "goals": [{"name": "purchase", "event": "purchase"}, {"name": "sign_up", "event": "sign_up"}],
        "funnels": [{"name": "till", "steps": [{"page": page} for page in ("/", "/cart", "/checkout", "/thanks")]}],
    }
)


def engine(told: Mapping[str, Any]) -> Answer:
    """Reports of one lake, by one engine that keeps no answers.

    A question with `copies` is for another one that begins with this empty folder and keeps answers: `again` is how
    long the same took when it was asked once more.
    """

    def reports(copies: str, answers_mb: int) -> Reports:
        settings = Settings.from_env(
            {
                "EventHubConnection": "none",
                "Lake": told["connection"],
                "VISITOR_ID_KEY": "0123456789abcdef",
                "LAKE_CONTAINER": told["container"],
                "QUERY_TIMEOUT_SECONDS": "600",
                "QUERY_MEMORY_MB": str(told["memory_mb"]),
                "QUERY_FILES_MB": "4096",
                "QUERY_FILES_FOLDER": copies,
                "QUERY_ANSWERS_MB": str(answers_mb),
            }
        )
        account = StorageAccount.from_connection(settings.lake)
        return Reports(QueryEngine(account, settings, lambda: NOW), lambda: NOW)

    usual = reports(told["copies"], 0)

    def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = reports(question["copies"], 256) if "copies" in question else usual
        request = parse_report(question["name"], question["parameters"])

        def timed() -> tuple[float, bytes]:
            started = time.perf_counter()
            body = asked.answer(request, DOCUMENT, scope_of(DOCUMENT), Format.JSON).body
            return time.perf_counter() - started, body

        try:
            seconds, body = timed()
            again = timed()[0] if "copies" in question else None
        except (InvalidRequest, LimitExceeded, Unavailable) as error:
            return {"failed": error.message}
        document = json.loads(body)
        meta = document["meta"]
        return {
            "seconds": seconds,
            "again": again,
            "rows": len(document["rows"]),
            "sql": meta.get("sql"),
            "parameters": meta.get("parameters"),
        }

    return answer


def plain(told: Mapping[str, Any]) -> Answer:
    """DuckDB over local files with its own settings but for the memory."""
    spilled = str(Path(tempfile.gettempdir()) / f"clickstream-benchmark-{os.getpid()}")
    connection = duckdb.connect(config={"memory_limit": f"{told['memory_mb']}MB", "temp_directory": spilled})
    connection.execute("SET TimeZone = 'UTC'")
    files = str(Path(told["files"]) / "events" / "*" / "*.parquet")
    connection.execute(
        f"CREATE VIEW events AS SELECT * FROM read_parquet('{files}', hive_partitioning = true, "
        "hive_types = {'event_date': DATE})"
    )

    def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        started = time.perf_counter()
        connection.sql(question["sql"], params=question["parameters"]).to_arrow_table()
        return {"seconds": time.perf_counter() - started}

    return answer


if __name__ == "__main__":
    answers = {"engine": engine, "plain": plain}[sys.argv[1]](json.loads(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(answers(json.loads(line))), flush=True)
    leave(0)
