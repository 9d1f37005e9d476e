"""A process that answers the first screen of the dashboard with the engine.

It reads and writes one line of JSON per job.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.querying_data import NOW, SITE
from benchmarks.querying_process import DOCUMENT
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import scope_of
from clickstream.querying.reports.questions import answer_questions, parse_questions
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.storage.account import StorageAccount
from clickstream.terminal import leave

HEADLINE = ["visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"]
RANGE = "28d"
BEFORE = ["2026-01-14", "2026-02-10"]


def _query(**body: Any) -> dict[str, Any]:
    return {"query": {"date_range": RANGE, **body}}


def _panel(dimension: str, *metrics: str) -> dict[str, Any]:
    return _query(metrics=metrics, dimensions=[dimension], pagination={"limit": 9})


def _report(name: str, **parameters: str) -> dict[str, Any]:
    return {"report": name, "parameters": {"date_range": RANGE, "sql": "1", **parameters}}


# As the dashboard asks them when it opens: see dashboard/src.
QUESTIONS: Mapping[str, dict[str, Any]] = {
    "now": {"query": {"date_range": "realtime", "metrics": ["visitors"]}},
    "totals": _query(metrics=HEADLINE, include={"comparisons": {"mode": "previous_period", "match_day_of_week": True}}),
    "series": _query(metrics=HEADLINE, dimensions=["time:day"], include={"time_labels": True}),
    "earlier": _query(metrics=HEADLINE, dimensions=["time:day"], include={"time_labels": True}, date_range=BEFORE),
    "channels": _panel("visit:channel", "visitors", "percentage"),
    "pages": _panel("event:page", "visitors", "pageviews"),
    "countries": _panel("visit:country", "visitors", "percentage"),
    "devices": _panel("visit:device", "visitors", "percentage"),
    "events": _panel("event:name", "visitors", "events"),
    "goals": _panel("event:goal", "visitors", "events", "conversion_rate"),
    "funnel": _report("funnel", funnel="till"),
    "paths": _report("paths", direction="forward", length="4", branches="5", fold_repeats="1"),
    "attribution": _report("attribution", goal="sign_up", model="last", by="visit:channel"),
    "retention": _report("retention", unit="week"),
    "frequency": _report("frequency"),
}


def main(parameters: Mapping[str, Any]) -> None:
    settings = Settings.from_env(
        {
            "EventHubConnection": "none",
            "Lake": parameters["connection"],
            "VISITOR_ID_KEY": "0123456789abcdef",
            "LAKE_CONTAINER": parameters["container"],
            "QUERY_TIMEOUT_SECONDS": "600",
            "QUERY_MEMORY_MB": str(parameters["memory_mb"]),
            "QUERY_FILES_MB": "4096",
            "QUERY_FILES_FOLDER": parameters["copies"],
            "QUERY_ANSWERS_MB": "0",
        }
    )
    # DuckDB takes as many threads as there are processors that the process may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: parameters["threads"]])
    engine = QueryEngine(StorageAccount.from_connection(settings.lake), settings, lambda: NOW)
    scope = scope_of(Access(DOCUMENT, KeyKind.READ))

    def ask(names: list[str]) -> dict[str, Any]:
        body = {"site_id": SITE, "questions": [QUESTIONS[name] for name in names]}
        answers = answer_questions(engine, lambda: NOW, parse_questions(json.dumps(body).encode()), scope)
        return {name: json.loads(answer.result().body) for name, answer in zip(names, answers, strict=True)}

    for line in sys.stdin:
        groups = [list(QUESTIONS)] if json.loads(line)["together"] else [[name] for name in QUESTIONS]
        documents: dict[str, Any] = {}
        seconds: dict[str, float] = {}
        cpu, wall = time.process_time(), time.perf_counter()
        for names in groups:
            began = time.process_time()
            documents |= ask(names)
            seconds[" ".join(names)] = time.process_time() - began
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        numbers = {name: numbers_of(document) for name, document in documents.items()}
        print(json.dumps({"cpu": cpu, "wall": wall, "seconds": seconds, "numbers": numbers}), flush=True)


def numbers_of(document: Mapping[str, Any]) -> list[Any]:
    """The rows of an answer, with numbers to nine digits."""
    rows = document.get("rows") or [[*row["dimensions"], *row["metrics"]] for row in document["results"]]
    return [[float(f"{cell:.9g}") if isinstance(cell, float) else cell for cell in row] for row in rows]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    leave(0)
