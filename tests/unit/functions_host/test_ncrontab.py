"""NCRONTAB, by NCrontab's rules and not by Vixie cron's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.ncrontab import InvalidSchedule, parse_schedule

SATURDAY = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 */5 * * * *", "2026-03-01T00:00:00"),
        ("*/10 * * * * *", "2026-03-01T00:00:00"),
        ("*/5 * * * *", "2026-03-01T00:00:00"),
        ("30 0 12 * * *", "2026-03-01T12:00:30"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 9 * * mon", "2026-03-02T09:00:00"),
        ("0 0 9 * * Mon-Fri", "2026-03-02T09:00:00"),
        ("0 0 0 13 * 5", "2026-03-13T00:00:00"),
        ("0 0 0 1 jan,jul *", "2026-07-01T00:00:00"),
        ("0 0 22-20 * * *", "2026-03-01T20:00:00"),
        ("0 50/4 * * * *", "2026-03-01T00:50:00"),
        ("0 0 0 * * 0", "2026-03-01T00:00:00"),
    ],
)
def test_the_next_run_is_the_first_moment_that_matches_every_field(text: str, expected: str) -> None:
    assert parse_schedule(text).next_after(SATURDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    assert parse_schedule("0 0 0 13 * fri").next_after(datetime(2026, 3, 14, tzinfo=UTC)).date().isoformat() == (
        "2026-11-13"
    )


def test_a_span_of_time_is_counted_from_the_last_run() -> None:
    schedule = parse_schedule("00:00:30")
    assert schedule.next_after(SATURDAY) == SATURDAY + timedelta(seconds=30)
    assert schedule.is_sub_minute
    assert not parse_schedule("0 * * * * *").is_sub_minute


@pytest.mark.parametrize(
    "text",
    ["", "* * *", "60 * * * * *", "* * 24 * * *", "* * * 0 * *", "* * * * 13 *", "* * * * * 7", "* * * * * someday",
     "*/0 * * * * *", "@daily", "0 0 0 L * *", "* * * * * * *", "a:b:c"],
)  # fmt: skip
def test_what_ncrontab_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule):
        parse_schedule(text)


def test_a_schedule_that_never_comes_is_refused() -> None:
    with pytest.raises(InvalidSchedule):
        parse_schedule("0 0 0 30 2 *").next_after(SATURDAY)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 23),
)
def test_a_daily_run_comes_within_a_day_and_at_its_time(moment: datetime, second: int, minute: int, hour: int) -> None:
    after = parse_schedule(f"{second} {minute} {hour} * * *").next_after(moment)
    assert (after.hour, after.minute, after.second) == (hour, minute, second)
    assert timedelta() < after - moment <= timedelta(days=1)
