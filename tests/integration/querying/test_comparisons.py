"""A report beside the same one of another period is both reports, asked apart."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest
from clickstream.querying.comparing import change
from clickstream.querying.engine import QueryEngine
from clickstream.querying.metrics import METRICS, Need
from clickstream.querying.request import parse_sql
from tests.integration.querying.asking import ask, values
from tests.integration.querying.lake import NOW, Lake, event, make_lake
from tests.integration.querying.rows import scope

pytestmark = pytest.mark.integration

ALL = [name for name, metric in METRICS.items() if not metric.needs & {Need.GOAL, Need.GOAL_OF_GROUP}]
COUNTED = {"visitors", "visits", "pageviews", "events", "bounces", "entries", "exits", "new_visitors"}
COUNTED |= {"returning_visitors", "total_revenue"}
NOTHING = [0 if name in COUNTED else None for name in ALL]
PREVIOUS = {"comparisons": {"mode": "previous_period"}}
WEEK, WEEK_BEFORE = ["2026-10-13", "2026-10-19"], ["2026-10-06", "2026-10-12"]


@pytest.mark.parametrize("dimensions", [[], ["event:page"], ["event:page", "visit:source"], ["event:props:plan"]])
@pytest.mark.parametrize(
    "comparisons", [{"mode": "previous_period"}, {"mode": "custom", "date_range": WEEK_BEFORE}], ids=lambda c: c["mode"]
)
def test_each_group_stands_beside_its_own_of_the_other_period(
    engine: QueryEngine, dimensions: list[str], comparisons: dict[str, Any]
) -> None:
    query = {"metrics": ALL, "dimensions": dimensions, "filters": [["contains", "event:name", ["e", "u"]]]}
    page = {"pagination": {"limit": 5, "offset": 1 if dimensions else 0}}
    answer = ask(engine, {**query, **page, "date_range": WEEK, "include": {"comparisons": comparisons}})
    before = {tuple(key): numbers for key, numbers in values(ask(engine, {**query, "date_range": WEEK_BEFORE}))}
    assert values(answer) == values(ask(engine, {**query, **page, "date_range": WEEK}))
    for result in answer["results"]:
        told = before.get(tuple(result["dimensions"]), NOTHING)
        assert result["comparison"] == {
            "dimensions": result["dimensions"],
            "metrics": told,
            "change": [change(now, then) for now, then in zip(result["metrics"], told, strict=True)],
        }
    assert answer["meta"]["comparison_date_range"] == ["2026-10-06T00:00:00+00:00", "2026-10-12T23:59:59+00:00"]


@pytest.mark.parametrize("kind", ["time:day", "time:hour", "time:week"])
def test_times_are_compared_by_their_place_even_where_clocks_change(engine: QueryEngine, kind: str) -> None:
    # The second Sunday has 25 hours, the one a week before has 24.
    include = {**PREVIOUS, "time_labels": True, "comparison_time_labels": True, "sql": False}
    query = {"metrics": ["events"], "dimensions": [kind, "event:name"], "date_range": ["2026-10-20", "2026-10-26"]}
    meta = (answer := ask(engine, {**query, "include": include}, zone="Europe/Berlin"))["meta"]
    assert meta["comparison_date_range"] == ["2026-10-13T00:00:00+02:00", "2026-10-19T23:59:59+02:00"]
    before = ask(engine, {**query, "date_range": ["2026-10-13", "2026-10-19"]}, zone="Europe/Berlin")
    told = {tuple(key): numbers for key, numbers in values(before)}
    places = meta["time_labels"], meta["comparison_time_labels"]
    assert [len(labels) for labels in places] == {"time:day": [7, 7], "time:hour": [169, 168], "time:week": [2, 2]}[
        kind
    ]
    assert answer["results"]
    for result in answer["results"]:
        time, name = result["dimensions"]
        place = places[0].index(time)
        there = places[1][place] if place < len(places[1]) else None
        assert result["comparison"]["dimensions"] == [there, name]
        assert result["comparison"]["metrics"] == (told.get((there, name), [0]) if there else [0])
    assert not {"sql", "comparison_sql"} & set(meta)
    # The lines of both periods are one query.
    line = {**query, "dimensions": [kind]}
    both = ask(engine, {**line, "include": {**PREVIOUS, "comparison_results": True}}, zone="Europe/Berlin")
    alone = ask(engine, {**line, "date_range": ["2026-10-13", "2026-10-19"]}, zone="Europe/Berlin")
    assert sorted(both["comparison_results"], key=str) == sorted(alone["results"], key=str) != []


@pytest.mark.parametrize(
    ("date_range", "mode", "expected"),
    [
        ("day", "previous_period", ["2026-10-27T00:00:00+01:00", "2026-10-27T11:29:59+01:00"]),
        (["2026-10-25", "2026-10-25"], "previous_period", ["2026-10-24T00:00:00+02:00", "2026-10-24T23:59:59+02:00"]),
        ("month", "previous_period", ["2026-09-03T00:00:00+02:00", "2026-09-30T11:29:59+02:00"]),
        ("month", "year_over_year", ["2025-10-01T00:00:00+02:00", "2025-10-28T11:29:59+01:00"]),
        (["2024-02-29", "2024-03-01"], "year_over_year", ["2023-02-28T00:00:00+01:00", "2023-03-01T23:59:59+01:00"]),
        ("realtime", "previous_period", ["2026-10-28T10:30:01+01:00", "2026-10-28T10:59:59+01:00"]),
        (
            ["2026-10-25T02:30:00+02:00", "2026-10-25T02:29:59+01:00"],
            "previous_period",
            ["2026-10-25T01:30:00+02:00", "2026-10-25T02:29:59+02:00"],
        ),
    ],
)
def test_the_other_period_is_as_long_or_a_year_before(
    engine: QueryEngine, date_range: Any, mode: str, expected: list[str]
) -> None:
    query = {"metrics": ["events"], "date_range": date_range, "include": {"comparisons": {"mode": mode}}}
    assert ask(engine, query, zone="Europe/Berlin")["meta"]["comparison_date_range"] == expected


def test_the_shown_sql_of_both_periods_gives_their_groups_in_the_sandbox(engine: QueryEngine) -> None:
    # Every metric, and what else makes SQL of its own.
    query = {
        "metrics": list(METRICS),
        "dimensions": ["event:goal", "visit:channel"],
        "filters": [["has_done", ["matches", "event:props:plan", ["."]]], ["segment", "readers"]],
        "include": PREVIOUS,
    }
    answer = ask(engine, {**query, "date_range": WEEK}, split_at_midnight=True)
    before = ask(engine, {**query, "date_range": WEEK_BEFORE}, split_at_midnight=True)
    meta = answer["meta"]
    for sql, parameters, shown in (
        (meta["sql"], meta["parameters"], answer),
        (meta["comparison_sql"], meta["comparison_parameters"], before),
    ):
        asked = {"site_id": "shop", "sql": sql, "parameters": parameters}
        rows = asyncio.run(engine.sql(parse_sql(json.dumps(asked).encode()), scope("shop", "UTC"))).rows
        assert shown["results"]
        assert {tuple(row.pop()) for row in rows} == {tuple(shown["meta"]["currencies"])}
        key = itemgetter(0, 1)
        assert sorted(rows, key=key) == sorted(([*d, *m] for d, m in values(shown)), key=key)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"dimensions": ["time:day", "time:hour"]}, "/include/comparisons"),
        ({"date_range": ["1970-01-01", "1970-01-31"]}, None),
        ({"include": {**PREVIOUS, "comparison_time_labels": True}}, "/include/comparisons"),
        ({"date_range": ["2000-01-01", "2026-01-01"], "dimensions": ["time:hour"]}, "/include/comparisons"),
    ],
)
def test_what_cannot_be_compared_is_refused_or_nothing(
    engine: QueryEngine, change: dict[str, Any], pointer: str | None
) -> None:
    query = {"metrics": ["events"], "date_range": WEEK, "include": PREVIOUS, **change}
    if pointer is None:
        assert ask(engine, query)["results"][0]["comparison"]["metrics"] == [0]
        return
    with pytest.raises(InvalidRequest) as caught:
        ask(engine, query)
    assert caught.value.pointer == pointer


@given(st.none() | st.floats(0, 1e12) | st.integers(0, 10**9), st.none() | st.floats(0, 1e12) | st.integers(0, 10**9))
@settings(max_examples=200)
def test_a_change_is_in_percent_or_unknown(now: float | None, before: float | None) -> None:
    told = change(now, before)
    if now is None or before is None or (before == 0 != now):
        assert told is None
    else:
        assert told == (0 if now == before else pytest.approx((now / before - 1) * 100, rel=1e-6, abs=0.051))


@pytest.fixture(scope="module")
def minutes(azurite: Any) -> Lake:
    lake = make_lake(azurite)
    lake.append(*(event(f"e{n}", "shop", NOW - timedelta(minutes=10 * n)) for n in range(200)))
    return lake


def test_ranges_that_end_now_are_told_to_the_second(minutes: Lake) -> None:
    engine = QueryEngine(minutes.account, minutes.settings, lambda: NOW + timedelta(microseconds=7))
    for name, length, count in (("realtime", timedelta(minutes=30), 3), ("24h", timedelta(hours=24), 144)):
        answer = ask(engine, {"metrics": ["events"], "date_range": name})
        begin, last = map(datetime.fromisoformat, answer["query"]["date_range"])
        assert (begin, last) == (NOW + timedelta(seconds=1) - length, NOW)
        assert values(answer) == [([], [count])]
    by_minute = {"metrics": ["events"], "dimensions": ["time:minute"], "date_range": "realtime"}
    answer = ask(engine, {**by_minute, "include": {"time_labels": True}})
    assert len(answer["meta"]["time_labels"]) == 31
    assert {row["dimensions"][0] for row in answer["results"]} <= set(answer["meta"]["time_labels"])
    yesterday = ask(engine, {"metrics": ["events"], "date_range": "yesterday"})
    assert yesterday["query"]["date_range"] == ["2026-10-27T00:00:00+00:00", "2026-10-27T23:59:59+00:00"]
    midnight = datetime(2026, 10, 28, tzinfo=UTC)
    assert values(yesterday) == [
        ([], [sum(midnight - timedelta(days=1) <= NOW - timedelta(minutes=10 * n) < midnight for n in range(200))])
    ]


def progress(complete_until: datetime) -> bytes:
    return json.dumps({"complete_until": complete_until.isoformat()}).encode()


@pytest.fixture(scope="module")
def steady(azurite: Any) -> Lake:
    """Nine weeks of the same traffic every hour, up to now."""
    lake = make_lake(azurite)
    begun = NOW.replace(hour=0, minute=1) - timedelta(weeks=10)
    hours = (begun + timedelta(hours=n) for n in range(10_000))
    passed = [hour for hour in hours if hour < NOW]
    lake.append(*(event(f"e{n}", "shop", at, anonymous_id=f"v{n}") for n, at in enumerate(passed)))
    return lake


@pytest.mark.parametrize("match_day_of_week", [False, True])
@pytest.mark.parametrize("date_range", ["day", "24h", "7d", "28d", "30d"])
def test_steady_traffic_shows_no_change_in_a_running_period(
    steady: Lake, date_range: str, match_day_of_week: bool
) -> None:
    engine = QueryEngine(steady.account, steady.settings, lambda: NOW)
    comparisons = {"mode": "previous_period", "match_day_of_week": match_day_of_week}
    query = {"metrics": ["visitors", "events"], "date_range": date_range, "include": {"comparisons": comparisons}}
    (result,) = ask(engine, query)["results"]
    assert result["metrics"][0] > 10
    assert result["comparison"]["change"] == [0.0, 0.0]


def test_the_day_that_goes_on_is_named_as_unfinished(steady: Lake) -> None:
    engine = QueryEngine(steady.account, steady.settings, lambda: NOW)
    query = {"metrics": ["events"], "date_range": "7d", "dimensions": ["time:day"], "include": {"time_labels": True}}
    steady.put("state/progress.json", progress(NOW - timedelta(minutes=5)))
    assert ask(engine, query)["meta"]["partial_time_labels"] == ["2026-10-28"]
    steady.put("state/progress.json", progress(NOW - timedelta(days=1)))
    assert ask(engine, query)["meta"]["partial_time_labels"] == ["2026-10-27", "2026-10-28"]
