"""Questions about visits as a whole read one row for each visit, and no others do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.querying.period import resolve
from clickstream.querying.request import parse_query
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import compile_groups
from clickstream.querying.stays import COLUMNS, Times, stays, stays_of

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NUMBERS = ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"]


def sql(**asked: Any) -> str:
    request = parse_query(orjson.dumps({"site_id": "shop", "metrics": NUMBERS, "date_range": "day", **asked}))
    return compile_groups(request, resolve("day", ZoneInfo("UTC"), DAY), SiteScope("shop", "UTC")).sql


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"dimensions": ["time:day"]},
        {"dimensions": ["time:hour", "visit:channel"]},
        {"metrics": ["visitors", "percentage"], "dimensions": ["visit:country"]},
        {"filters": [["not", ["is", "visit:entry_page", ["/"]]], ["is_set", "visit:utm_source"]]},
    ],
    ids=str,
)
def test_a_question_about_visits_as_a_whole_reads_stays(asked: dict[str, Any]) -> None:
    assert stays_of(sql(**asked)) is not None


@pytest.mark.parametrize(
    "asked",
    [
        {"dimensions": ["event:page"]},
        {"dimensions": ["time:minute"]},
        {"dimensions": ["time:hour_of_day"]},
        {"dimensions": ["event:bot"]},
        {"filters": [["is", "event:page", ["/"]]]},
        {"filters": [["or", [["is", "visit:channel", ["Direct"]], ["is", "event:name", ["sign_up"]]]]]},
        {"filters": [["has_done", ["is", "visit:channel", ["Direct"]]]]},
        {"metrics": [*NUMBERS, "entries"]},
        {"metrics": [*NUMBERS, "new_visitors"]},
        {"metrics": [*NUMBERS, "time_on_page"]},
        {"metrics": [*NUMBERS, "people"]},
        {"metrics": [*NUMBERS, "total_revenue"]},
    ],
    ids=str,
)
def test_a_question_about_single_events_does_not(asked: dict[str, Any]) -> None:
    assert stays_of(sql(**asked)) is None


def test_the_relation_is_found_with_its_columns_and_times() -> None:
    times = (DIMENSIONS["time:day"].sql, DIMENSIONS["time:week"].sql)
    text = stays(COLUMNS, times)
    found = stays_of(f"WITH visited AS (...),\n{text},\nrest AS (\n    SELECT 1 AS one\n),\nmore AS (...)")
    assert found is not None
    assert found.text == f"{text},\n"
    assert found.columns == ("visit_key", *COLUMNS)
    assert found.times == times


@pytest.mark.parametrize(
    ("names", "zone", "are"),
    [
        ([], "Europe/Berlin", True),
        (["time:day", "time:week"], "UTC", True),
        (["time:day"], "Europe/Berlin", False),
        (["time:hour"], "UTC", False),
        (["time:day", "time:hour"], "UTC", False),
    ],
    ids=str,
)
def test_only_days_of_utc_contain_each_visit_of_a_file(names: list[str], zone: str, are: bool) -> None:
    assert Times(tuple(DIMENSIONS[name].sql for name in names), zone).are_days_of_utc is are
