"""What the script tells of pages, clicks and calls stands in the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from local.stack import Stack
from tests.browser.visiting import Outcome, Visit, Visitors, add_rows

pytestmark = pytest.mark.e2e
NAMES = ("pages", "calls", "clicks", "silence", "reading", "background", "fragments", "shop", "hurried")


@pytest.fixture(scope="module")
def visits(visitors: Visitors, stack: Stack) -> Mapping[str, Outcome]:
    made = visitors.make(stack.base_url, [Visit(f"basics.{name}") for name in NAMES])
    add_rows(stack, made)
    return {name.partition(".")[2]: outcome for name, outcome in made.items()}


def test_nothing_is_thrown_into_a_page(visits: Mapping[str, Outcome]) -> None:
    assert [error for outcome in visits.values() for error in outcome.errors] == []


def test_nothing_needs_a_preflight(visits: Mapping[str, Outcome]) -> None:
    for outcome in visits.values():
        assert {request.method for request in outcome.requests} == {"GET", "POST"}
        posted = [request for request in outcome.requests if request.method == "POST"]
        assert {request.headers["content-type"] for request in posted} == {"text/plain;charset=UTF-8"}


def paths(outcome: Outcome, rows: list[dict[str, Any]]) -> list[str]:
    return [row["page_url"].partition(outcome.prefix)[2] for row in rows]


def test_a_page_view_is_told_of_each_page_and_route_once(visits: Mapping[str, Outcome]) -> None:
    visit = visits["pages"]
    views = visit.of("page_view")
    first, second, *_ = views
    start = "/start?utm_source=mail&gclid=abc"
    assert paths(visit, views) == [start, "/bags", "/tents?size=2", start, "/missing?utm_term=%"]
    title = f"Page {visit.prefix}/start"
    assert (first["utm_source"], first["click_id"], first["page_title"]) == ("mail", "gclid=abc", title)
    assert (first["language"], first["time_zone"]) == ("en-GB", "Europe/Berlin")
    assert (first["screen_width"], first["screen_height"]) == (1920, 1080)
    assert (first["viewport_width"], first["viewport_height"]) == (1280, 720)
    assert (second["page_title"], second["referrer"]) == ("Bags", first["page_url"])
    assert visit.names().count("not_found") == 1
    assert paths(visit, visit.of("not_found")) == ["/missing?utm_term=%"]


def test_a_visit_has_one_visitor_one_session_and_numbers_without_a_gap(visits: Mapping[str, Outcome]) -> None:
    rows = visits["pages"].rows
    assert len({row["anonymous_id"] for row in rows}) == len({row["session_id"] for row in rows}) == 1
    assert {row["session_index"] for row in rows} == {1}
    assert sorted(row["context"]["sequence"] for row in rows) == list(range(1, len(rows) + 1))
    sources = [row["context"]["source"] for row in rows]
    assert all((source["utm_source"], source["gclid"]) == ("mail", "abc") for source in sources)


def test_what_a_page_calls_is_told_with_what_it_says(visits: Mapping[str, Outcome]) -> None:
    visit = visits["calls"]
    told = ["early", "page_view", "bought", "identify", "known", "page_view", "pushed", "somebody_else"]
    assert sorted(visit.names()) == sorted(told)
    properties = {row["event_name"]: row["properties"] for row in visit.rows}
    assert properties["early"] == {"n": 1}
    assert properties["bought"] == {
        "revenue": 9.5,
        "currency": "EUR",
        "note": 'ü "quoted" \u2028 \U0001f600',
        "tags": [1, True, None],
    }
    assert properties["identify"] == {"plan": "pro"}
    assert visit.of("page_view")[1]["properties"] == {"theme": "dark"}
    users = {row["event_name"]: row["user_id"] for row in visit.rows}
    assert (users["bought"], users["identify"], users["known"], users["somebody_else"]) == (None, "ada", "ada", None)
    [stranger], [known] = visit.of("somebody_else"), visit.of("known")
    assert stranger["anonymous_id"] != known["anonymous_id"]
    assert (stranger["context"]["sequence"], stranger["session_index"]) == (1, 1)


def test_the_page_gets_one_global(visits: Mapping[str, Outcome]) -> None:
    assert visits["calls"].told == ["clickstream"]


def test_clicks_forms_and_goals_are_told_without_code(visits: Mapping[str, Outcome]) -> None:
    visit = visits["clicks"]
    told = [(row["event_name"], row["properties"]) for row in visit.rows if row["event_type"] == "custom"]
    base = str(visit.of("page_view")[0]["page_url"]).removesuffix("/clicks")
    out = ("outbound_link", {"url": "http://elsewhere.test/x?y=1"})
    assert told == [
        out,
        ("file_download", {"url": f"{base}/list.pdf"}),
        ("signup", {"plan": "pro"}),
        ("form_submit", {"id": "ask", "action": "answer"}),
        ("ordered", {}),
        out,
    ]


def test_each_part_can_be_switched_off(visits: Mapping[str, Outcome]) -> None:
    assert [row["event_name"] for row in visits["silence"].rows] == ["only"]


def test_reading_time_and_depth_are_told_when_the_page_is_left(visits: Mapping[str, Outcome]) -> None:
    visit = visits["reading"]
    assert [row["event_name"] for row in visit.rows] == ["page_view", "page_ping"]
    ping = visit.rows[1]["properties"]
    assert ping["scroll_depth"] == 50
    assert 500 <= ping["engagement_ms"] < 25_000


def test_time_in_the_background_is_no_reading_time(visits: Mapping[str, Outcome]) -> None:
    visit = visits["background"]
    told = sum(row["properties"]["engagement_ms"] for row in visit.of("page_ping"))
    assert 500 <= told < visit.told + 2500


def test_routes_in_the_fragment_are_pages(visits: Mapping[str, Outcome]) -> None:
    visit = visits["fragments"]
    views = visit.of("page_view")
    assert paths(visit, views) == ["/app/first?utm_source=mail", "/app/second?utm_source=mail"]


def test_the_demo_shows_what_was_sent_and_its_verdict(visits: Mapping[str, Outcome]) -> None:
    told = [(name, verdict) for name, verdict in visits["shop"].told if name != "page_ping"]
    expected = ["page_view", "page_view", "purchase", "identify", "page_view", "page_view", "page_view", "not_found"]
    assert sorted(name for name, _ in told) == sorted(expected)
    # A page that is left at once hears no answer.
    assert {verdict for _, verdict in told} <= {"accepted", "by beacon: no answer", "page left before the answer"}
    assert ("purchase", "accepted") in told


def test_the_demo_tells_what_had_no_answer_and_each_event_once(visits: Mapping[str, Outcome]) -> None:
    assert visits["hurried"].told == {"bought": ["accepted"], "signedIn": ["page left before the answer"]}
