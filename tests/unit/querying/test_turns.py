"""Who is answered next: one tenant's flood of questions keeps no other tenant waiting for long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import TooManyRequests, Unavailable
from clickstream.querying.turns import Asker, Limits, Turn, Turns

ALPHA, BETA, GAMMA = (Asker(site, site.encode()) for site in ("alpha", "beta", "gamma"))
SOON = 0.05


async def settled(turns: Turns, askers: Sequence[Asker]) -> list[asyncio.Task[Turn]]:
    """A task for each asker that waits for its turn, in this order."""
    tasks = [asyncio.create_task(turns.take(asker)) for asker in askers]
    await asyncio.sleep(0)
    return tasks


def limits(at_once: int = 2, per_site: int = 1, waiting: int = 10, seconds: float = 60.0) -> Limits:
    return Limits(at_once, per_site, waiting, seconds)


async def test_a_site_with_endless_questions_leaves_room_for_another() -> None:
    turns = Turns(limits())
    flood = await settled(turns, [ALPHA] * 5)
    assert [task.done() for task in flood] == [True, False, False, False, False]
    (other,) = await settled(turns, [BETA])
    assert other.done(), "the second place is no place of the first site's"
    for task in flood:
        task.cancel()


async def test_the_site_that_had_a_turn_least_lately_is_next_whoever_came_first() -> None:
    turns = Turns(limits(at_once=1))
    running, *flood = await settled(turns, [ALPHA] * 5)
    beta, gamma = await settled(turns, [BETA, GAMMA])
    order = []
    while True:
        (await running).end()
        await asyncio.sleep(0)
        waiting = {"beta": beta, "gamma": gamma, **{f"alpha {n}": task for n, task in enumerate(flood)}}
        ready = [name for name, task in waiting.items() if task.done() and name not in order]
        if not ready:
            break
        (name,) = ready
        order.append(name)
        running = waiting[name]
    assert order == ["beta", "gamma", "alpha 0", "alpha 1", "alpha 2", "alpha 3"]


async def test_a_share_link_that_many_follow_keeps_the_sites_own_key_waiting_for_one_turn_at_most() -> None:
    turns = Turns(limits(at_once=1))
    link, owner = Asker("alpha", b"share"), Asker("alpha", b"read")
    running, *flood = await settled(turns, [link] * 5)
    (own,) = await settled(turns, [owner])
    (await running).end()
    await asyncio.sleep(0)
    assert own.done()
    assert not any(task.done() for task in flood)
    for task in flood:
        task.cancel()


async def test_more_than_may_wait_are_refused_at_once_and_told_when_to_come_again() -> None:
    turns = Turns(limits(waiting=4))
    first = await settled(turns, [ALPHA] * 3)
    with pytest.raises(TooManyRequests, match="2 queries with this key wait") as caught:
        await turns.take(ALPHA)
    assert caught.value.retry_after_seconds > 0
    others = await settled(turns, [Asker("alpha", b"another")] * 2)
    with pytest.raises(TooManyRequests, match="4 queries of this site wait"):
        await turns.take(Asker("alpha", b"a third"))
    assert (await turns.take(BETA)) is not None
    for task in [*first, *others]:
        task.cancel()


async def test_who_waits_too_long_is_sent_away_and_takes_no_turn() -> None:
    turns = Turns(limits(seconds=SOON))
    turn = await turns.take(ALPHA)
    with pytest.raises(Unavailable):
        await turns.take(ALPHA)
    turn.end()
    (await turns.take(ALPHA)).end()


async def test_a_caller_that_goes_away_leaves_its_turn_to_the_next() -> None:
    turns = Turns(limits())
    turn = await turns.take(ALPHA)
    gone, stays = await settled(turns, [ALPHA] * 2)
    turn.end()
    gone.cancel()  # called already, and not yet aware of it
    await asyncio.wait({stays}, timeout=5)
    assert stays.done()
    (await stays).end()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=60),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(0, 2**32),
)
def test_whatever_happens_no_limit_is_passed_and_no_turn_is_lost(
    askers: list[tuple[int, int]], at_once: int, per_site: int, waiting: int, seed: int
) -> None:
    bounds = limits(at_once, per_site, waiting)
    asyncio.run(_any_history([Asker(f"s{s}", bytes([k])) for s, k in askers], bounds, random.Random(seed)))


async def _any_history(askers: Sequence[Asker], bounds: Limits, chance: random.Random) -> None:
    turns = Turns(bounds)
    running: list[tuple[Asker, Turn]] = []
    waiting: list[tuple[Asker, asyncio.Task[Turn]]] = []

    async def settle() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for pair in [pair for pair in waiting if pair[1].done()]:
            waiting.remove(pair)
            with suppress(TooManyRequests, asyncio.CancelledError):
                running.append((pair[0], pair[1].result()))
        assert len(running) <= bounds.at_once
        for share in {share for asker, _ in running for share in asker.shares}:
            assert sum(share in asker.shares for asker, _ in running) <= bounds.per_site
        for asker, _ in waiting:  # nobody waits who could run
            full = [sum(share in other.shares for other, _ in running) >= bounds.per_site for share in asker.shares]
            assert len(running) == bounds.at_once or any(full)

    for asker in askers:
        waiting.append((asker, asyncio.create_task(turns.take(asker))))
        await settle()
        if running and chance.random() < 0.4:
            running.pop(chance.randrange(len(running)))[1].end()
        if waiting and chance.random() < 0.2:
            waiting[chance.randrange(len(waiting))][1].cancel()
        await settle()
    while running or waiting:
        assert running, "somebody waits though nobody runs"
        running.pop()[1].end()
        await settle()
