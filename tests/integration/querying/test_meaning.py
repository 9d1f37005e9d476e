"""What single metrics mean, by examples small enough to count by hand. Each stands at a site of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream.filters.reader import FilterReader
from clickstream.querying.engine import QueryEngine
from clickstream.querying.request import parse_query
from clickstream.querying.scope import Goal, Matching, SiteScope
from local.azurite import Azurite
from tests.integration.querying.asking import ask, values
from tests.integration.querying.lake import NOW, event, make_lake

pytestmark = pytest.mark.integration

TODAY = datetime(2026, 10, 28, tzinfo=UTC)
US = timedelta(microseconds=1)


def rows() -> Iterator[dict[str, Any]]:
    def on(site: str, at: datetime, visitor: str | None = "a", **fields: Any) -> dict[str, Any]:
        return event(f"{site}-{at.timestamp()}-{visitor}", site, at, anonymous_id=visitor, **fields)

    for visitor, before in (("new", timedelta(days=30) + US), ("known", timedelta(days=30))):
        yield on("history", TODAY - before, visitor)
        yield on("history", TODAY + timedelta(hours=1), visitor)
    for at in (TODAY - US, TODAY, TODAY + timedelta(days=1) - US, TODAY + timedelta(days=1)):
        yield on("bounds", at)
    for minute, (kind, path, told) in enumerate(
        [
            ("page_ping", "/", '{"engagement_ms":99000,"scroll_depth":99}'),  # of a view that is not there
            ("page_view", "/", "{}"),
            ("page_ping", "/", '{"engagement_ms":1000,"scroll_depth":10}'),
            ("page_ping", "/", '{"engagement_ms":2000,"scroll_depth":70}'),
            ("page_view", "/a", "{}"),
            ("page_ping", "/", '{"engagement_ms":4000}'),  # the page before is seen again
            ("page_view", "/", "{}"),
            ("page_ping", "/", '{"engagement_ms":5000,"scroll_depth":30}'),
        ]
    ):
        yield on(
            "reading",
            TODAY + timedelta(minutes=minute),
            event_type=kind,
            event_name=kind,
            page_path=path,
            properties=told,
        )
    for minute, (kind, place) in enumerate(
        [("identify", None), ("page_view", "/in"), ("page_ping", "/in"), ("custom", None), ("page_view", "/out")]
    ):
        yield on("ways", TODAY + timedelta(minutes=minute), event_type=kind, event_name=kind, page_path=place)
    yield on("ways", TODAY + timedelta(minutes=9), "b", page_path="/in")
    yield on("ways", TODAY + timedelta(minutes=10), "b", event_type="page_ping", event_name="page_ping")
    midnight = TODAY + timedelta(hours=1)  # in Cape Verde
    for minutes in (-20, -10, 10, 20):
        yield on("midnight", midnight - timedelta(days=7) + timedelta(minutes=minutes))
        yield on("midnight", midnight - timedelta(days=7) + timedelta(minutes=minutes), "b", session_id="s")
    for visitor, name, told in (
        ("a", "buy", '{"price":10.5,"revenue":7}'),
        ("a", "buy", '{"revenue":7}'),
        ("b", "sign up", '{"revenue":"2.25"}'),
        ("b", "look", '{"revenue":"1e3"}'),
        ("c", "look", "{}"),
        ("d", "look", "{}"),
    ):
        yield event(
            f"{visitor}-{name}-{told}", "shopping", TODAY, anonymous_id=visitor, event_name=name, properties=told
        )
    for agent in (True, False, None):
        yield on("robots", TODAY, f"visitor {agent}", is_bot=agent)


@pytest.fixture(scope="module")
def engine(azurite: Azurite) -> QueryEngine:
    lake = make_lake(azurite)
    lake.append(*rows())
    return QueryEngine(lake.account, lake.settings, lambda: NOW)


def one(engine: QueryEngine, site: str, metrics: list[str], **query: Any) -> list[Any]:
    [(_, numbers)] = values(ask(engine, {"metrics": metrics, "date_range": "day", **query}, site))
    return numbers


def test_who_was_seen_in_the_thirty_days_before_the_range_is_not_new(engine: QueryEngine) -> None:
    assert one(engine, "history", ["visitors", "new_visitors", "returning_visitors"]) == [2, 1, 1]


def test_a_range_holds_its_first_moment_and_not_the_first_after_it(engine: QueryEngine) -> None:
    # Its one visit at midnight is known from before the range on.
    assert one(engine, "bounds", ["events", "visits", "visit_duration"]) == [2, 2, pytest.approx(1e-6)]


def test_a_view_is_read_for_as_long_as_its_own_pings_tell(engine: QueryEngine) -> None:
    assert one(engine, "reading", ["time_on_page", "scroll_depth"]) == [(1 + 2 + 4 + 5) / 2, (70 + 30) / 2]
    pages = {"metrics": ["time_on_page", "scroll_depth"], "dimensions": ["event:page"], "date_range": "day"}
    assert dict((key[0], told) for key, told in values(ask(engine, pages, "reading"))) == {
        "/": [6.0, 50.0],
        "/a": [None, None],
    }


def test_a_visit_enters_and_leaves_by_its_first_and_last_view_and_bounces_on_one_thing(engine: QueryEngine) -> None:
    metrics = ["visits", "bounces", "bounce_rate", "visit_duration", "views_per_visit", "entries", "exits", "exit_rate"]
    assert one(engine, "ways", metrics) == [2, 1, 50.0, (180 + 60) / 2, 1.5, 2, 2, pytest.approx(200 / 3)]
    by = {"metrics": ["entries", "exits"], "dimensions": ["event:page"], "order_by": [["event:page", "asc"]]}
    answer = values(ask(engine, {**by, "date_range": "day", "filters": [["is_set", "event:page"]]}, "ways"))
    assert answer == [(["/in"], [2, 1]), (["/out"], [0, 1])]
    for name, told in (("entry", [["/in"]]), ("exit", [["/in"], ["/out"]])):
        asked = {"metrics": ["visits"], "dimensions": [f"visit:{name}_page"], "date_range": "day"}
        assert [key for key, _ in values(ask(engine, asked, "ways"))] == told


def test_visits_end_at_the_sites_midnight_where_its_document_says_so(engine: QueryEngine) -> None:
    query = {"metrics": ["visits", "visit_duration"], "date_range": ["2026-10-20", "2026-10-21"]}
    for split, told in ((False, [2, 2400.0]), (True, [4, 600.0])):
        answer = ask(engine, query, "midnight", "Atlantic/Cape_Verde", split_at_midnight=split)
        assert values(answer) == [([], told)]
    answer = ask(engine, query, "midnight", "UTC", split_at_midnight=True)
    assert values(answer) == [([], [2, 2400.0])]


def test_goals_convert_visitors_and_bring_revenue(engine: QueryEngine) -> None:
    money = ["total_revenue", "average_revenue"]
    # By the goal's own property, without which such an event has no worth; else by `revenue`, where it is a number.
    assert one(engine, "shopping", money) == [10.5 + 2.25 + 1000, (10.5 + 2.25 + 1000) / 3]
    bought = {"filters": [["is", "event:goal", ["Purchase"]]]}
    assert one(engine, "shopping", ["visitors", "conversion_rate", *money], **bought) == [1, 25.0, 10.5, 10.5]
    either = {"filters": [["is", "event:goal", ["Purchase", "Sign-up"]]]}
    assert one(engine, "shopping", ["conversion_rate"], **either) == [50.0]
    by_goal = {"metrics": ["visitors", "conversion_rate"], "dimensions": ["event:goal"], "date_range": "day"}
    assert values(ask(engine, by_goal, "shopping")) == [(["Purchase"], [1, 25.0]), (["Sign-up"], [1, 25.0])]


def test_a_goal_may_ask_for_what_is_known_of_visits_alone(engine: QueryEngine) -> None:
    filters = FilterReader().read([["is", "visit:source", ["(direct)"]]])
    goals = {"Bought": Goal("Bought", Matching("buy", filters=filters), "price")}
    for query in ({"metrics": ["total_revenue"]}, {"metrics": ["events"], "dimensions": ["event:goal"]}):
        body = json.dumps({"site_id": "shopping", "date_range": "day", **query}).encode()
        [row] = engine.query(parse_query(body), SiteScope("shopping", "UTC", goals)).document()["results"]
        assert row["metrics"] == [10.5 + 2.25 + 1000 if "total_revenue" in query["metrics"] else 2]


@pytest.mark.parametrize(
    "name", ["$time_zone", "$site", "it's $from", '"$to"', "a\\", "*", "ü€😀", "a.b", "[0]", "-- x"]
)
def test_a_property_may_have_any_name(engine: QueryEngine, name: str) -> None:
    for query in (
        {"dimensions": [f"event:props:{name}"]},
        {"filters": [["contains", f"event:props:{name}", ["$time_zone"]], ["is_set", f"event:props:{name}"]]},
    ):
        answer = ask(engine, {"metrics": ["events"], "date_range": "day", **query}, "shopping")
        assert values(answer) == ([(["(none)"], [6])] if "dimensions" in query else [([], [0])])


def test_bots_are_left_out_until_they_are_asked_for(engine: QueryEngine) -> None:
    assert one(engine, "robots", ["visitors"]) == [2]
    for told, text in ((1, "true"), (1, "false"), (1, "(not set)")):
        assert one(engine, "robots", ["visitors"], filters=[["is", "event:bot", [text]]]) == [told]
    by = {"metrics": ["visitors"], "dimensions": ["event:bot"], "date_range": "day"}
    answer = ask(engine, by, "robots")
    assert len(values(answer)) == 3
    assert "bots_left_out" not in answer["meta"]


def test_who_reads_a_number_is_told_how_many_events_of_bots_it_leaves_out(engine: QueryEngine) -> None:
    asked = {"metrics": ["events"], "date_range": "day"}
    assert ask(engine, asked, "robots")["meta"]["bots_left_out"] == 1
    elsewhere = [["is", "event:page", ["/elsewhere"]]]
    assert ask(engine, {**asked, "filters": elsewhere}, "robots")["meta"]["bots_left_out"] == 0
    only = {**asked, "filters": [["is", "event:bot", ["true"]]]}
    assert values(ask(engine, only, "robots")) == [([], [1])]
