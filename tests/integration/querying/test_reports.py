"""Reports over a real table say what plain Python says about the same rows."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from clickstream.errors import InvalidRequest, LimitExceeded
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.engine import QueryEngine
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement
from local.azurite import Azurite
from tests.integration.querying.asking import ask, values
from tests.integration.querying.lake import NOW, Lake, event, make_lake
from tests.integration.querying.plain_report import report
from tests.integration.querying.rows import ROWS

pytestmark = pytest.mark.integration

METRICS = ["visitors", "visits", "pageviews", "events"]


def test_two_moments_are_a_range_that_includes_both_seconds(engine: QueryEngine) -> None:
    begin, end = datetime(2026, 10, 10, 6, 30, tzinfo=UTC), datetime(2026, 10, 20, 18, 0, 1, tzinfo=UTC)
    query = {"metrics": METRICS}
    answer = ask(engine, {**query, "date_range": ["2026-10-10T08:30:00+02:00", "2026-10-20T18:00:00Z"]})
    assert values(answer) == report(ROWS, "shop", ZoneInfo("UTC"), begin, end, query)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("day", date(2026, 10, 28)),
        ("7d", date(2026, 10, 22)),
        ("28d", date(2026, 10, 1)),
        ("month", date(2026, 10, 1)),
        ("year", date(2026, 1, 1)),
        ("all", min(row["occurred_at"] for row in ROWS if row["site"] == "shop").date()),
    ],
)
def test_a_named_range_ends_today(engine: QueryEngine, name: str, first: date) -> None:
    query = {"metrics": METRICS, "dimensions": ["time:day"]}
    begin, end = datetime.combine(first, time(), UTC), datetime(2026, 10, 29, tzinfo=UTC)
    answer = ask(engine, {**query, "date_range": name})
    if name != "all":
        assert answer["query"]["date_range"] == [f"{first}T00:00:00+00:00", "2026-10-28T23:59:59+00:00"]
    assert values(answer) == report(ROWS, "shop", ZoneInfo("UTC"), begin, end, query)


def test_time_labels_name_every_hour_of_the_day_on_which_clocks_go_back(engine: QueryEngine) -> None:
    query = {"metrics": ["events"], "dimensions": ["time:hour"], "date_range": ["2026-10-25", "2026-10-25"]}
    answer = ask(engine, {**query, "include": {"time_labels": True}}, zone="Europe/Berlin")
    labels = answer["meta"]["time_labels"]
    assert len(labels) == 25
    assert labels[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    assert {row["dimensions"][0] for row in answer["results"]} <= set(labels)


def test_a_missing_table_is_no_events_and_unknown_completeness(azurite: Azurite) -> None:
    empty = make_lake(azurite)
    answer = ask(QueryEngine(empty.account, empty.settings, lambda: NOW), {"metrics": METRICS, "date_range": "all"})
    assert values(answer) == [([], [0, 0, 0, 0])]
    assert answer["meta"]["complete_until"] is None


def test_new_rows_and_progress_are_seen_by_an_engine_that_has_answered_before(azurite: Azurite) -> None:
    lake = make_lake(azurite)
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    query = {"metrics": ["events"], "date_range": "day"}
    assert values(ask(engine, query)) == [([], [0])]
    for number in (1, 2):
        lake.append(event(f"e{number}", "shop", NOW))
        lake.put("state/progress.json", json.dumps({"complete_until": f"2026-10-28T10:0{number}:00+00:00"}).encode())
        answer = ask(engine, query)
        assert values(answer) == [([], [number])]
        assert answer["meta"]["complete_until"] == f"2026-10-28T10:0{number}:00+00:00"


def test_a_visit_that_began_before_the_period_keeps_its_source(azurite: Azurite) -> None:
    lake = make_lake(azurite)
    midnight = datetime(2026, 10, 28, tzinfo=UTC)
    lake.append(
        event("e1", "shop", midnight - timedelta(minutes=5), anonymous_id="a", referrer_host="search.example"),
        event("e2", "shop", midnight + timedelta(minutes=5), anonymous_id="a", referrer_host="shop.example"),
    )
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    answer = ask(engine, {"metrics": ["visits", "events"], "dimensions": ["visit:source"], "date_range": "day"})
    assert values(answer) == [(["search.example"], [1, 1])]


def test_a_pause_of_more_than_half_an_hour_ends_a_visit(azurite: Azurite) -> None:
    lake = make_lake(azurite)
    half_an_hour = timedelta(minutes=30)
    lake.append(
        event("e1", "shop", NOW - 2 * half_an_hour - timedelta(microseconds=1), anonymous_id="a"),
        event("e2", "shop", NOW - half_an_hour, anonymous_id="a"),
        event("e3", "shop", NOW, anonymous_id="a"),
        event("e4", "shop", NOW, anonymous_id="a", session_id="told"),
        event("e5", "shop", NOW - 9 * half_an_hour, anonymous_id="c", session_id="told"),
        event("e6", "shop", NOW, user_id="b"),
        event("e7", "shop", NOW),
    )
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    assert values(ask(engine, {"metrics": METRICS, "date_range": "day"})) == [([], [3, 4, 7, 7])]


def test_who_denied_consent_is_counted_by_visits_and_never_as_a_visitor(azurite: Azurite) -> None:
    lake = make_lake(azurite)

    def seen(event_id: str, referrer_host: str | None, **fields: Any) -> dict[str, Any]:
        page = {"page_host": "shop.example", "referrer_host": referrer_host, "consent": "denied"}
        return event(event_id, "shop", NOW, **{**page, "event_type": "page_view", **fields})

    lake.append(
        seen("e1", "search.example"),
        seen("e2", "shop.example"),
        seen("e3", None),
        seen("e4", None, event_type="custom"),
        seen("e5", None, consent="full"),
    )
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    answer = ask(engine, {"metrics": METRICS, "date_range": "day"})
    assert values(answer) == [([], [0, 2, 4, 5])]


def test_a_limit_over_the_setting_is_refused(engine: QueryEngine) -> None:
    with pytest.raises(InvalidRequest, match="at most 1000 rows") as caught:
        ask(engine, {"metrics": ["events"], "date_range": "day", "pagination": {"limit": 1001}})
    assert caught.value.pointer == "/pagination/limit"


def test_time_labels_without_a_time_dimension_or_too_many_are_refused(engine: QueryEngine) -> None:
    include = {"include": {"time_labels": True}}
    for query in (
        {"date_range": "day", "dimensions": ["event:page"]},
        {"date_range": ["2000-01-01", "2026-01-01"], "dimensions": ["time:hour"]},
    ):
        with pytest.raises(InvalidRequest) as caught:
            ask(engine, {"metrics": ["events"], **query, **include})
        assert caught.value.pointer == "/include/time_labels"


def test_a_day_that_a_zone_skipped_is_refused_as_empty(engine: QueryEngine) -> None:
    # Samoa went from 29 to 31 December 2011, over the date line.
    with pytest.raises(InvalidRequest) as caught:
        ask(engine, {"metrics": ["events"], "date_range": ["2011-12-30", "2011-12-30"]}, zone="Pacific/Apia")
    assert caught.value.pointer == "/date_range"


@pytest.fixture(scope="module")
def large_lake(azurite: Azurite) -> Lake:
    """A day of 300,000 events by as many visitors."""
    lake = make_lake(azurite)
    count = 300_000
    template = pa.Table.from_pylist([event("e", "shop", NOW)], schema=arrow_schema(EVENT_COLUMNS))
    rows = pa.concat_tables([template] * count).combine_chunks()
    for name in ("event_id", "anonymous_id", "page_path"):
        names = pa.array([f"{name}-of-some-length-{number}" for number in range(count)])
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), names)
    lake.append_table(rows)
    return lake


HEAVY = {"metrics": METRICS, "date_range": "day", "dimensions": ["event:page", "visit:source"]}


def test_a_report_over_its_time_is_ended(large_lake: Lake) -> None:
    hasty = replace(large_lake.settings, query_timeout_seconds=0)
    engine = QueryEngine(large_lake.account, hasty, lambda: NOW)
    with pytest.raises(LimitExceeded, match="longer than 0 s"):
        ask(engine, HEAVY)


def test_a_report_of_little_memory_spills_or_says_so_and_the_next_is_answered(large_lake: Lake) -> None:
    poor = replace(large_lake.settings, query_memory_mb=64, query_timeout_seconds=60)
    engine = QueryEngine(large_lake.account, poor, lambda: NOW)
    with suppress(LimitExceeded):
        assert len(ask(engine, HEAVY)["results"]) == poor.query_max_rows
    assert values(ask(engine, {"metrics": ["events"], "date_range": "day"})) == [([], [300_000])]


def test_a_statement_runs_over_the_sites_own_events_from_a_day_before_the_period_on(engine: QueryEngine) -> None:
    scope = SiteScope("shop", "Europe/Berlin")
    period = engine.period(("2026-10-10", "2026-10-11"), scope)
    table = engine.run(Statement("SELECT site, occurred_at FROM events", {}), scope, period)
    assert set(table["site"].to_pylist()) == {"shop"}
    moments = [row["occurred_at"] for row in ROWS if row["site"] == "shop"]
    needed = {moment for moment in moments if period.begin - timedelta(days=1) <= moment < period.end}
    assert needed <= set(table["occurred_at"].to_pylist()) < set(moments)
