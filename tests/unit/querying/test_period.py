"""Ranges of time in a zone, on the days when its clocks change too."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clickstream.filters.dimensions import Kind
from clickstream.querying.period import NAMED_RANGES, Period, parse_pair, previous, resolve, same_part, year_before

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
    ("zone", "day", "hours"),
    [
        ("Australia/Lord_Howe", "2026-04-05", "00:00+11:00 01:00+11:00 01:30+10:30 02:00+10:30"),
        ("Australia/Lord_Howe", "2026-10-04", "00:00+10:30 01:00+10:30 02:30+11:00 03:00+11:00"),
        ("Pacific/Chatham", "2026-04-05", "02:00+13:45 03:00+13:45 02:45+12:45 03:00+12:45"),
        ("Pacific/Chatham", "2026-09-27", "01:00+12:45 02:00+12:45 03:45+13:45 04:00+13:45"),
        ("Europe/Berlin", "2026-10-25", "01:00+02:00 02:00+02:00 02:00+01:00 03:00+01:00"),
    ],
)
def test_the_hour_in_which_the_clocks_change_begins_again_with_the_change(zone: str, day: str, hours: str) -> None:
    begin = datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone))
    period = Period(begin, begin + timedelta(1))
    labels = [label for label in period.labels(Kind.HOUR) if isinstance(label, datetime)]
    texts = [label.isoformat(timespec="minutes").partition("T")[2] for label in labels]
    first = texts.index(hours.split()[0])
    assert texts[first : first + 4] == hours.split()
    for label, after in pairwise(labels):
        assert period.bucket_end(label, Kind.HOUR).astimezone(UTC) == after.astimezone(UTC)


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


# On Lord Howe Island the clocks change by half an hour, within an hour of UTC; on the Chatham Islands at 2:45.
@example(parse_pair(("2026-10-03", "2026-10-04"), ZoneInfo("Australia/Lord_Howe")))
@example(parse_pair(("2026-04-04", "2026-04-05"), ZoneInfo("Australia/Lord_Howe")))
@example(parse_pair(("2026-09-26", "2026-09-27"), ZoneInfo("Pacific/Chatham")))
@given(periods())
def test_days_and_hours_are_those_of_every_moment_of_the_period(period: Period) -> None:
    days, hours = set(), dict[tuple[date, int, timedelta | None], datetime]()
    moment = period.begin.astimezone(UTC)
    while moment < period.end.astimezone(UTC):
        local = moment.astimezone(period.begin.tzinfo)
        days.add(local.date())
        hours.setdefault((local.date(), local.hour, local.utcoffset()), moment)
        moment += timedelta(minutes=15)
    assert list(period.labels(Kind.DAY)) == sorted(days)
    assert [hour.astimezone(UTC) for hour in period.moments(Kind.HOUR)] == sorted(hours.values())


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_does_more_than_be_refused(first: str, last: str) -> None:
    with pytest.raises(ValueError, match="must be two dates"):
        parse_pair((first, last), BERLIN)


@pytest.mark.parametrize(
    ("range_", "until", "expected"),
    [
        ("day", "2026-11-29T06:24:10+01:00", ["2026-11-28T00:00:00+01:00", "2026-11-28T06:24:09+01:00"]),
        ("28d", "2026-11-29T06:24:10+01:00", ["2026-10-05T00:00:00+02:00", "2026-11-01T06:24:09+01:00"]),
        ("month", "2026-11-29T06:24:10+01:00", ["2026-10-03T00:00:00+02:00", "2026-10-31T06:24:09+01:00"]),
        ("yesterday", "2026-11-29T06:24:10+01:00", ["2026-11-27T00:00:00+01:00", "2026-11-27T23:59:59+01:00"]),
        # Nothing of the period is complete yet: there is no part to compare.
        ("day", "2026-11-28T23:00:00+01:00", ["2026-11-28T00:00:00+01:00", "2026-11-28T23:59:59+01:00"]),
        ("24h", "2026-11-29T06:00:00+01:00", ["2026-11-27T06:24:11+01:00", "2026-11-28T05:59:59+01:00"]),
    ],
)
def test_a_running_period_is_compared_with_the_same_part_of_the_one_before(
    range_: str, until: str, expected: list[str]
) -> None:
    period = resolve(range_, BERLIN, datetime.fromisoformat("2026-11-29T06:24:10+01:00"))
    assert same_part(previous(period), period, datetime.fromisoformat(until)).texts == expected


@given(ZONES, st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), st.booleans())
def test_the_part_of_another_period_ends_at_the_same_time_by_the_clock(
    zone: ZoneInfo, now: datetime, match_day_of_week: bool
) -> None:
    for range_ in ("day", "7d", "28d", "30d", "month", "91d"):
        period = resolve(range_, zone, now)
        for other in (previous(period, match_day_of_week), year_before(period, match_day_of_week)):
            part = same_part(other, period, now)
            assert part.begin == other.begin and part.end.astimezone(UTC) <= other.end.astimezone(UTC)
            if match_day_of_week:
                assert other.begin.weekday() == period.begin.weekday()
                assert (other.end.date() - other.begin.date()) == (period.end.date() - period.begin.date())
                assert other.end.astimezone(UTC) <= period.begin.astimezone(UTC)
            whole = now.astimezone(zone).replace(microsecond=0)
            days_in = whole.date() - period.begin.date()
            if part.end != other.end and part.end.utcoffset() == other.begin.utcoffset() and whole.time() > time(4):
                assert (part.end.date() - other.begin.date(), part.end.time()) == (days_in, whole.time())


@pytest.mark.parametrize(
    ("range_", "kind", "until", "expected"),
    [
        ("7d", Kind.DAY, "2026-11-29T06:24:10+01:00", ["2026-11-29"]),
        ("7d", Kind.WEEK, "2026-11-29T06:24:10+01:00", ["2026-11-23"]),
        ("month", Kind.WEEK, "2026-11-30T00:00:00+01:00", ["2026-10-26"]),
        ("month", Kind.MONTH, "2026-11-29T06:24:10+01:00", ["2026-11-01"]),
        ("yesterday", Kind.HOUR, "2026-11-29T06:24:10+01:00", []),
        ("yesterday", Kind.DAY, "2026-11-27T00:00:00+01:00", ["2026-11-28"]),
        ("yesterday", Kind.DAY, None, ["2026-11-28"]),
    ],
)
def test_labels_of_unfinished_time_are_named(range_: str, kind: Kind, until: str | None, expected: list[str]) -> None:
    period = resolve(range_, BERLIN, datetime.fromisoformat("2026-11-29T06:24:10+01:00"))
    labels = period.partial_labels(kind, datetime.fromisoformat(until) if until else None)
    assert [label.isoformat() for label in labels] == expected
