"""Who tries keys is slowed down, and nobody whose key was good."""

from __future__ import annotations

import pytest

from clickstream.errors import TooManyRequests
from clickstream.sites.tries import MAX_NETWORKS, MAX_PROVEN_KEYS, MAX_TRIES_WAITING, TRIES_AT_ONCE, Tries
from tests.functional.memory import Clock


def guess(tries: Tries, number: int, network: str = "192.0.2.0") -> float:
    digest = b"%d" % number
    wait = tries.begin(network, digest)
    tries.failed(network, digest)
    return wait


def test_after_some_tries_each_waits_its_turn_and_what_is_more_is_refused() -> None:
    clock = Clock()
    tries = Tries(clock)
    assert [guess(tries, n) for n in range(TRIES_AT_ONCE)] == [0.0] * TRIES_AT_ONCE
    assert [guess(tries, n) for n in range(MAX_TRIES_WAITING)] == [1.0, 2.0, 3.0, 4.0]
    with pytest.raises(TooManyRequests) as refused:
        guess(tries, 99)
    assert refused.value.retry_after_seconds == 5
    assert guess(tries, 99, "198.51.100.0") == 0.0
    clock.seconds += 5
    assert guess(tries, 99) == 0.0


def test_a_good_key_is_never_slowed_where_it_was_good_before() -> None:
    tries = Tries(Clock())
    tries.begin("192.0.2.0", b"good")
    tries.opened("192.0.2.0", b"good")
    for number in range(TRIES_AT_ONCE):
        guess(tries, number)
    assert tries.begin("192.0.2.0", b"good") == 0.0
    assert tries.begin("192.0.2.0", b"new here") == 1.0
    tries.opened("192.0.2.0", b"new here")
    assert tries.begin("192.0.2.0", b"new here") == 0.0


def test_good_keys_cost_no_tries_and_a_revoked_one_is_proven_no_longer() -> None:
    tries = Tries(Clock())
    for number in range(3 * TRIES_AT_ONCE):
        assert tries.begin("192.0.2.0", b"%d" % number) == 0.0
        tries.opened("192.0.2.0", b"%d" % number)
    tries.failed("192.0.2.0", b"7")
    assert [guess(tries, 7) for _ in range(TRIES_AT_ONCE + 1)][-1] == 1.0


def test_memory_is_bounded_however_many_try() -> None:
    tries = Tries(Clock())
    for number in range(2 * MAX_NETWORKS):
        guess(tries, number, f"network {number}")
        tries.opened(f"network {number}", b"key")
    assert len(tries) <= MAX_NETWORKS + MAX_PROVEN_KEYS
