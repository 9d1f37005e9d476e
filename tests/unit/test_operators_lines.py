"""What an operator sees: which lines the host hands on, and that a refused event leaves one."""

from __future__ import annotations

import contextvars
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from clickstream.collecting.request import Request
from clickstream.compacting.report import Report as CompactionReport
from clickstream.errors import InvalidRequest, Unavailable
from clickstream.lines import COMPACTED, MAINTAINED, Line
from clickstream.maintaining.maintainer import Report as MaintenanceReport
from clickstream.tally import Tally
from functions import _collecting
from functions._threads import as_run_of
from local.functions_host.invoking import Context, invocation_id, thread_storage
from tests.functional.border import NOW

ROOT = Path(__file__).parents[2]
LEVELS = ("Trace", "Debug", "Information", "Warning", "Error", "Critical", "None")


def handed_on(category: str, level: str) -> bool:
    """Whether the host takes a line: the rule of the longest category that begins it decides, as in .NET."""
    rules = json.loads((ROOT / "host.json").read_text())["logging"]["logLevel"]
    rule = max((name for name in rules if category.startswith(name)), key=len, default="default")
    return LEVELS.index(level) >= LEVELS.index(rules[rule])


@pytest.mark.parametrize("function", ["compact", "maintain", "destroy_salts", "erase", "replay", "run_jobs"])
def test_the_operator_sees_what_runs_and_jobs_say(function: str) -> None:
    assert handed_on(f"Function.{function}.User", "Information")


@pytest.mark.parametrize("function", ["events", "query", "snowplow_post", "compact"])
def test_the_operator_sees_warnings_of_every_function(function: str) -> None:
    assert handed_on(f"Function.{function}.User", "Warning")


@pytest.mark.parametrize("category", ["Function.events.User", "Function.events", "Host.Results", "Host.Aggregator"])
def test_no_line_is_paid_for_with_every_request(category: str) -> None:
    assert not handed_on(category, "Information")


@pytest.mark.parametrize("sdk", ["azure.eventhub._pyamqp.aio._connection_async", "azure.identity.aio", "azure.core.x"])
def test_connections_and_tokens_are_no_news(sdk: str) -> None:
    code = f"import logging, function_app; print(logging.getLogger({sdk!r}).getEffectiveLevel())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(ran.stdout) == logging.WARNING


def test_a_refused_event_is_told_and_a_wrong_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    request = Request(headers={}, parameters={}, body=b"", received_at=NOW, method="POST", route={})
    refuse = partial(_collecting.refusal, request, tally=Tally(lambda: 0.0))
    with caplog.at_level(logging.WARNING):
        refuse(InvalidRequest("is no JSON"))
        refuse(Unavailable("neither the hub nor the spill takes events"))
        refuse(Unavailable("neither the hub nor the spill takes events"))
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("refused: ")
    assert json.loads(told.removeprefix("refused: ")) == {
        "schema": 1,
        "requests": 1,
        "status": 503,
        "code": "unavailable",
        "message": "neither the hub nor the spill takes events",
    }


@pytest.mark.parametrize(
    ("line", "report", "left_out"),
    [(COMPACTED, CompactionReport(), {"errors"}), (MAINTAINED, MaintenanceReport(), set())],
    ids=["compacted", "maintained"],
)
def test_a_run_tells_all_that_its_report_holds(line: Line, report: Any, left_out: set[str]) -> None:
    values = asdict(report)
    assert set(line.fields) == set(values) - left_out
    assert set(json.loads(line.text(values).removeprefix(line.beginning))) == {"schema", *line.fields}


def test_lines_of_a_threads_work_are_its_runs_by_either_way_the_worker_looks() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("invocation")
    seen = []

    def work() -> str:
        seen.append((thread_storage.invocation_id, variable.get("none")))
        return "done"

    with ThreadPoolExecutor(1) as pool:
        for number in ("first", "second"):
            variable.set(number)
            invocation_id.set(number)
            assert pool.submit(as_run_of(Context("compact", "."), work)).result() == "done"
    assert seen == [("first", "first"), ("second", "second")]
