"""Under which dates a copy is looked for: everywhere it may stand, and never at more than a few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from clickstream.compacting.dedupe import MAX_FAR_DATES, Search, dates_to_search
from clickstream.model.schema import TIMESTAMP

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.date()


def rows(created: list[datetime | None]) -> pa.Table:
    """Events that all occurred at noon."""
    return pa.table(
        {
            "occurred_at": pa.array([NOON] * len(created), TIMESTAMP),
            "created_at": pa.array(created, TIMESTAMP),
        }
    )


def search(created: list[datetime | None], stored: Collection[date] = ()) -> Search:
    return dates_to_search(rows(created), "event_date", lambda: stored)


def days_before(*days: int) -> list[datetime | None]:
    return [NOON - timedelta(days) for days in days]


def test_a_copy_is_looked_for_at_its_own_date_and_where_its_clock_says() -> None:
    assert search([NOON]) == Search([TODAY])
    assert search([None]) == Search([TODAY - timedelta(1), TODAY, TODAY + timedelta(1)])
    assert search(days_before(3, 9000)) == Search([TODAY - timedelta(9000), TODAY - timedelta(3), TODAY])
    assert search([NOON + timedelta(days=2)]) == Search([TODAY])


def test_dates_that_nothing_is_stored_under_take_no_place_of_others() -> None:
    days = range(1, 3 * MAX_FAR_DATES)
    stored = [TODAY - timedelta(day) for day in days if day % 3 == 0]
    result = search(days_before(*days), stored)
    assert result == Search(sorted([*stored, TODAY]))


def test_the_dates_of_most_events_are_searched_and_of_others_the_newest() -> None:
    days = range(1, MAX_FAR_DATES + 3)
    oldest = days[-1]
    result = search(days_before(*days, oldest), [TODAY - timedelta(day) for day in days])
    left_out = {TODAY - timedelta(oldest - 1), TODAY - timedelta(oldest - 2)}
    assert result.dates == sorted({TODAY - timedelta(day) for day in (0, *days)} - left_out)
    assert result.unsearched == 2


@given(st.lists(st.integers(1, 400), max_size=300), st.sets(st.integers(1, 400)))
def test_every_event_is_searched_at_every_stored_date_or_counted(days: list[int], stored: set[int]) -> None:
    result = search([NOON, *days_before(*days)], [TODAY - timedelta(day) for day in stored])
    looked = {(TODAY - day).days for day in result.dates}
    assert len(looked) <= MAX_FAR_DATES + 1
    missed = {day: count for day, count in Counter(days).items() if day in stored and day not in looked}
    assert result.unsearched == sum(missed.values())


def test_an_event_at_the_end_of_the_calendar_does_not_stop_the_search() -> None:
    edges = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    for occurred in edges:
        for created in [*edges, None]:
            moments = {
                "occurred_at": pa.array([occurred], TIMESTAMP),
                "created_at": pa.array([created], TIMESTAMP),
            }
            assert occurred.date() in dates_to_search(pa.table(moments), "event_date", list).dates
