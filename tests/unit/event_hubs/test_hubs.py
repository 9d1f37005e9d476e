"""Partitions: positions, retention and routing."""

from __future__ import annotations

import pytest
from azure.eventhub._buffered_producer._partition_resolver import PartitionResolver
from hypothesis import given
from hypothesis import strategies as st

from local.event_hubs.hubs import OVERHEAD_BYTES, Full, Hub, Partition, partition_of_key
from local.event_hubs.messages import Incoming

EVENT_BYTES = 744 + OVERHEAD_BYTES  # 1000


def events(count: int) -> list[Incoming]:
    return [Incoming(b"x" * 744, None) for _ in range(count)]


@given(st.text(alphabet=st.characters(codec="ascii"), min_size=1, max_size=80), st.integers(1, 32))
def test_a_key_goes_where_the_sdks_buffered_producer_sends_it(key: str, count: int) -> None:
    resolver = PartitionResolver([str(number) for number in range(count)])
    assert str(partition_of_key(key, count)) == resolver.get_partition_id_by_partition_key(key)


def test_without_a_key_partitions_take_turns() -> None:
    hub = Hub("h", [Partition(str(number), 1000) for number in range(3)], frozenset(), 0)
    assert sorted(hub.route(None).id for _ in range(6)) == ["0", "0", "1", "1", "2", "2"]


def test_time_never_runs_backwards_within_a_partition() -> None:
    partition = Partition("0", 10_000)
    for now in (5, 3, 9):
        partition.append(events(1), now)
    assert [event.enqueued_ms for event in partition.events] == [5, 5, 9]


def test_old_events_are_forgotten_beyond_the_limit() -> None:
    partition = Partition("0", 10 * EVENT_BYTES)
    for _ in range(25):
        partition.append(events(1), 0)
    assert [event.sequence for event in partition.events] == list(range(15, 25))
    assert (partition.begin_sequence, partition.next_sequence) == (15, 25)
    assert partition.bytes_held == 10 * EVENT_BYTES


def test_many_small_events_are_bounded_too() -> None:
    partition = Partition("0", 100_000)
    for _ in range(100):
        partition.append([Incoming(b"", None)] * 100, 0)
    assert len(partition.events) <= 100_000 / OVERHEAD_BYTES


def test_an_event_that_is_not_captured_is_never_forgotten() -> None:
    partition = Partition("0", 10 * EVENT_BYTES, captured_sequence=-1)
    partition.append(events(10), 0)
    with pytest.raises(Full):
        partition.append(events(1), 0)
    assert partition.next_sequence == 10
    partition.captured_sequence = 3
    partition.append(events(4), 0)
    with pytest.raises(Full):
        partition.append(events(1), 0)
    assert [event.sequence for event in partition.events] == list(range(4, 14))


@given(st.integers(1, 30), st.integers(1, 10), st.integers(-5, 60), st.integers(1, 20))
def test_reading_goes_on_where_it_stopped_and_skips_what_is_forgotten(
    count: int, held: int, start: int, at_once: int
) -> None:
    partition = Partition("0", held * EVENT_BYTES)
    for _ in range(count):
        partition.append(events(1), 0)
    read: list[int] = []
    position = start
    while some := partition.read(position, at_once):
        assert len(some) <= at_once
        read += [event.sequence for event in some]
        position = read[-1] + 1
    assert read == [number for number in range(max(0, count - held), count) if number >= start]


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("sequence", ">", -1, 0),
        ("sequence", ">", 1, 2),
        ("sequence", ">=", 1, 1),
        ("sequence", ">", 9, 4),
        ("offset", ">", EVENT_BYTES, 2),
        ("offset", ">=", EVENT_BYTES, 1),
        ("enqueued_ms", ">", 10, 2),
        ("enqueued_ms", ">=", 10, 0),
        ("enqueued_ms", ">", 19, 2),
        ("enqueued_ms", ">", 20, 4),
    ],
)
def test_a_position_is_the_first_event_beyond_it(name: str, operator: str, value: int, expected: int) -> None:
    partition = Partition("0", 100_000)
    partition.append(events(2), 10)
    partition.append(events(2), 20)
    assert partition.position(name, operator, value) == expected  # type: ignore[arg-type]
