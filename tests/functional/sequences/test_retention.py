"""Retention and frequency over random comings and goings say what plain Python says about them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import Kind
from clickstream.querying.period import Period, resolve
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.retention import Unit, frequency_statement, retention_statement
from clickstream.sites.funnels import Within
from tests.functional.sequences.asking import Events, row, slice_of, whose

# Clocks go forward on 29 March in Berlin; Lord Howe changes by half an hour on 5 April.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
FIRST, LAST = "2026-03-20", "2026-04-12"
FIRST_DAYS: dict[Unit, Callable[[date], date]] = {
    Unit.DAY: lambda day: day,
    Unit.WEEK: lambda day: day - timedelta(day.weekday()),
    Unit.MONTH: lambda day: day.replace(day=1),
}


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


def comings(seed: int) -> list[dict[str, Any]]:
    """Visitors who come every now and then, around midnight more often than at other times."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for visitor in range(15):
        at = datetime(2026, 3, 18, tzinfo=UTC) + timedelta(hours=chance.randrange(20 * 24))
        for _ in range(chance.randrange(1, 8)):
            at += timedelta(hours=chance.choice([0, 1, 5, 23, 24, 25, 70, 168, 400]), minutes=chance.choice([0, 30]))
            ids = {"anonymous_id": f"v{visitor}", "user_id": chance.choice([None, None, f"u{visitor // 2}"])}
            rows.append(row(f"{len(rows)}", at, event_name=chance.choice("aab"), **ids))
    return rows


def persons(
    rows: list[dict[str, Any]], within: Within, everything: list[dict[str, Any]]
) -> dict[Any, list[dict[str, Any]]]:
    person_of = whose(everything)
    streams = defaultdict(list)
    for event in rows:
        streams[event["anonymous_id"] if within is Within.VISITOR else person_of[event["event_id"]]].append(event)
    return streams


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from(list(Unit)),
    st.sampled_from(ZONES),
    st.sampled_from([Within.VISITOR, Within.PERSON]),
    st.sampled_from([None, "a"]),
    st.sampled_from([None, "b"]),
)
def test_the_grid_is_the_one_that_plain_python_finds(
    events: Events, seed: int, unit: Unit, zone: str, within: Within, start: str | None, back: str | None
) -> None:
    rows = comings(seed)
    events.hold(rows)
    period = resolve((FIRST, LAST), ZoneInfo(zone), datetime(2026, 5, 1, tzinfo=UTC))
    statement = retention_statement(
        slice_of(period=period, time_zone=zone),
        unit,
        within=within,
        start=Matching(start) if start else None,
        back=Matching(back) if back else None,
    )
    units = sorted({FIRST_DAYS[unit](day) for day in period.dates(Kind.DAY)})
    members: dict[date, set[str]] = defaultdict(set)
    back_in: dict[date, set[str]] = defaultdict(set)
    seen = [event for event in rows if period.begin <= event["occurred_at"] < period.end]
    for person, happened in persons(seen, within, rows).items():
        named = [
            (event["event_name"], FIRST_DAYS[unit](event["occurred_at"].astimezone(ZoneInfo(zone)).date()))
            for event in happened
        ]
        starts = [of for name, of in named if start in (None, name)]
        if starts:
            members[min(starts)].add(person)
        for name, of in named:
            if back in (None, name):
                back_in[of].add(person)
    expected = [
        (cohort, len(members[cohort]), later, len(members[cohort] & back_in[of] if later else members[cohort]))
        for cohort in units
        if members[cohort]
        for later, of in enumerate(unit for unit in units if unit >= cohort)
    ]
    told = events.ask(statement)
    assert [(cell["cohort"], cell["size"], cell["units_later"], cell["reached"]) for cell in told] == expected
    assert [cell["percent"] for cell in told] == [pytest.approx(100 * came / size) for _, size, _, came in expected]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([Within.VISITOR, Within.PERSON]), st.integers(1, 4))
def test_who_came_how_often_is_what_plain_python_counts(events: Events, seed: int, within: Within, most: int) -> None:
    rows = comings(seed)
    events.hold(rows)
    everything = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    visit_of: dict[str, tuple[str, int]] = {}
    for visitor, happened in persons(rows, Within.VISITOR, rows).items():
        last, visit = None, 0
        for event in sorted(happened, key=lambda event: (event["occurred_at"], event["event_id"])):
            visit += last is not None and event["occurred_at"] - last > timedelta(minutes=30)
            last = event["occurred_at"]
            visit_of[event["event_id"]] = (visitor, visit)
    visits = [
        len({visit_of[event["event_id"]] for event in happened}) for happened in persons(rows, within, rows).values()
    ]
    expected = Counter(min(number, most) for number in visits)
    told = events.ask(frequency_statement(slice_of(period=everything), within=within, most=most))
    assert [(line["visits"], line["reached"]) for line in told] == sorted(expected.items())
    assert sum(line["percent"] for line in told) == pytest.approx(100)


def test_a_range_of_too_many_units_is_refused() -> None:
    years = resolve(("2024-01-01", "2026-01-01"), ZoneInfo("UTC"), datetime(2026, 5, 1, tzinfo=UTC))
    with pytest.raises(InvalidRequest, match="more than 400"):
        retention_statement(slice_of(period=years), Unit.DAY)
    assert retention_statement(slice_of(period=years), Unit.WEEK).sql


MUTATIONS = {
    "members who start with all events of a unit": ("bool_or(starts)", "bool_and(starts)"),
    "back with all events of a unit": ("bool_or(is_back)", "bool_and(is_back)"),
    "members of their last unit": ("min(unit)", "max(unit)"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_of_the_grid_is_caught(events: Events, mutation: str) -> None:
    events.hold(comings(1))
    period = resolve((FIRST, LAST), ZoneInfo("UTC"), datetime(2026, 5, 1, tzinfo=UTC))
    statement = retention_statement(slice_of(period=period), Unit.WEEK, start=Matching("b"), back=Matching("a"))
    right, wrong = MUTATIONS[mutation]
    assert right in statement.sql
    mutant = replace(statement, sql=statement.sql.replace(right, wrong))
    assert events.ask(mutant) != events.ask(statement)
