"""The sink against a hub that works, and against one that does not."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from azure.eventhub import EventData, EventHubConsumerClient

from clickstream.delivery.event_hub import EventHubSink, lane_keys
from clickstream.delivery.hub_state import EventHubStates
from clickstream.delivery.message import Message
from clickstream.errors import Unavailable
from clickstream.settings import Connection
from local.event_hubs.process import EventHubsEmulator

# The SDK leaves a socket to the garbage collector when it is interrupted while it opens one.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
DEADLINE_SECONDS = 1.0


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsEmulator]:
    with EventHubsEmulator(tmp_path_factory.mktemp("hub"), {"events": 4}) as running:
        yield running


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Abandoned sockets are found here, where they are allowed, and not in a later test."""
    yield
    gc.collect()


@pytest.fixture
async def sink(emulator: EventHubsEmulator) -> AsyncIterator[EventHubSink]:
    sink = EventHubSink(Connection("EventHubConnection", emulator.connection_string), "events", DEADLINE_SECONDS)
    yield sink
    emulator.clear_faults()
    await sink.close()


def messages(count: int, *, visitors: int = 20, size: int = 10) -> list[Message]:
    return [
        Message(f"{number:0{size}}".encode(), f"visitor-{number % visitors}", {"site": "demo"})
        for number in range(count)
    ]


async def test_a_send_returns_once_every_message_is_stored(emulator: EventHubsEmulator, sink: EventHubSink) -> None:
    before = emulator.stored("events")
    await sink.send(messages(100))
    assert emulator.stored("events") - before == 100


@pytest.mark.parametrize("partitions", [1, 2, 4, 7, 32])
def test_the_lanes_are_keys_of_as_many_partitions(partitions: int) -> None:
    assert len(set(lane_keys(partitions))) == partitions


async def test_every_partition_is_used_and_each_visitor_keeps_to_one_in_order(
    emulator: EventHubsEmulator, sink: EventHubSink
) -> None:
    partitions = emulator.state()["hubs"]["events"]
    starts = {partition: int(state["last_sequence_number"]) for partition, state in partitions.items()}
    for first in range(0, 200, 50):
        await sink.send(messages(200)[first : first + 50])
    ends = emulator.state()["hubs"]["events"]
    seen: dict[str, list[int]] = {partition: [] for partition in starts}

    def receive(partition: str) -> None:
        expected = ends[partition]["last_sequence_number"] - starts[partition]
        consumer = EventHubConsumerClient.from_connection_string(
            emulator.connection_string, "$default", eventhub_name="events"
        )

        def on_batch(_: object, events: list[EventData]) -> None:
            seen[partition] += [int(event.body_as_str()) for event in events]
            if len(seen[partition]) >= expected:
                consumer.close()

        with consumer:
            # A number is a sequence number; text would be an offset.
            consumer.receive_batch(on_batch, partition_id=partition, starting_position=starts[partition])

    await asyncio.gather(*(asyncio.to_thread(receive, partition) for partition in starts))
    assert all(seen.values())
    assert sorted(number for numbers in seen.values() for number in numbers) == list(range(200))
    for numbers in seen.values():
        assert numbers == sorted(numbers)
    visitors = [{number % 20 for number in numbers} for numbers in seen.values()]
    assert sum(len(each) for each in visitors) == len(set().union(*visitors))


async def test_more_than_one_batch_holds_is_split_and_all_arrives(
    emulator: EventHubsEmulator, sink: EventHubSink
) -> None:
    before = emulator.stored("events")
    await sink.send(messages(30, visitors=1, size=100_000))
    assert emulator.stored("events") - before == 30


async def test_the_largest_message_is_taken(emulator: EventHubsEmulator, sink: EventHubSink) -> None:
    before = emulator.stored("events")
    properties = {"site": "s" * 63, "event_name": "n" * 200, "event_type": "custom", "schema_version": "1"}
    await sink.send([Message(b"x" * sink.max_message_bytes, "v", properties)])
    assert emulator.stored("events") - before == 1


@pytest.mark.parametrize(
    ("point", "action"),
    [
        ("send", "reject"),
        ("send", "detach"),
        ("send", "black_hole"),
        ("send", "no_ack"),
        ("send", "drop_before_store"),
        ("send", "drop_after_store"),
        ("attach", "refuse"),
        ("attach", "black_hole"),
        ("cbs", "reject"),
        ("cbs", "black_hole"),
        ("connect", "drop"),
        ("connect", "black_hole"),
    ],
)
async def test_a_hub_that_fails_is_told_in_time_and_the_next_send_works(
    emulator: EventHubsEmulator, point: str, action: str
) -> None:
    sink = EventHubSink(Connection("EventHubConnection", emulator.connection_string), "events", DEADLINE_SECONDS)
    if point == "send":
        await sink.send(messages(1))
    emulator.fault(point, action)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await sink.send(messages(10))
    assert time.monotonic() - began < 5
    emulator.clear_faults()
    before = emulator.stored("events")
    await sink.send(messages(10))
    assert emulator.stored("events") - before == 10
    await sink.close()


async def test_a_hub_that_is_gone_is_told_in_time(tmp_path: Path) -> None:
    emulator = EventHubsEmulator(tmp_path, {"events": 1}).start()
    sink = EventHubSink(Connection("EventHubConnection", emulator.connection_string), "events", DEADLINE_SECONDS)
    await sink.send(messages(1))
    emulator.kill()
    began = time.monotonic()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await sink.send(messages(1))
    assert time.monotonic() - began < 8
    await sink.close()


async def test_nothing_to_send_needs_no_hub(tmp_path: Path) -> None:
    sink = EventHubSink(Connection("EventHubConnection", "Endpoint=sb://localhost:1;"), "events", DEADLINE_SECONDS)
    await sink.send([])


async def test_the_hub_says_how_far_it_is(emulator: EventHubsEmulator, sink: EventHubSink) -> None:
    await sink.send(messages(8))
    state = await asyncio.to_thread(
        EventHubStates(Connection("EventHubConnection", emulator.connection_string)).ask, "events"
    )
    assert sum(last + 1 for last in state.last_sequence_numbers.values()) == emulator.stored("events")
    assert state.created_at.tzinfo is not None
