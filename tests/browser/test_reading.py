"""Long readings: a page that is left late belongs to the visit in which it was opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from local.stack import Stack
from tests.browser.visiting import Outcome, Row, Visit, Visitors, add_rows
from tests.e2e.journey import READ

pytestmark = pytest.mark.e2e
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def visits(visitors: Visitors, stack: Stack) -> Mapping[str, Outcome]:
    made = visitors.make(stack.base_url, [Visit("reading.late"), Visit("reading.forgotten")])
    add_rows(stack, made)
    return {name.partition(".")[2]: outcome for name, outcome in made.items()}


def session(row: Row) -> tuple[Any, Any]:
    return row["session_id"], row["session_index"]


def read_ms(rows: list[Row]) -> int:
    return sum(row["properties"]["engagement_ms"] for row in rows)


def test_nothing_is_thrown_into_a_page(visits: Mapping[str, Outcome]) -> None:
    assert [error for outcome in visits.values() for error in outcome.errors] == []


def test_who_reads_for_45_minutes_is_in_one_visit_and_goes_on_in_it(visits: Mapping[str, Outcome]) -> None:
    rows = visits["late"].rows
    assert [row["event_name"] for row in visits["late"].told_rows()] == ["page_view", "page_view"]
    read = [row for row in visits["late"].of("page_ping") if row["page_path"].endswith("/read")]
    assert 45 * MINUTE_MS <= read_ms(read) < 46 * MINUTE_MS
    assert len({session(row) for row in rows}) == 1
    assert {row["session_index"] for row in rows} == {1}


def test_the_report_has_one_visit_with_45_minutes_of_reading(
    visits: Mapping[str, Outcome], client: httpx.Client
) -> None:
    asked = {
        "site_id": "demo",
        "metrics": ["visitors", "visits", "time_on_page", "returning_visitors"],
        "date_range": "all",
        # A browser without a window is a bot.
        "filters": [["contains", "event:page", [f"{visits['late'].prefix}/read"]], ["is", "event:bot", ["true"]]],
    }
    [row] = client.post("/api/query", json=asked, headers=READ).json()["results"]
    visitors, made, seconds, returning = row["metrics"]
    assert (visitors, made, returning) == (1, 1, 0)
    assert 45 * 60 <= seconds < 46 * 60


def test_what_happens_by_itself_on_a_page_left_open_begins_no_visit(visits: Mapping[str, Outcome]) -> None:
    visit = visits["forgotten"]
    opened, followed = visit.of("page_view")
    for row in [row for row in visit.rows if row["page_path"].endswith("/read")]:
        assert session(row) == session(opened), row["event_name"]
    assert len(visit.of("identify")) == len(visit.of("refreshed")) == 1
    assert followed["session_index"] == opened["session_index"] + 1
    assert followed["session_id"] != opened["session_id"]
