"""The unmodified Python SDK as a producer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub._buffered_producer._partition_resolver import PartitionResolver
from azure.eventhub.aio import EventHubProducerClient as AsyncProducer
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventDataSendError, EventHubError

from local.event_hubs.process import EventHubsEmulator

pytestmark = pytest.mark.integration


def producer_of(emulator: EventHubsEmulator, hub: str, **more: Any) -> EventHubProducerClient:
    return EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name=hub, **more)


def counts(emulator: EventHubsEmulator, hub: str) -> list[int]:
    return [partition["stored"] for partition in emulator.state()["hubs"][hub].values()]


def test_a_batch_is_stored_whole_in_one_partition(emulator: EventHubsEmulator, send: Callable[..., None]) -> None:
    send(emulator, "batches", [b"%d" % number for number in range(900)])
    assert sorted(counts(emulator, "batches")) == [0, 0, 0, 900]


def test_a_batch_for_a_partition_id_is_stored_there(emulator: EventHubsEmulator) -> None:
    before = counts(emulator, "plain")
    with producer_of(emulator, "plain") as producer:
        producer.send_batch([EventData(b"one"), EventData(b"two")], partition_id="2")
        producer.send_event(EventData(b"three"), partition_id="3")
    assert [after - was for after, was in zip(counts(emulator, "plain"), before, strict=True)] == [0, 0, 2, 1]


def test_partition_keys_go_where_the_service_would_put_them(emulator: EventHubsEmulator) -> None:
    keys = [f"visitor-{number}" for number in range(25)]
    resolver = PartitionResolver(["0", "1", "2", "3"])
    expected = [0, 0, 0, 0]
    with producer_of(emulator, "keys") as producer:
        for key in keys:
            producer.send_event(EventData(key), partition_key=key)
            expected[int(resolver.get_partition_id_by_partition_key(key))] += 1
    assert counts(emulator, "keys") == expected


async def test_the_async_producer_sends(emulator: EventHubsEmulator) -> None:
    producer = AsyncProducer.from_connection_string(emulator.connection_string, eventhub_name="async")
    async with producer:
        batch = await producer.create_batch(partition_key="k")
        batch.add(EventData(b"one"))
        await producer.send_batch(batch)
        await producer.send_event(EventData(b"two"))
        assert await producer.get_partition_ids() == ["0", "1", "2", "3"]
    assert emulator.stored("async") == 2


def test_the_buffered_producer_flushes_all_it_took(emulator: EventHubsEmulator) -> None:
    failed: list[Any] = []
    before = emulator.stored("plain")
    producer = producer_of(
        emulator,
        "plain",
        buffered_mode=True,
        max_wait_time=0.2,
        on_success=lambda events, partition: None,
        on_error=lambda events, partition, error: failed.append(error),
    )
    with producer:
        for number in range(200):
            producer.send_event(EventData(str(number)))
        producer.flush()
    assert (failed, emulator.stored("plain") - before) == ([], 200)


def test_the_largest_batch_is_just_under_one_mebibyte(emulator: EventHubsEmulator) -> None:
    before = emulator.stored("single")
    with producer_of(emulator, "single") as producer:
        batch = producer.create_batch()
        assert batch.max_size_in_bytes == 1_048_576
        batch.add(EventData(b"x" * 1_048_376))
        with pytest.raises(ValueError):
            batch.add(EventData(b"x" * 200))
        producer.send_batch(batch)
    assert emulator.stored("single") - before == 1


def test_an_oversize_event_is_rejected_and_not_stored(emulator: EventHubsEmulator) -> None:
    before = emulator.stored("single")
    with (
        producer_of(emulator, "single") as producer,
        pytest.raises(EventDataSendError, match="LinkMessageSizeExceeded"),
    ):
        producer.send_event(EventData(b"x" * 1_100_000))
    assert emulator.stored("single") == before


def test_properties_of_hub_and_partition_are_told(emulator: EventHubsEmulator, send: Callable[..., None]) -> None:
    with producer_of(emulator, "metrics") as producer:
        empty = producer.get_partition_properties("0")
        hub = producer.get_eventhub_properties()
        send(emulator, "metrics", [b"one", b"two"])
        filled = producer.get_partition_properties("0")
    assert (hub["eventhub_name"], hub["partition_ids"]) == ("metrics", ["0"])
    assert hub["created_at"] < filled["last_enqueued_time_utc"]
    assert empty["is_empty"] and (empty["beginning_sequence_number"], empty["last_enqueued_sequence_number"]) == (
        -1,
        -1,
    )
    assert empty["last_enqueued_offset"] == "-1"
    assert not filled["is_empty"]
    assert (filled["beginning_sequence_number"], filled["last_enqueued_sequence_number"]) == (0, 1)


def test_an_unknown_hub_and_an_unknown_partition_are_refused(emulator: EventHubsEmulator) -> None:
    with producer_of(emulator, "nowhere", retry_total=0) as producer, pytest.raises(EventHubError):
        producer.send_event(EventData(b"x"))
    with producer_of(emulator, "plain", retry_total=0) as producer:
        with pytest.raises(EventHubError):
            producer.send_event(EventData(b"x"), partition_id="9")
        with pytest.raises(ConnectError):
            producer.get_partition_properties("9")


def test_a_wrong_key_opens_nothing(emulator: EventHubsEmulator) -> None:
    wrong = emulator.connection_string.replace("SAS_KEY_VALUE", "another")
    before = emulator.stored("plain")
    producer = EventHubProducerClient.from_connection_string(wrong, eventhub_name="plain", retry_total=0)
    with producer, pytest.raises(AuthenticationError):
        producer.send_event(EventData(b"x"))
    assert emulator.stored("plain") == before


def test_ports_may_be_chosen_and_a_busy_one_is_said(emulator: EventHubsEmulator, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=str(emulator.port)):
        EventHubsEmulator(tmp_path, {"a": 1}, port=emulator.port).start()
