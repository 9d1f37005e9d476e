"""Which moment of an event is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.clocks import NEWEST, OLDEST, occurred

RECEIVED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SKEW = timedelta(days=3650)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 12, 31), timezones=st.just(UTC))


def test_a_wrong_clock_is_corrected_by_the_time_it_was_sent() -> None:
    created = RECEIVED + SKEW - timedelta(seconds=30)
    assert occurred(RECEIVED, RECEIVED + SKEW, created) == (RECEIVED - timedelta(seconds=30), False)


def test_sent_before_created_counts_as_at_once() -> None:
    assert occurred(RECEIVED, RECEIVED, RECEIVED + timedelta(milliseconds=900)) == (RECEIVED, False)


def test_without_created_it_happened_when_it_was_received() -> None:
    assert occurred(RECEIVED, RECEIVED + SKEW, None) == (RECEIVED, False)


def test_a_moment_out_of_its_window_is_held_at_the_edge_and_flagged() -> None:
    assert occurred(RECEIVED, None, RECEIVED - timedelta(days=8)) == (RECEIVED - OLDEST, True)
    assert occurred(RECEIVED, None, RECEIVED + timedelta(hours=1)) == (RECEIVED + NEWEST, True)


@given(MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS)
def test_any_clocks_give_a_moment_within_the_window(
    received: datetime, sent: datetime | None, created: datetime | None
) -> None:
    received = received.replace(year=min(max(received.year, 1971), 2199))
    moment, _ = occurred(received, sent, created)
    assert received - OLDEST <= moment <= received + NEWEST
