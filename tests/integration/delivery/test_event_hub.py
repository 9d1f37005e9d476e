"""The hub's edge against a hub that works, and against one that does not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from azure.eventhub import EventData, EventHubConsumerClient

from clickstream.delivery.durable import MAX_MESSAGE_BYTES
from clickstream.delivery.event_hub import EventHub
from clickstream.delivery.hub_client import lane_keys
from clickstream.delivery.hub_state import EventHubStates
from clickstream.model.message import Message
from clickstream.settings import Connection
from clickstream.tally import Tally
from local.event_hubs.process import EventHubsEmulator
from tests.functional.memory import Clock
from tests.integration.delivery.conftest import (
    DEADLINE_SECONDS,
    PATIENCE_SECONDS,
    SLACK_SECONDS,
    connection,
    connections_to,
    messages,
    now,
)

# The SDK leaves a socket to the garbage collector when it is interrupted while it opens one.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FAULTS = [
    ("send", "black_hole"),
    ("send", "reject"),
    ("send", "detach"),
    ("send", "drop_before_store"),
    ("send", "drop_after_store"),
    ("attach", "refuse"),
    ("attach", "black_hole"),
    ("cbs", "reject"),
    ("connect", "drop"),
    ("connect", "black_hole"),
]


@pytest.fixture
async def hub(emulator: EventHubsEmulator) -> AsyncIterator[EventHub]:
    hub = EventHub(connection(emulator), "events", PATIENCE_SECONDS, now, Tally(time.monotonic))
    yield hub
    emulator.clear_faults()
    await hub.close()


@pytest.fixture
async def hasty(emulator: EventHubsEmulator) -> AsyncIterator[EventHub]:
    """A hub that is given up soon."""
    hub = EventHub(connection(emulator), "events", DEADLINE_SECONDS, now, Tally(time.monotonic))
    yield hub
    emulator.clear_faults()
    await hub.close()


def by_body(left: Sequence[Message]) -> list[Message]:
    return sorted(left, key=lambda message: message.body)


async def deliver_until_taken(hub: EventHub, sent: list[Message], seconds: float = 120) -> int:
    """Deliver until all is acknowledged. Return the number of attempts."""
    deadline = time.monotonic() + seconds
    tries = 1
    while sent := list(await hub.deliver(sent)):
        assert time.monotonic() < deadline, "the hub was not used again"
        tries += 1
        await asyncio.sleep(0.02)
    return tries


async def test_a_delivery_returns_once_every_message_is_stored(emulator: EventHubsEmulator, hub: EventHub) -> None:
    before = emulator.stored("events")
    assert await hub.deliver(messages(100)) == []
    assert emulator.stored("events") - before == 100
    assert hub.acknowledged_at is not None


async def test_lines_report_how_long_the_hub_takes_and_that_its_breaker_opened(
    emulator: EventHubsEmulator,
) -> None:
    clock = Clock()
    tally = Tally(clock)
    hub = EventHub(connection(emulator), "events", PATIENCE_SECONDS, now, tally)
    emulator.fault("send", "delay", delay_ms=100, count=1)
    assert await hub.deliver(messages(1)) == []
    emulator.fault("send", "reject")
    while hub.breaker.state == "closed":
        await hub.deliver(messages(1))
    emulator.clear_faults()
    await hub.close()
    tally.answered(1, [], 0, has_salt=True)
    lines = sorted(tally.lines())
    assert lines[0].startswith('breaker_open: {"schema": 1, "openings": 1, "hub": "events", "reason": "')
    assert [line.partition(": ")[0] for line in lines[1:]] == ["spilling"]
    clock.seconds += 60
    (line,) = tally.lines()
    numbers = json.loads(line.removeprefix("collected: "))
    assert (numbers["sends"], numbers["breaker_openings"]) == (1, 1)
    assert numbers["missed"] >= 1
    assert 100 <= numbers["send_ms_mean"] == numbers["send_ms_slowest"]


@pytest.mark.parametrize("partitions", [1, 2, 4, 7, 32])
def test_the_lanes_are_keys_of_as_many_partitions(partitions: int) -> None:
    assert len(set(lane_keys(partitions))) == partitions


async def test_every_partition_is_used_and_each_visitor_keeps_to_one_in_order(
    emulator: EventHubsEmulator, hub: EventHub
) -> None:
    partitions = emulator.state()["hubs"]["events"]
    starts = {partition: int(state["last_sequence_number"]) for partition, state in partitions.items()}
    for first in range(0, 200, 50):
        assert await hub.deliver(messages(200)[first : first + 50]) == []
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


async def test_concurrent_requests_share_batches(emulator: EventHubsEmulator, hub: EventHub) -> None:
    await hub.deliver(messages(4))
    emulator.fault("send", "delay", delay_ms=1, count=100_000)
    before = emulator.stored("events")
    results = await asyncio.gather(*(hub.deliver([message]) for message in messages(400)))
    assert results == [[]] * 400
    assert emulator.stored("events") - before == 400
    sends = emulator.state()["faults"][0]["fired"]
    assert sends <= 12, "four lanes, each with one send for the first and few for the rest"


async def test_more_than_one_batch_holds_is_split_and_all_arrives(emulator: EventHubsEmulator, hub: EventHub) -> None:
    before = emulator.stored("events")
    assert await hub.deliver(messages(30, visitors=1, size=100_000)) == []
    assert emulator.stored("events") - before == 30


async def test_the_largest_message_is_taken(emulator: EventHubsEmulator, hub: EventHub) -> None:
    before = emulator.stored("events")
    properties = {"site": "s" * 63, "event_name": "n" * 200, "event_type": "custom", "schema_version": "1"}
    assert await hub.deliver([Message(b"x" * MAX_MESSAGE_BYTES, "v", properties)]) == []
    assert emulator.stored("events") - before == 1


@pytest.mark.parametrize("action", ["reject", "detach", "drop_before_store"])
async def test_a_hub_that_fails_for_a_moment_is_tried_again_within_the_deadline(
    emulator: EventHubsEmulator, hub: EventHub, action: str
) -> None:
    await hub.deliver(messages(1))
    before = emulator.stored("events")
    # The client sends once more by itself after some failures, so that one would show nothing.
    emulator.fault("send", action, count=2)
    assert await hub.deliver(messages(10, visitors=1)) == []
    assert emulator.stored("events") - before == 10


@pytest.mark.parametrize(("point", "action"), FAULTS)
async def test_a_failing_hub_is_reported_in_time_then_spared_and_used_again(
    emulator: EventHubsEmulator, hasty: EventHub, point: str, action: str
) -> None:
    if point == "send":
        await deliver_until_taken(hasty, messages(1))
    emulator.fault(point, action)
    sent = messages(10)
    began = time.monotonic()
    assert by_body(await hasty.deliver(sent)) == sent
    assert time.monotonic() - began < DEADLINE_SECONDS + SLACK_SECONDS
    while hasty.breaker.admits():
        assert by_body(await hasty.deliver(sent)) == sent
    began = time.monotonic()
    assert [await hasty.deliver(sent) for _ in range(100)] == [sent] * 100
    assert time.monotonic() - began < SLACK_SECONDS, "nobody waits for a hub that is spared"
    emulator.clear_faults()
    before = emulator.stored("events")
    await deliver_until_taken(hasty, sent)
    assert emulator.stored("events") - before >= 10
    assert hasty.breaker.state == "closed"


async def test_a_slow_connection_is_made_in_the_background_and_serves_a_later_request(
    emulator: EventHubsEmulator, hasty: EventHub
) -> None:
    emulator.fault("cbs", "delay", delay_ms=1500)
    began = time.monotonic()
    assert len(await hasty.deliver(messages(2))) == 2
    assert time.monotonic() - began < DEADLINE_SECONDS + SLACK_SECONDS
    await deliver_until_taken(hasty, messages(2))
    connections = [rule["fired"] for rule in emulator.state()["faults"]]
    assert connections <= [4], "the connection that was slow is the one that was used"


async def test_a_hub_that_acknowledges_late_has_its_events_twice_rather_than_never(
    emulator: EventHubsEmulator,
) -> None:
    # Long enough for a busy machine to send, and shorter than the hub takes to acknowledge.
    hub = EventHub(connection(emulator), "events", 5.0, now, Tally(time.monotonic))
    await deliver_until_taken(hub, messages(1))
    before = emulator.stored("events")
    emulator.fault("send", "delay", delay_ms=60_000, count=1)
    sent = messages(5, visitors=1)
    assert await hub.deliver(sent) == sent
    assert emulator.stored("events") - before == 5
    emulator.clear_faults()
    await hub.close()


async def test_sends_to_a_hub_that_is_gone_fail_in_time(tmp_path: Path) -> None:
    emulator = EventHubsEmulator(tmp_path, {"events": 1}).start()
    hub = EventHub(connection(emulator), "events", DEADLINE_SECONDS, now, Tally(time.monotonic))
    await deliver_until_taken(hub, messages(1))
    emulator.kill()
    began = time.monotonic()
    for _ in range(2):
        assert len(await hub.deliver(messages(1))) == 1
    assert time.monotonic() - began < 2 * DEADLINE_SECONDS + SLACK_SECONDS
    await hub.close()


async def test_after_the_hub_ended_an_idle_connection_the_first_request_succeeds(tmp_path: Path) -> None:
    with EventHubsEmulator(tmp_path, {"events": 1}, env={"EVENT_HUBS_IDLE_MS": "1000"}) as emulator:
        hub = EventHub(connection(emulator), "events", PATIENCE_SECONDS, now, Tally(time.monotonic))
        assert await hub.deliver(messages(1)) == []
        deadline = time.monotonic() + 120
        while connections_to(emulator.port):
            assert time.monotonic() < deadline, "the hub never ended the connection"
            await asyncio.sleep(0.05)
        began = time.monotonic()
        assert await hub.deliver(messages(5)) == []
        assert time.monotonic() - began < DEADLINE_SECONDS + SLACK_SECONDS
        await hub.close()


async def test_a_cancelled_request_harms_no_other(emulator: EventHubsEmulator, hub: EventHub) -> None:
    await hub.deliver(messages(1))
    before = emulator.stored("events")
    emulator.fault("send", "delay", delay_ms=200, count=1)
    requests = [asyncio.create_task(hub.deliver([message])) for message in messages(20, visitors=1)]
    deadline = time.monotonic() + 120
    while not emulator.state()["faults"][0]["fired"]:
        assert time.monotonic() < deadline, "nothing was sent"
        await asyncio.sleep(0.01)
    cancelled = {0, 7}
    for number in cancelled:
        requests[number].cancel()
    results = await asyncio.gather(*requests, return_exceptions=True)
    assert [result for number, result in enumerate(results) if number not in cancelled] == [[]] * 18
    assert emulator.stored("events") - before >= 18


async def test_nothing_to_send_needs_no_hub() -> None:
    hub = EventHub(
        Connection("EventHubConnection", "Endpoint=sb://localhost:1;"),
        "events",
        DEADLINE_SECONDS,
        now,
        Tally(time.monotonic),
    )
    assert await hub.deliver([]) == []


async def test_the_hub_says_how_far_it_is(emulator: EventHubsEmulator, hub: EventHub) -> None:
    await hub.deliver(messages(8))
    state = await asyncio.to_thread(
        EventHubStates(Connection("EventHubConnection", emulator.connection_string)).ask, "events"
    )
    assert sum(last + 1 for last in state.last_sequence_numbers.values()) == emulator.stored("events")
    assert state.created_at.tzinfo is not None
