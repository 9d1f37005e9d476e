"""Group commit shares transmissions among callers, keeps each lane's order, and reports only what is durable.

The tests run on a driven clock: a second passes once every task waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.delivery.group_commit import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    GroupCommit,
    NotTaken,
    pause_seconds,
)
from tests.support.driven_loop import DrivenLoop

LONG = 30.0


@dataclass
class Store:
    """Stores transmitted items as the next of its `answers` says, and all of them once there are no more answers.

    An answer is the maximum number of items to store. 0 refuses with retry, a negative one refuses without retry, but
    stores the items.
    """

    answers: list[int] = field(default_factory=list)
    turns: int = 1
    lanes: dict[int, list[int]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    at_once: dict[int, int] = field(default_factory=dict)

    async def transmit(self, lane: int, items: Sequence[int]) -> int:
        assert items
        self.at_once[lane] = self.at_once.get(lane, 0) + 1
        assert self.at_once[lane] == 1, "two transmissions of one lane at once"
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            answer = self.answers.pop(0) if self.answers else len(items)
            if answer == 0:
                raise NotTaken(retry=True)
            stored = items if answer < 0 else items[:answer]
            self.lanes.setdefault(lane, []).extend(stored)
            self.sizes.append(len(stored))
            if answer < 0:
                raise NotTaken(retry=False)
            return len(stored)
        finally:
            self.at_once[lane] -= 1


def loop() -> DrivenLoop:
    """The loop of the running test."""
    running = asyncio.get_running_loop()
    assert isinstance(running, DrivenLoop)
    return running


def group_commit(transmit: Callable[[int, Sequence[int]], Awaitable[int]], at_once: int = 1) -> GroupCommit[int]:
    """A group whose time of day is the loop's clock."""
    return GroupCommit(transmit, clock=loop().time, at_once=at_once)


def blocked() -> tuple[GroupCommit[int], asyncio.Event, list[list[int]]]:
    """A group whose transmissions wait for an event, and what was sent."""
    event = asyncio.Event()
    sent: list[list[int]] = []

    async def transmit(lane: int, items: Sequence[int]) -> int:
        await event.wait()
        sent.append(list(items))
        return len(items)

    return group_commit(transmit), event, sent


async def test_what_arrives_during_a_transmission_goes_out_together_in_the_next() -> None:
    group, event, sent = blocked()
    callers = [asyncio.create_task(group.commit({0: [0]}, LONG))]
    await asyncio.sleep(1)
    callers += [asyncio.create_task(group.commit({0: [number]}, LONG)) for number in range(1, 6)]
    await asyncio.sleep(1)
    event.set()
    assert await asyncio.gather(*callers) == [[]] * 6
    assert sent == [[0], [1, 2, 3, 4, 5]]


async def test_one_caller_alone_waits_for_nothing_but_its_own_transmission() -> None:
    store = Store()
    assert await group_commit(store.transmit).commit({0: [1], 1: [2]}, LONG) == []
    assert store.lanes == {0: [1], 1: [2]}


async def test_nothing_is_durable_at_once() -> None:
    assert await group_commit(Store().transmit).commit({}, LONG) == []


async def test_a_refusal_is_tried_again_in_order() -> None:
    store = Store([1, 0, 0, 2])
    group = group_commit(store.transmit)
    started_at = loop().time()
    results = await asyncio.gather(group.commit({0: [1, 2]}, LONG), group.commit({0: [3, 4]}, LONG))
    assert list(results) == [[], []]
    assert store.lanes == {0: [1, 2, 3, 4]}
    # One pause of 50 ms and one of 100 ms, each shortened by at most half.
    assert 0.075 <= loop().time() - started_at <= 0.15


async def test_a_refusal_for_good_gives_up_all_that_wait_and_the_next_starts_afresh() -> None:
    store = Store([1, -1])
    group = group_commit(store.transmit)
    results = await asyncio.gather(group.commit({0: [1, 2]}, LONG), group.commit({1: [3]}, LONG))
    assert list(results) == [[2], [3]]
    store.answers = [-1]
    results = await asyncio.gather(group.commit({0: [4]}, LONG), group.commit({1: [5]}, LONG))
    assert list(results) == [[4], [5]]
    assert await group.commit({0: [6]}, LONG) == []


async def test_at_the_deadline_the_caller_gets_what_is_left_and_it_is_not_sent_later() -> None:
    group, event, sent = blocked()
    first = asyncio.create_task(group.commit({0: [1]}, LONG))
    await asyncio.sleep(1)
    started_at = loop().time()
    assert await group.commit({0: [2, 3]}, 0.5) == [2, 3]
    assert loop().time() == pytest.approx(started_at + 0.5)
    event.set()
    assert await first == []
    assert await group.commit({0: [4]}, LONG) == []
    assert sent == [[1], [4]]


async def test_an_event_loop_that_was_held_up_sends_nothing_that_is_overdue() -> None:
    store = Store()
    group = group_commit(store.transmit)
    callers = [asyncio.create_task(group.commit({0: [number]}, seconds)) for number, seconds in ((1, 0.5), (2, LONG))]
    await asyncio.sleep(0)
    loop().advance(1)  # before the lane and the timers have their turns
    assert await asyncio.gather(*callers) == [[1], []]
    assert store.lanes == {0: [2]}


async def test_what_is_taken_after_its_deadline_is_not_told_as_durable() -> None:
    async def transmit(lane: int, items: Sequence[int]) -> int:
        loop().advance(1)
        return len(items)

    group = group_commit(transmit)
    results = await asyncio.gather(group.commit({0: [1]}, 0.5), group.commit({0: [2]}, LONG))
    assert list(results) == [[1], []]


async def test_a_cancelled_caller_harms_nobody() -> None:
    group, event, sent = blocked()
    callers = [asyncio.create_task(group.commit({0: [number]}, LONG)) for number in range(4)]
    await asyncio.sleep(0)
    callers[0].cancel()
    callers[2].cancel()
    await asyncio.sleep(0)
    event.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [results[1], results[3]] == [[], []]
    assert all(isinstance(results[number], asyncio.CancelledError) for number in (0, 2))
    assert {1, 3} <= {item for items in sent for item in items}


async def test_close_gives_up_what_waits_and_leaves_no_task() -> None:
    group, _, _ = blocked()
    caller = asyncio.create_task(group.commit({0: [1], 1: [2]}, LONG))
    await asyncio.sleep(1)
    await group.close()
    assert sorted(await caller) == [1, 2]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_fault_of_our_own_costs_its_callers_the_deadline_and_nobody_else_anything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = [KeyError("a mistake")]

    async def transmit(lane: int, items: Sequence[int]) -> int:
        if faults:
            raise faults.pop()
        return len(items)

    group = group_commit(transmit)
    with caplog.at_level(logging.ERROR):
        assert await group.commit({0: [1]}, 0.5) == [1]
        assert await group.commit({0: [2]}, LONG) == []


def test_pauses_grow_to_a_limit() -> None:
    assert all(FIRST_PAUSE_SECONDS / 2 <= pause_seconds(1) <= FIRST_PAUSE_SECONDS for _ in range(50))
    assert all(pause_seconds(20) <= LONGEST_PAUSE_SECONDS for _ in range(50))


CALLERS = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 2), st.integers(1, 4), min_size=1), st.integers(0, 6), st.booleans()),
    max_size=12,
)


@given(CALLERS, st.lists(st.integers(-1, 5), max_size=12), st.integers(0, 3), st.integers(1, 3))
def test_any_interleaving_keeps_the_order_and_tells_as_durable_only_what_is(
    callers: list[tuple[dict[int, int], int, bool]], answers: list[int], turns: int, at_once: int
) -> None:
    store = Store(answers, turns)
    numbers = iter(range(10_000))
    begun: dict[int, list[int]] = {}

    async def call(group: GroupCommit[int], counts: dict[int, int], wait: int, cancelled: bool) -> None:
        for _ in range(wait):
            await asyncio.sleep(0)
        lanes = {lane: [next(numbers) for _ in range(count)] for lane, count in counts.items()}
        for lane, items in lanes.items():
            begun.setdefault(lane, []).extend(items)
        task = asyncio.create_task(group.commit(lanes, LONG))
        if cancelled:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        if isinstance(results[0], BaseException):
            return
        durable = {item for items in store.lanes.values() for item in items}
        assert set().union(*lanes.values()) - set(results[0]) <= durable

    async def run() -> None:
        group = group_commit(store.transmit, at_once)
        await asyncio.gather(*(call(group, *caller) for caller in callers))
        await group.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=DrivenLoop) as runner:
        runner.run(run())
    for lane, stored in store.lanes.items():
        position = {item: at for at, item in enumerate(begun[lane])}
        seen = [position[item] for item in stored]
        assert seen == sorted(seen), "a lane keeps its order"
        assert len(set(seen)) == len(seen)
