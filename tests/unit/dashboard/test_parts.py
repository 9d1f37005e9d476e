"""The parts of the dashboard that need no page, and what they share with the API."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.querying.formats import as_csv
from clickstream.querying.metrics import METRICS
from clickstream.querying.reports.registry import REPORTS
from clickstream.sites.jobs import KINDS

DASHBOARD = Path(__file__).parents[3] / "dashboard"


def test_its_own_unit_tests_pass() -> None:
    done = subprocess.run(["node", "tests/run.mjs"], cwd=DASHBOARD, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_of_the_api_follow_the_same_cases_as_those_of_the_dashboard() -> None:
    cells = json.loads((DASHBOARD / "tests" / "csv_cells.json").read_text())
    assert len(cells) > 20
    for value, cell in cells:
        assert as_csv(["value", "count"], [[value, 1]]).decode() == f"value,count\r\n{cell},1\r\n", repr(value)


def test_it_names_every_dimension_that_filters_take_and_no_other() -> None:
    texts = source("languages/en.ts").partition("  dimensions: {")[2].partition("}")[0]
    labels = set(re.findall(r'^ +"([\w:]+)": "', texts, re.MULTILINE))
    assert labels == {name for name in DIMENSIONS if not name.startswith("time:")}


def test_it_names_no_metric_that_the_api_does_not_have() -> None:
    names = set(re.findall(r'\bmetric\(\s*"(\w+)"', source("metrics.ts")))
    assert len(names) > 15
    assert names <= set(METRICS)


def source(name: str) -> str:
    return (DASHBOARD / "src" / name).read_text()


def test_it_has_words_for_every_column_that_its_pages_show() -> None:
    texts = source("languages/en.ts").partition("  reports: {")[2].partition("    columns: {")[2].partition("}")[0]
    known = set(re.findall(r"^ +(\w+): ", texts, re.MULTILINE))
    pages = ("visits", "failed_events", "event_definitions", "reconciliation", "funnel_visits")
    shown = {column.name for page in pages for column in REPORTS[page].columns}
    assert shown - known == {"event_ids"}, "which is a button"


def test_it_has_words_for_every_kind_of_job_in_each_language() -> None:
    kinds = {kind.kind for kind in KINDS.values()}
    for language in ("en", "de"):
        jobs = source(f"languages/{language}.ts").partition("  jobs: {\n")[2]
        known = set(re.findall(r'"?([\w-]+)"?: "', jobs.partition("kinds: {")[2].partition("}")[0]))
        assert {kind for kind in kinds if not {kind, kind.partition("-")[0]} & known} == set(), language
        assert {"import-csv", "import-sql"} <= known
