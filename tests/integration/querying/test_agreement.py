"""Every metric by every dimension, over real tables, is what plain Python says about the same rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from statistics import median_high
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream.filters.dimensions import DIMENSIONS, Kind
from clickstream.querying import visit_copies
from clickstream.querying.engine import QueryEngine
from clickstream.querying.metrics import METRICS
from clickstream.table.reading import TableReader
from clickstream.table.specs import EVENTS_TABLE
from tests.integration.querying import plain_metrics
from tests.integration.querying.agreeing import agree
from tests.integration.querying.asking import ask, values
from tests.integration.querying.lake import NOW, Lake
from tests.integration.querying.plain_report import bots_left_out, report
from tests.integration.querying.rows import GOALS, ODD_NAME, PAGES, ROWS, SEGMENTS, rules

pytestmark = pytest.mark.integration

# `QUERIES=500 pytest tests/integration/querying/test_agreement.py` looks at so many.
QUERIES = int(os.environ.get("QUERIES", "40"))
PROPERTIES = ["event:props:plan", "event:props:*", f"event:props:{ODD_NAME}"]
TIMES = [name for name, dimension in DIMENSIONS.items() if dimension.kind is not Kind.TEXT]
TEXTS = [*(name for name in DIMENSIONS if name not in TIMES), *PROPERTIES]
USUAL = ["event:page", "event:name", "visit:source"] * 4
# Clocks go back on 25 October in Europe and forward by half an hour on 4 October on Lord Howe; Kolkata is at 5:30.
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]
OF_GOALS = ["conversion_rate", "group_conversion_rate"]
GOAL = ["is", "event:goal", ["Purchase"]]


@pytest.fixture(scope="module", autouse=True)
def _visit_files_of_the_larger_half(lake: Lake) -> Iterator[None]:
    """The smaller half of the files is read without, as small ones are: visits are of both kinds of files."""
    files = TableReader(EVENTS_TABLE, lake.account, lake.settings.lake_container).snapshot().files
    smallest = median_high(file.size_bytes for file in files)
    assert any(file.size_bytes < smallest for file in files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_copies, "SMALLEST_BYTES", smallest)
        yield


def comparisons() -> st.SearchStrategy[list[Any]]:
    words = ["(none)", "buy", "page", "a", "(direct)", "news.example", "(not set)", "Direct", "Search", "true", "DE"]
    texts = st.sampled_from([*(page for page in PAGES if page), *words, "3", "pro", "{", "Email", "spring"])
    dimensions = st.sampled_from([name for name in TEXTS + USUAL if name != "event:goal"])
    return st.one_of(
        st.tuples(
            st.sampled_from(["is", "is_not", "contains", "contains_not"]),
            dimensions,
            st.lists(texts, min_size=1, max_size=3),
        ).map(list),
        st.tuples(
            st.sampled_from(["matches", "matches_not"]),
            dimensions,
            st.lists(st.sampled_from(["^/a", "[0-9]$", "e.*e", r"\(", "é|Ü"]), min_size=1, max_size=2),
        ).map(list),
        st.tuples(st.sampled_from(["is_set", "is_not_set"]), dimensions.filter(can_be_missing)).map(list),
        st.tuples(
            st.sampled_from(["is", "is_not"]),
            st.just("event:goal"),
            st.lists(st.sampled_from(sorted(GOALS)), min_size=1, max_size=2),
        ).map(list),
        st.sampled_from(sorted(SEGMENTS)).map(lambda name: ["segment", name]),
    )


def can_be_missing(name: str) -> bool:
    return name in PROPERTIES or DIMENSIONS[name].missing is not None


FILTERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)).map(list),
        st.tuples(st.sampled_from(["not", "has_done", "has_not_done"]), inner).map(list),
    ),
    max_leaves=5,
)


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    dimensions = draw(st.lists(st.sampled_from(TEXTS + TIMES + USUAL), max_size=3, unique=True))
    filters = draw(st.lists(FILTERS, max_size=2))
    known = [name for name in METRICS if name not in OF_GOALS or "event:goal" in str([dimensions, filters])]
    metrics = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
    query: dict[str, Any] = {"metrics": metrics, "dimensions": dimensions, "filters": filters}
    if draw(st.booleans()):
        columns = st.sampled_from(metrics + dimensions)
        query["order_by"] = [
            [name, draw(st.sampled_from(["asc", "desc"]))] for name in draw(st.lists(columns, max_size=3, unique=True))
        ]
    return query


@given(
    query=queries(),
    zone=st.sampled_from(ZONES),
    site=st.sampled_from(["shop", "shop", "blog", "shop' OR 1=1 --", "nobody"]),
    days=st.tuples(st.dates(date(2026, 9, 30), date(2026, 11, 1)), st.integers(0, 20)),
    page=st.tuples(st.integers(1, 1000), st.integers(0, 5)),
    split=st.booleans(),
    rates=st.booleans(),
)
@settings(max_examples=QUERIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_query_agrees_with_plain_python(
    engine: QueryEngine,
    query: dict[str, Any],
    zone: str,
    site: str,
    days: tuple[date, int],
    page: tuple[int, int],
    split: bool,
    rates: bool,
) -> None:
    first, last = days[0], days[0] + timedelta(days[1])
    limit, offset = page
    here = ZoneInfo(zone)
    begin, end = (datetime.combine(day, time(), here) for day in (first, last + timedelta(1)))
    asked = {
        **query,
        "date_range": [first.isoformat(), last.isoformat()],
        "pagination": {"limit": limit, "offset": offset},
        "include": {"total_rows": True},
    }
    answer = ask(engine, asked, site, zone, split_at_midnight=split, with_rates=rates)
    document = rules(split_at_midnight=split, with_rates=rates)
    expected = report(ROWS, site, here, begin, end, query, document)
    bots = bots_left_out(ROWS, site, here, begin, end, query, document)
    assert answer["meta"].get("bots_left_out") == bots
    agree(values(answer), expected[offset : offset + limit])
    assert answer["meta"]["total_rows"] == len(expected)


@pytest.mark.parametrize("number", range(len(TEXTS + TIMES)), ids=[*TEXTS, *TIMES])
def test_every_metric_agrees_by_every_dimension(engine: QueryEngine, number: int) -> None:
    # Over the day on which Berlin's clocks go back.
    here, dimension, split = ZoneInfo("Europe/Berlin"), [*TEXTS, *TIMES][number], number % 3 == 0
    begin, end = datetime(2026, 10, 12, tzinfo=here), datetime(2026, 10, 27, tzinfo=here)
    filters = [GOAL, ["is_not", "event:page", ["/a"]]] if number % 2 else []
    metrics = [name for name in METRICS if filters or name not in OF_GOALS or dimension == "event:goal"]
    query = {"metrics": metrics, "dimensions": [dimension], "filters": filters}
    asked = {**query, "date_range": ["2026-10-12", "2026-10-26"]}
    rates = number % 2 == 0
    answer = ask(engine, asked, "shop", here.key, split_at_midnight=split, with_rates=rates)
    expected = report(ROWS, "shop", here, begin, end, query, rules(split_at_midnight=split, with_rates=rates))
    assert expected
    agree(values(answer), expected)


def test_the_rows_of_the_tests_hold_what_the_tests_are_about() -> None:
    # Else the agreement above could be one about nothing.
    zone, around = ZoneInfo("UTC"), (NOW - timedelta(days=40), NOW + timedelta(days=40))
    query = {"metrics": list(METRICS), "filters": [["is_set", "event:name"]]}
    assert set(plain_metrics.METRICS) == set(METRICS)
    [(_, numbers)] = report(ROWS, "shop", zone, *around, query, rules(with_rates=True))
    told = dict(zip(METRICS, numbers, strict=True))
    assert 0 < told["visitors"] < told["visits"] < told["events"]
    assert 0 < told["bounces"] < told["visits"] < told["pageviews"] < told["events"]
    assert 0 < told["returning_visitors"] <= told["visitors"] < told["new_visitors"] + told["returning_visitors"]
    assert None not in (told["time_on_page"], told["scroll_depth"], told["average_revenue"])
    split = report(ROWS, "shop", zone, *around, query, rules(split_at_midnight=True, with_rates=True))
    assert split != [([], numbers)]
    for name in [*TEXTS, *TIMES]:
        groups = report(ROWS, "shop", zone, *around, {"metrics": ["events"], "dimensions": [name]}, rules())
        assert len(groups) >= (1 if name == "time:month" else 2), name
