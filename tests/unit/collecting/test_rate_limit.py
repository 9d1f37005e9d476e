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
        limit.take_from("network", "a", 500, None)
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


def test_a_million_keys_and_networks_take_no_more_memory_than_the_limit_of_them() -> None:
    limit = RateLimit(Clock(), most=100)
    for number in range(10_000):
        limit.take(str(number), 1, 1)
        limit.take_from(f"network {number}", "a", 1, 1_000_000)
    assert len(limit) == 200


def test_one_request_of_a_stranger_shuts_no_other_visitor_out() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    limit.take_from("stranger", "public", 500, 10)
    for number in range(40):
        limit.take_from(f"visitor {number}", "public", 1, 10)
    with pytest.raises(TooManyRequests, match="from one network") as refused:
        limit.take_from("stranger", "public", 1, 10)
    assert refused.value.retry_after_seconds == 91, "50 at rest, so 450 in debt, at half of the rate"


def test_a_network_that_floods_a_site_leaves_half_of_its_rate_to_all_others() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    taken = {"stranger": 0, "visitor": 0}
    for _ in range(100 * 60):
        clock.seconds += 0.01
        for network in taken:
            for _ in range(20 if network == "stranger" else 1):
                if network == "visitor" and clock.seconds % 0.25 > 0.01:
                    continue  # four a second
                try:
                    limit.take_from(network, "public", 1, 10)
                    taken[network] += 1
                except TooManyRequests:
                    pass
    assert taken["visitor"] >= 235
    assert taken["stranger"] <= 5 * (60 + BURST_SECONDS) + 1


def test_many_networks_together_have_the_rate_of_the_key() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    taken = 0
    for number in range(20_000):
        clock.seconds += 0.001
        try:
            limit.take_from(f"network {number}", "public", 1, 10)
            taken += 1
        except TooManyRequests as refused:
            assert refused.retry_after_seconds == 1
    assert taken <= 10 * (20 + BURST_SECONDS) + 1


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
