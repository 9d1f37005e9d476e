"""Fault rules: when they fire, and how much a throttle admits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.event_hubs.faults import Faults, Rule


def struck(rule: Rule, occasions: int) -> list[bool]:
    return [rule.matches("send", "events", "0") for _ in range(occasions)]


def test_a_rule_strikes_after_its_turn_and_as_often_as_it_says() -> None:
    assert struck(Rule("send", "reject", after=2, count=2), 6) == [False, False, True, True, False, False]


def test_a_rule_keeps_to_its_point_hub_and_partition() -> None:
    rule = Rule("send", "reject", hub="events", partition="1")
    assert not rule.matches("cbs", None, None)
    assert not rule.matches("send", "other", "1")
    assert not rule.matches("send", "events", "0")
    assert rule.matches("send", "events", "1")
    assert (rule.seen, rule.fired) == (1, 1)


def test_chance_repeats_with_its_seed() -> None:
    first, again, other = (struck(Rule("send", "reject", probability=0.5, seed=seed), 64) for seed in (1, 1, 2))
    assert first == again != other
    assert 10 < sum(first) < 54


def test_the_first_rule_that_applies_decides() -> None:
    faults = Faults(clock=lambda: 0.0)
    faults.rules += [Rule("send", "reject", count=1), Rule("send", "delay")]
    actions = [rule.action for _ in range(3) if (rule := faults.at("send", "events", "0"))]
    assert actions == ["reject", "delay", "delay"]


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 200)), min_size=1, max_size=60))
def test_a_throttle_lets_no_more_through_than_its_rate_and_one_seconds_worth(steps: list[tuple[float, int]]) -> None:
    rule = Rule("send", "throttle", events_per_second=100.0)
    now, passed = 0.0, 0
    for wait, count in steps:
        now += wait
        if rule.allows(count, 0, now):
            passed += count
            # One batch larger than a second's worth passes when nothing is owed; it is owed afterwards.
            assert passed <= 100 * (now + 1) + 100


def test_what_one_rate_refuses_costs_the_other_nothing() -> None:
    rule = Rule("send", "throttle", events_per_second=10.0, bytes_per_second=100.0)
    assert not any(rule.allows(1, 101, 0.0) and rule.allows(1, 101, 0.0) for _ in range(5))
    refused = [rule.allows(1, 1, 0.0) for _ in range(3)]
    assert refused == [False] * 3
    assert [rule.allows(1, 1, 1.0) for _ in range(10)] == [True] * 10
