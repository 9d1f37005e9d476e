"""When jobs are due, above all on the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.sites.schedules import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "America/New_York")


def schedule(**fields: Any) -> Schedule:
    return Schedule.model_validate(fields)


def due(count: int, after: datetime, zone: ZoneInfo, **fields: Any) -> list[str]:
    """The next due times, in UTC."""
    times: list[datetime] = []
    for _ in range(count):
        times.append(schedule(**fields).due_after(times[-1] if times else after, after, zone))
    return [moment.isoformat(" ", "minutes").removesuffix("+00:00") for moment in times]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "after", "expected"),
    [
        # 02:30 does not exist on 29 March; clocks go from 02:00 to 03:00.
        ("Europe/Berlin", "02:30", "2026-03-28T12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
        # 02:30 is there twice on 25 October; the first counts.
        ("Europe/Berlin", "02:30", "2026-10-24T12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        # Midnight was left out on 4 November 2018.
        ("America/Sao_Paulo", "00:00", "2018-11-03T12:00", ["2018-11-04 03:00", "2018-11-05 02:00"]),
        # Half an hour.
        ("Australia/Lord_Howe", "02:15", "2026-10-03T12:00", ["2026-10-03 15:30", "2026-10-04 15:15"]),
        # Clocks go from 02:00 to 02:30: the time is there, as the end of the gap.
        ("Australia/Lord_Howe", "02:30", "2026-10-03T12:00", ["2026-10-03 15:30", "2026-10-04 15:30"]),
        # Clocks go from 02:00 back to 01:30: 01:45 is there twice, 02:30 once.
        ("Australia/Lord_Howe", "01:45", "2026-04-04T12:00", ["2026-04-04 14:45", "2026-04-05 15:15"]),
        ("Australia/Lord_Howe", "02:30", "2026-04-04T12:00", ["2026-04-04 16:00", "2026-04-05 16:00"]),
        # 02:30 is there on both nights; the hour before midnight was there twice on 17 February 2018.
        ("America/Sao_Paulo", "02:30", "2018-11-03T12:00", ["2018-11-04 04:30", "2018-11-05 04:30"]),
        ("America/Sao_Paulo", "02:30", "2018-02-16T12:00", ["2018-02-17 04:30", "2018-02-18 05:30"]),
        ("America/Sao_Paulo", "23:30", "2018-02-17T12:00", ["2018-02-18 01:30", "2018-02-19 02:30"]),
        # A whole day, 30 December 2011, was left out: what was due on it is due when it would have ended.
        ("Pacific/Apia", "12:00", "2011-12-29T23:00", ["2011-12-30 10:00", "2011-12-30 22:00"]),
    ],
)
def test_a_daily_job_is_due_once_on_each_day_of_the_zone(zone: str, at: str, after: str, expected: list[str]) -> None:
    assert due(2, utc(after), ZoneInfo(zone), every="day", at=at) == expected


def test_a_weekly_job_is_due_on_its_day() -> None:
    assert due(2, utc("2026-03-24T12:00"), BERLIN, every="week", at="06:00", day="sunday") == [
        "2026-03-29 04:00",
        "2026-04-05 04:00",
    ]
    assert due(1, utc("2026-03-24T12:00"), BERLIN, every="week", at="06:00") == ["2026-03-31 04:00"], "first run's day"


def test_a_monthly_job_is_due_on_the_last_day_of_shorter_months() -> None:
    expected = ["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00", "2026-04-30 00:00"]
    for day in (31, "last"):
        assert due(4, utc("2026-01-15T12:00"), ZoneInfo("UTC"), every="month", at="00:00", day=day) == expected
    leap = ["2028-01-30 00:00", "2028-02-29 00:00", "2028-03-30 00:00"]
    assert due(3, utc("2028-01-15T12:00"), ZoneInfo("UTC"), every="month", at="00:00", day=30) == leap
    assert due(1, utc("2026-01-31T13:00"), ZoneInfo("UTC"), every="month", at="12:00") == ["2026-02-28 12:00"]
    assert due(2, utc("2026-01-15T12:00"), ZoneInfo("UTC"), every="month", at="13:00") == [
        "2026-01-15 13:00",
        "2026-02-15 13:00",
    ]


def test_without_a_time_of_day_a_job_is_due_an_interval_after_its_last_run() -> None:
    after = utc("2026-10-24T23:10")  # 01:10 in Berlin, before the longest day
    assert due(1, after, BERLIN) == ["2026-10-26 00:10"], "01:10 on the next day"
    assert due(3, after, BERLIN, every="hour") == ["2026-10-25 00:10", "2026-10-25 01:10", "2026-10-25 02:10"]
    assert due(1, after, BERLIN, every="week") == ["2026-11-01 00:10"]
    assert due(1, utc("2026-01-31T05:00"), ZoneInfo("UTC"), every="month") == ["2026-02-28 05:00"]


def test_one_run_makes_up_for_all_due_times_that_were_missed() -> None:
    daily = schedule(every="day", at="02:30")
    missed = daily.latest_due(utc("2026-03-10T01:30"), utc("2026-03-13T01:29"), utc("2026-03-01T00:00"), BERLIN)
    assert missed == utc("2026-03-12T01:30")


@given(
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2008, 1, 1), date(2027, 1, 1)),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_due_times_grow_and_no_calendar_day_is_due_twice(zone: str, day: date, hour: int, minute: int) -> None:
    every_day = schedule(every="day", at=f"{hour:02}:{minute:02}")
    clock, moment = ZoneInfo(zone), datetime.combine(day, time(), UTC)
    for _ in range(5):
        following = every_day.due_after(moment, moment, clock)
        assert timedelta() < following - moment <= timedelta(hours=49)
        local = following.astimezone(clock)
        is_left_out = (local - timedelta(minutes=1)).utcoffset() is None or local.time() != time(hour, minute)
        assert not is_left_out or end_of_a_gap(following, clock)
        moment = following


def end_of_a_gap(moment: datetime, zone: ZoneInfo) -> bool:
    before, at = ((moment - delta).astimezone(zone).utcoffset() for delta in (timedelta(minutes=1), timedelta()))
    assert before is not None and at is not None
    return at > before


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"every": "hour", "at": "02:30"}, "no time of day"),
        ({"every": "day", "at": "02:30", "day": "monday"}, "needs `at`, and a weekly or monthly job"),
        ({"every": "week", "day": "monday"}, "needs `at`, and a weekly or monthly job"),
        ({"every": "week", "at": "02:30", "day": 3}, "of a weekly job is a weekday"),
        ({"every": "month", "at": "02:30", "day": "monday"}, "of a monthly one 1 to 31"),
        ({"every": "day", "at": "24:00"}, "pattern"),
        ({"every": "minute"}, "'hour', 'day', 'week' or 'month'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        schedule(**fields)
