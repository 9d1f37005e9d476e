"""A key's rate, and the memory that keeping it takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.rate_limit import BURST_SECONDS, RateLimit
from clickstream.errors import TooManyRequests
from tests.functional.memory import Clock


def test_a_key_without_a_rate_is_never_refused_nor_remembered() -> None:
    limit = RateLimit(Clock())
    for _ in range(1000):
        limit.take("a", 500, None)
    assert len(limit) == 0


def test_a_key_over_its_rate_is_told_when_to_come_back_and_others_are_not_touched() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    limit.take("a", 150, 10)  # 100 at rest, so 50 in debt
    with pytest.raises(TooManyRequests) as refused:
        limit.take("a", 1, 10)
    assert refused.value.retry_after_seconds == 6
    limit.take("b", 1, 10)
    clock.seconds += refused.value.retry_after_seconds
    limit.take("a", 1, 10)


def test_case_22_a_million_keys_take_no_more_memory_than_the_limit_of_keys() -> None:
    limit = RateLimit(Clock(), max_keys=100)
    for number in range(10_000):
        limit.take(number, 1, 1)
    assert len(limit) == 100


def test_a_clock_that_goes_back_gives_no_events_away() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    limit.take("a", 20, 2)
    clock.seconds -= 3600
    with pytest.raises(TooManyRequests):
        limit.take("a", 1, 2)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=60), st.floats(0.1, 100))
def test_what_is_taken_never_exceeds_rate_times_time_by_more_than_a_burst_and_a_batch(
    steps: list[tuple[float, int]], rate: float
) -> None:
    clock = Clock()
    limit = RateLimit(clock)
    taken, began = 0, clock.seconds
    for pause, events in steps:
        clock.seconds += pause
        try:
            limit.take("a", events, rate)
            taken += events
        except TooManyRequests:
            pass
        assert taken <= rate * (clock.seconds - began + BURST_SECONDS) + 50 + 1e-6
