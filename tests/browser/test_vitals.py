"""The module of web vitals: one event for each load of a page, which begins no visit."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from local.stack import Stack
from tests.browser.visiting import Outcome, Row, Visit, Visitors, add_rows
from tests.e2e.journey import READ

pytestmark = pytest.mark.e2e
NAMES = ("left", "route", "anonymous", "once")


@pytest.fixture(scope="module")
def visits(visitors: Visitors, stack: Stack) -> Mapping[str, Outcome]:
    made = visitors.make(stack.base_url, [Visit(f"vitals.{name}") for name in NAMES])
    add_rows(stack, made)
    return {name.partition(".")[2]: outcome for name, outcome in made.items()}


def of_page(outcome: Outcome, path: str) -> Row:
    [row] = [row for row in outcome.of("web_vitals") if row["page_path"] == f"{outcome.prefix}{path}"]
    return row


def test_a_load_that_is_left_has_all_measurements(visits: Mapping[str, Outcome]) -> None:
    outcome = visits["left"]
    assert outcome.errors == []
    row = of_page(outcome, "/slow")
    measured = row["properties"]
    assert 0 <= measured["ttfb_ms"] <= measured["fcp_ms"] <= measured["lcp_ms"]
    assert measured["inp_ms"] >= 120 and 0 < measured["cls"] < 2
    assert row["interactive"] is False
    assert len(outcome.of("web_vitals")) == 2, "the next page is a load of its own"
    views = outcome.of("page_view")
    assert {row["session_id"] for row in outcome.rows} == {views[0]["session_id"]}


def test_a_load_is_of_the_route_on_which_it_was(visits: Mapping[str, Outcome]) -> None:
    outcome = visits["route"]
    assert of_page(outcome, "/app")["properties"].keys() >= {"ttfb_ms", "fcp_ms", "cls"}
    assert [row["page_path"].rpartition("/")[2] for row in outcome.of("page_view")] == ["app", "later"]


def test_the_last_chance_is_taken_where_nothing_is_kept(visits: Mapping[str, Outcome]) -> None:
    row = of_page(visits["anonymous"], "/once")
    assert row["consent"] == "anonymous" and row["properties"]["fcp_ms"] >= 0


def test_it_ends_no_bounce_and_the_report_leaves_out_bots(visits: Mapping[str, Outcome], client: httpx.Client) -> None:
    prefix = visits["once"].prefix
    assert of_page(visits["once"], "/only")["interactive"] is False
    page = {
        "site_id": "demo",
        "date_range": "all",
        "filters": [["is", "event:bot", ["true"]], ["contains", "event:page", [prefix]]],
    }
    [row] = client.post("/api/query", json={**page, "metrics": ["visits", "bounce_rate"]}, headers=READ).json()[
        "results"
    ]
    assert row["metrics"] == [1, 100.0]
    # A browser without a window is a bot, which the report leaves out.
    report = client.get("/api/reports/web_vitals?site_id=demo&date_range=all", headers=READ).json()
    assert report["meta"]["bots_left_out"] >= 4 and prefix not in str(report["rows"])


def test_the_module_is_served(client: httpx.Client) -> None:
    answer = client.get("/t.vitals.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*" and "max-age" in answer.headers["cache-control"]
