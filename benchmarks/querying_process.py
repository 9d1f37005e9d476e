"""A process that answers reports, or runs their SQL with plain DuckDB. It reads and writes one line of JSON per job."""

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
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import parse_report
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site
from clickstream.storage.account import StorageAccount
from clickstream.terminal import leave

Runner = Callable[[Mapping[str, Any]], Mapping[str, Any]]
DOCUMENT = Site.model_validate(
    {
        "site": SITE,
        "time_zone": "UTC",
        "keys": [{"kind": "public", "key": "shop"}],
        "goals": [{"name": "purchase", "event": "purchase"}, {"name": "sign_up", "event": "sign_up"}],
        "audiences": [
            {
                "name": "Cart abandoners",
                "slug": "cart-abandoners",
                "where": {
                    "all": [
                        {"did": {"event": "add_to_cart"}, "within": "7d"},
                        {"did_not": {"goal": "purchase"}, "within": "7d"},
                    ]
                },
            },
            {
                "name": "Regulars",
                "slug": "regulars",
                "where": {
                    "all": [
                        {"did": {"goal": "purchase"}, "times": {"at_least": 3, "at_most": 20}, "within": "90d"},
                        {"sum": {"goal": "purchase", "property": "revenue"}, "at_least": 500, "within": "365d"},
                    ]
                },
            },
            {
                "name": "Going quiet",
                "slug": "going-quiet",
                "of": "everyone",
                "where": {
                    "all": [
                        {"did": {}, "times": {"at_least": 10}, "within": "90d"},
                        {"did_not": {}, "within": "30d"},
                        {"not": {"in": "cart-abandoners"}},
                    ]
                },
            },
        ],
        "funnels": [{"name": "till", "steps": [{"page": page} for page in ("/", "/cart", "/checkout", "/thanks")]}],
    }
)


def engine(parameters: Mapping[str, Any]) -> Runner:
    """Run reports of one lake with an engine without a cache of answers.

    A job with `copies` runs on another engine, which starts with this empty folder and has a cache of answers. The
    result's `again` is the seconds of a second run there.
    """

    def reports(copies: str, answers_mb: int) -> Reports:
        settings = Settings.from_env(
            {
                "EventHubConnection": "none",
                "Lake": parameters["connection"],
                "VISITOR_ID_KEY": "0123456789abcdef",
                "LAKE_CONTAINER": parameters["container"],
                "QUERY_TIMEOUT_SECONDS": "600",
                "QUERY_MEMORY_MB": str(parameters["memory_mb"]),
                "QUERY_FILES_MB": "4096",
                "QUERY_FILES_FOLDER": copies,
                "QUERY_ANSWERS_MB": str(answers_mb),
            }
        )
        account = StorageAccount.from_connection(settings.lake)
        return Reports(QueryEngine(account, settings, lambda: NOW), lambda: NOW)

    usual = reports(parameters["copies"], 0)

    def run(job: Mapping[str, Any]) -> Mapping[str, Any]:
        engine_of_job = reports(job["copies"], 256) if "copies" in job else usual
        request = parse_report(job["name"], job["parameters"])

        def timed() -> tuple[float, bytes]:
            started = time.perf_counter()
            body = engine_of_job.answer(request, scope_of(Access(DOCUMENT, KeyKind.READ)), Format.JSON).body
            return time.perf_counter() - started, body

        try:
            seconds, body = timed()
            again = timed()[0] if "copies" in job else None
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

    return run


def plain(parameters: Mapping[str, Any]) -> Runner:
    """Run SQL with DuckDB over local files, with its default settings except the memory limit."""
    spilled = str(Path(tempfile.gettempdir()) / f"clickstream-benchmark-{os.getpid()}")
    connection = duckdb.connect(config={"memory_limit": f"{parameters['memory_mb']}MB", "temp_directory": spilled})
    connection.execute("SET TimeZone = 'UTC'")
    files = str(Path(parameters["files"]) / "events" / "*" / "*.parquet")
    connection.execute(
        f"CREATE VIEW events AS SELECT * FROM read_parquet('{files}', hive_partitioning = true, "
        "hive_types = {'event_date': DATE})"
    )

    def run(job: Mapping[str, Any]) -> Mapping[str, Any]:
        started = time.perf_counter()
        connection.sql(job["sql"], params=job["parameters"]).to_arrow_table()
        return {"seconds": time.perf_counter() - started}

    return run


if __name__ == "__main__":
    runner = {"engine": engine, "plain": plain}[sys.argv[1]](json.loads(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(runner(json.loads(line))), flush=True)
    leave(0)
