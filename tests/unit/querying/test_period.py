"""Ranges of time in a zone, on the days when its clocks change too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.querying.dimensions import Kind
from clickstream.querying.period import NAMED_RANGES, Period, parse_pair, resolve

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "Asia/Kolkata",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "America/Havana",
        "Africa/Cairo",
    ]
).map(ZoneInfo)


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("day", "2026-03-29T00:00:00+01:00"),
        ("7d", "2026-03-23T00:00:00+01:00"),
        ("28d", "2026-03-02T00:00:00+01:00"),
        ("30d", "2026-02-28T00:00:00+01:00"),
        ("91d", "2025-12-29T00:00:00+01:00"),
        ("month", "2026-03-01T00:00:00+01:00"),
        ("6mo", "2025-10-01T00:00:00+02:00"),
        ("12mo", "2025-04-01T00:00:00+02:00"),
        ("year", "2026-01-01T00:00:00+01:00"),
        ("all", "1970-01-01T00:00:00+01:00"),
    ],
)
def test_a_named_range_goes_to_the_end_of_today_in_the_zone(name: str, begin: str) -> None:
    late_on_saturday_in_utc = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # a Sunday of 23 hours in Berlin
    period = resolve(name, BERLIN, late_on_saturday_in_utc)
    assert (period.begin.isoformat(), period.end.isoformat()) == (begin, "2026-03-30T00:00:00+02:00")
    assert period.last.isoformat() == "2026-03-29T23:59:59+02:00"


def test_every_named_range_is_tested_above() -> None:
    assert list(NAMED_RANGES) == [
        "realtime",
        "24h",
        "day",
        "yesterday",
        "7d",
        "28d",
        "30d",
        "91d",
        "month",
        "6mo",
        "12mo",
        "year",
        "all",
    ]


def test_two_dates_are_whole_days_and_two_moments_whole_seconds() -> None:
    days = parse_pair(("2026-10-25", "2026-10-25"), BERLIN)
    assert days.end.astimezone(UTC) - days.begin.astimezone(UTC) == timedelta(hours=25)
    moments = parse_pair(("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00.5+01:00"), BERLIN)
    assert (moments.begin.isoformat(), moments.end.isoformat()) == (
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:01+01:00",
    )


def test_a_day_whose_midnight_is_skipped_begins_with_its_first_moment() -> None:
    # Cairo's clocks went forward at midnight on 24 April 2026's Friday.
    period = parse_pair(("2026-04-24", "2026-04-24"), ZoneInfo("Africa/Cairo"))
    assert period.begin.isoformat() == "2026-04-24T01:00:00+03:00"


def test_a_skipped_day_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        parse_pair(("2011-12-30", "2011-12-30"), ZoneInfo("Pacific/Apia"))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    first = draw(st.dates(date(2026, 1, 1), date(2026, 12, 31)))
    last = first + timedelta(draw(st.integers(0, 5)))
    return parse_pair((first.isoformat(), last.isoformat()), draw(ZONES))


@given(periods())
def test_days_and_hours_are_those_of_every_moment_of_the_period(period: Period) -> None:
    days, hours = set(), set()
    moment = period.begin.astimezone(UTC)
    while moment < period.end.astimezone(UTC):
        local = moment.astimezone(period.begin.tzinfo)
        days.add(local.date())
        hours.add(moment - timedelta(minutes=local.minute))
        moment += timedelta(minutes=15)
    assert list(period.labels(Kind.DAY)) == sorted(days)
    assert [hour.astimezone(UTC) for hour in period.moments(Kind.HOUR)] == sorted(hours)


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_does_more_than_be_refused(first: str, last: str) -> None:
    with pytest.raises(ValueError, match="must be two dates"):
        parse_pair((first, last), BERLIN)
