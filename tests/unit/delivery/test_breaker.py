"""The breaker spares a failing peer, and finds out by one probe at a time when it is well again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clickstream.delivery.breaker import (
    FAILURES_TO_OPEN,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    PROBE_SECONDS,
    Breaker,
)
from tests.functional.memory import Clock


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    breaker.failed(hung=True)
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker(Clock())
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed()
    breaker.succeeded()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed()
        assert (breaker.state, breaker.admits()) == ("closed", True)
    breaker.failed()
    assert (breaker.state, breaker.admits()) == ("open", False)


def test_one_failure_that_used_up_its_deadline_opens_it() -> None:
    assert not opened(Clock()).admits()


def test_after_the_pause_one_probe_is_let_through_and_its_success_closes() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.seconds += FIRST_PAUSE_SECONDS
    assert breaker.state == "half_open"
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert (breaker.state, breaker.admits()) == ("closed", True)


def test_the_pause_grows_with_each_failed_probe_up_to_a_limit() -> None:
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(8):
        before = clock.seconds
        while not breaker.admits():
            clock.seconds += 0.5
        pauses.append(clock.seconds - before)
        breaker.failed()
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_failures_of_those_let_through_before_do_not_make_the_pause_grow() -> None:
    clock = Clock()
    breaker = opened(clock)
    for _ in range(20):
        breaker.failed(hung=True)
    clock.seconds += FIRST_PAUSE_SECONDS
    assert breaker.state == "half_open"


def test_a_probe_that_never_tells_its_outcome_keeps_nobody_out_for_ever() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.seconds += FIRST_PAUSE_SECONDS
    assert breaker.admits()
    clock.seconds += PROBE_SECONDS
    assert [breaker.admits(), breaker.admits()] == [True, False]


@given(st.lists(st.sampled_from(["ok", "fail", "hang", "ask"]) | st.floats(0.1, 60)))
def test_whatever_happens_it_closes_once_the_peer_is_well(steps: list[str | float]) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for step in steps:
        match step:
            case "ok":
                breaker.succeeded()
            case "fail":
                breaker.failed()
            case "hang":
                breaker.failed(hung=True)
            case "ask":
                breaker.admits()
            case float():
                clock.seconds += step
    clock.seconds += LONGEST_PAUSE_SECONDS
    assert breaker.admits()
    breaker.succeeded()
    assert (breaker.state, breaker.admits()) == ("closed", True)
