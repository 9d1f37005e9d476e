"""The unmodified Python SDK as a consumer."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, PartitionContext
from azure.eventhub.aio import EventHubConsumerClient as AsyncConsumer
from azure.eventhub.exceptions import ConnectionLostError
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator

pytestmark = pytest.mark.integration
Until = Callable[[Callable[[], bool]], None]


@contextmanager
def receiving(emulator: EventHubsEmulator, hub: str, **more: Any) -> Iterator[list[EventData]]:
    """A consumer at work on a thread, and what it has received so far; ended and joined at the end."""
    received: list[EventData] = []
    client = consumer_of(emulator, hub)

    def on_event(context: PartitionContext, event: EventData | None) -> None:
        assert event is not None
        received.append(event)

    thread = threading.Thread(target=lambda: client.receive(on_event=on_event, **more))
    thread.start()
    try:
        yield received
    finally:
        client.close()
        thread.join(timeout=60)
        assert not thread.is_alive()


def consumer_of(emulator: EventHubsEmulator, hub: str, group: str = "$Default", **more: Any) -> EventHubConsumerClient:
    return EventHubConsumerClient.from_connection_string(
        emulator.connection_string, consumer_group=group, eventhub_name=hub, **more
    )


def bodies(events: list[EventData]) -> list[str]:
    return [event.body_as_str() for event in events]


def test_what_was_sent_is_received_whole(emulator: EventHubsEmulator, until: Until) -> None:
    event = EventData(b"\x00\xffbody")
    event.properties = {"site": "demo", "count": 3, "ratio": 0.5, "yes": True, "raw": b"\x01"}
    event.content_type, event.message_id, event.correlation_id = "application/json", "m-1", "c-1"
    with EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name="plain") as producer:
        producer.send_event(event, partition_key="visitor-ä")
        partition = next(
            name for name in producer.get_partition_ids() if not producer.get_partition_properties(name)["is_empty"]
        )
    with receiving(emulator, "plain", partition_id=partition, starting_position="-1") as received:
        until(lambda: len(received) == 1)
    found = received[0]
    assert b"".join(cast(Iterator[bytes], found.body)) == b"\x00\xffbody"
    assert found.properties == {b"site": b"demo", b"count": 3, b"ratio": 0.5, b"yes": True, b"raw": b"\x01"}
    assert (found.content_type, found.message_id, found.correlation_id) == ("application/json", "m-1", "c-1")
    assert (found.partition_key, found.sequence_number, found.offset) == ("visitor-ä".encode(), 0, "0")
    assert found.enqueued_time is not None and abs(found.enqueued_time - datetime.now(UTC)) < timedelta(minutes=1)


def test_every_starting_position_starts_where_it_says(
    emulator: EventHubsEmulator, send: Callable[..., None], until: Until
) -> None:
    send(emulator, "positions", [b"0", b"1"], partition_id="0")
    send(emulator, "positions", [b"2", b"3"], partition_id="0")
    with receiving(emulator, "positions", partition_id="0", starting_position="-1") as received:
        until(lambda: len(received) == 4)
    events = list(received)
    assert [event.sequence_number for event in events] == [0, 1, 2, 3]
    first_offset, first_at = events[1].offset, events[1].enqueued_time
    assert first_at is not None
    cases: list[tuple[object, bool, list[str]]] = [
        (1, False, ["2", "3"]),
        (1, True, ["1", "2", "3"]),
        (first_offset, False, ["2", "3"]),
        (first_offset, True, ["1", "2", "3"]),
        (first_at, False, ["2", "3"]),
        (first_at - timedelta(milliseconds=1), False, ["0", "1", "2", "3"]),
        ("-1", False, ["0", "1", "2", "3"]),
        (99, False, []),
    ]
    for position, inclusive, expected in cases:
        with receiving(
            emulator, "positions", partition_id="0", starting_position=position, starting_position_inclusive=inclusive
        ) as received:
            until(lambda found=received, wanted=expected: len(found) >= len(wanted))  # type: ignore[misc]
        assert bodies(received) == expected, (position, inclusive)


def test_latest_delivers_only_what_comes_after(
    emulator: EventHubsEmulator, send: Callable[..., None], until: Until
) -> None:
    send(emulator, "positions", [b"old"], partition_id="1")
    with receiving(emulator, "positions", partition_id="1", starting_position="@latest") as received:

        def sent_one_more() -> bool:
            send(emulator, "positions", [b"new"], partition_id="1")
            return bool(received)

        until(sent_one_more)
    assert set(bodies(received)) == {"new"}


async def test_the_async_consumer_receives_in_order_across_many_prefetches(
    emulator: EventHubsEmulator, send: Callable[..., None]
) -> None:
    expected = [str(number) for number in range(2000)]
    send(emulator, "async", [text.encode() for text in expected], partition_id="1")
    received: list[str] = []
    complete = asyncio.Event()

    async def on_event(context: object, event: EventData | None) -> None:
        assert event is not None
        received.append(event.body_as_str())
        if len(received) == len(expected):
            complete.set()

    client = AsyncConsumer.from_connection_string(
        emulator.connection_string, consumer_group="second", eventhub_name="async", load_balancing_interval=1
    )
    async with client:
        receiving = asyncio.create_task(client.receive(on_event=on_event, partition_id="1", starting_position="-1"))
        await asyncio.wait_for(complete.wait(), 30)
    await receiving
    assert received == expected


def test_two_consumers_share_the_partitions_and_checkpoints_outlive_them(
    emulator: EventHubsEmulator, azurite: Azurite, until: Until
) -> None:
    container = f"checkpoints-{uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(azurite.connection_string, container) as storage:
        storage.create_container()
    lock = threading.Lock()
    owned: dict[int, set[str]] = defaultdict(set)
    received: list[str] = []

    def consume(number: int) -> tuple[EventHubConsumerClient, threading.Thread]:
        client = consumer_of(
            emulator,
            "balance",
            checkpoint_store=BlobCheckpointStore.from_connection_string(azurite.connection_string, container),
            load_balancing_interval=0.5,
            load_balancing_strategy="balanced",
            partition_ownership_expiration_interval=5,
        )

        def on_event(context: PartitionContext, event: EventData | None) -> None:
            assert event is not None
            with lock:
                received.append(event.body_as_str())
            context.update_checkpoint(event)

        thread = threading.Thread(
            target=lambda: client.receive(
                on_event=on_event,
                on_partition_initialize=lambda context: owned[number].add(context.partition_id),
                on_partition_close=lambda context, reason: owned[number].discard(context.partition_id),
                starting_position="-1",
            )
        )
        thread.start()
        return client, thread

    def send_to_all(tag: str) -> set[str]:
        bodies = {partition: f"{tag}-{partition}" for partition in "0123"}
        with EventHubProducerClient.from_connection_string(
            emulator.connection_string, eventhub_name="balance"
        ) as producer:
            for partition, body in bodies.items():
                producer.send_batch([EventData(body)], partition_id=partition)
        return set(bodies.values())

    first = send_to_all("first")
    running = [consume(1), consume(2)]
    try:
        until(lambda: len(owned[1]) == 2 and len(owned[2]) == 2 and owned[1] | owned[2] == set("0123"))
        until(lambda: first <= set(received))
    finally:
        for client, thread in running:
            client.close()
            thread.join(timeout=60)
    second = send_to_all("second")
    del received[:]
    client, thread = consume(3)
    try:
        until(lambda: second <= set(received))
    finally:
        client.close()
        thread.join(timeout=60)
    assert sorted(received) == sorted(second)


def test_a_higher_epoch_takes_the_partition_and_a_lower_one_is_refused(
    emulator: EventHubsEmulator, send: Callable[..., None], until: Until
) -> None:
    send(emulator, "epochs", [b"one"], partition_id="0")
    errors: dict[int, list[Exception]] = defaultdict(list)

    def watched(level: int) -> dict[str, Any]:
        return {
            "partition_id": "0",
            "owner_level": level,
            "starting_position": "-1",
            "on_error": lambda context, error: errors[level].append(error),
        }

    with receiving(emulator, "epochs", **watched(1)) as low:
        until(lambda: len(low) == 1)
        with receiving(emulator, "epochs", **watched(2)) as high:
            until(lambda: len(high) == 1 and bool(errors[1]))
            assert isinstance(errors[1][0], ConnectionLostError)
            with receiving(emulator, "epochs", **watched(0)) as refused:
                until(lambda: bool(errors[0]))
            assert refused == []
            send(emulator, "epochs", [b"two"], partition_id="0")
            until(lambda: bodies(high) == ["one", "two"])
    assert errors[2] == []


def test_the_last_enqueued_event_is_told_with_each_delivery(
    emulator: EventHubsEmulator, send: Callable[..., None], until: Until
) -> None:
    send(emulator, "metrics", [b"one", b"two", b"three"])
    told: list[dict[str, Any]] = []
    client = consumer_of(emulator, "metrics")

    def on_event(context: PartitionContext, event: EventData | None) -> None:
        told.append(dict(context.last_enqueued_event_properties or {}))

    thread = threading.Thread(
        target=lambda: client.receive(
            on_event=on_event, partition_id="0", starting_position="-1", track_last_enqueued_event_properties=True
        )
    )
    thread.start()
    try:
        until(lambda: len(told) == 3)
    finally:
        client.close()
        thread.join(timeout=60)
    assert told[0]["sequence_number"] == 2
    assert told[0]["enqueued_time"].tzinfo is not None


def test_an_unknown_consumer_group_is_refused(emulator: EventHubsEmulator, until: Until) -> None:
    errors: list[Exception] = []
    client = consumer_of(emulator, "plain", group="nobodys", retry_total=0)
    thread = threading.Thread(
        target=lambda: client.receive(
            on_event=lambda context, event: None,
            on_error=lambda context, error: errors.append(error),
            partition_id="0",
        )
    )
    thread.start()
    try:
        until(lambda: bool(errors))
    finally:
        client.close()
        thread.join(timeout=60)
    assert "nobodys" in str(errors[0])
