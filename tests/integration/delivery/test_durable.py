"""The sink of hub and spill: what one does not accept the other does, and the result is exact."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import fastavro
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.capture.decode import decode_file
from clickstream.capture.spill import SpillFiles
from clickstream.delivery.durable import DurableSink
from clickstream.delivery.event_hub import EventHub
from clickstream.delivery.spill import Spill
from clickstream.errors import Unavailable
from clickstream.model.message import Delivery, Message
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.tally import Tally
from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.delivery.conftest import (
    DEADLINE_SECONDS,
    PATIENCE_SECONDS,
    SLACK_SECONDS,
    connection,
    messages,
    now,
)

# As in test_event_hub.py.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
# Time to connect in, on a busy machine, for a hub that is to fail afterwards.
CONNECTING_SECONDS = 4.0
Sinks = Callable[[float, float], DurableSink]

assert fastavro  # imported here, so that no test's clock pays for it


@pytest.fixture
async def sinks(
    emulator: EventHubsEmulator, azurite: Azurite, storage: FailingStorage, spill_container: str
) -> AsyncIterator[Sinks]:
    """Makes sinks, with the seconds that the hub and the spill have."""
    account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
    account = replace(account, blob_endpoint=storage.endpoint)
    storage.die_at(None)
    sinks: list[DurableSink] = []

    def make(hub_seconds: float, spill_seconds: float) -> DurableSink:
        hub = EventHub(connection(emulator), "events", hub_seconds, now, Tally(time.monotonic))
        spill = Spill(SpillFiles(account.container(spill_container)), "events", spill_seconds, now)
        sinks.append(DurableSink(hub, spill))
        return sinks[-1]

    yield make
    emulator.clear_faults()
    storage.die_at(None)
    for sink in sinks:
        await sink.close()


@pytest.fixture
def sink(sinks: Sinks) -> DurableSink:
    """A sink whose spill works."""
    return sinks(CONNECTING_SECONDS, PATIENCE_SECONDS)


@pytest.fixture
def spilled(azurite: Azurite, spill_container: str) -> Callable[[], list[list[bytes]]]:
    """The bodies of each blob."""
    container = BlobServiceClient.from_connection_string(azurite.connection_string).get_container_client(
        spill_container
    )

    def read() -> list[list[bytes]]:
        return [
            decode_file(container.download_blob(name).readall()).bodies.to_pylist()
            for name in sorted(container.list_blob_names())
        ]

    return read


def bodies(sent: Sequence[Message]) -> list[bytes]:
    return [message.body for message in sent]


async def test_a_hub_that_works_takes_all_and_dead_storage_is_never_asked(
    emulator: EventHubsEmulator, storage: FailingStorage, sinks: Sinks, spilled: Callable[[], list[list[bytes]]]
) -> None:
    sink = sinks(PATIENCE_SECONDS, DEADLINE_SECONDS)
    storage.die_at(1)
    before = emulator.stored("events")
    results = await asyncio.gather(*(sink.send([message]) for message in messages(200)))
    assert results == [Delivery(acknowledged=1)] * 200
    assert (emulator.stored("events") - before, storage.seen, spilled()) == (200, 0, [])


@pytest.mark.parametrize("action", ["reject", "black_hole"])
async def test_what_the_hub_does_not_take_stands_in_the_spill(
    emulator: EventHubsEmulator, sink: DurableSink, spilled: Callable[[], list[list[bytes]]], action: str
) -> None:
    await sink.send(messages(1))
    emulator.fault("send", action)
    sent = messages(30)
    began = time.monotonic()
    assert await sink.send(sent) == Delivery(spilled=30)
    assert time.monotonic() - began < CONNECTING_SECONDS + SLACK_SECONDS
    assert sorted(body for blob in spilled() for body in blob) == bodies(sent)


async def test_a_loop_that_was_held_up_makes_nothing_durable_after_the_time_that_may_be_called_complete(
    emulator: EventHubsEmulator, sink: DurableSink, spilled: Callable[[], list[list[bytes]]]
) -> None:
    await sink.send(messages(1))
    before = emulator.stored("events")
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)  # as a request that costs too much would
    with pytest.raises(Unavailable):
        await sink.send(messages(30), now() + timedelta(seconds=0.3))
    await sink.send(messages(5))
    assert (emulator.stored("events") - before, spilled()) == (5, [])


async def test_concurrent_requests_share_blobs(
    emulator: EventHubsEmulator, sink: DurableSink, spilled: Callable[[], list[list[bytes]]]
) -> None:
    emulator.fault("connect", "drop")
    sent = messages(100)
    while (await sink.send(sent[:1])).acknowledged or (await sink.state()).hub == "closed":
        pass
    blobs = len(spilled())
    results = await asyncio.gather(*(sink.send([message]) for message in sent[1:]))
    assert results == [Delivery(spilled=1)] * 99
    assert {body for blob in spilled() for body in blob} == set(bodies(sent))
    assert len(spilled()) - blobs <= 5


async def test_more_than_one_blob_takes_is_split(
    emulator: EventHubsEmulator, sink: DurableSink, spilled: Callable[[], list[list[bytes]]]
) -> None:
    emulator.fault("connect", "drop")
    sent = messages(20, size=1_000_000)
    assert await sink.send(sent) == Delivery(spilled=20)
    blobs = spilled()
    assert sorted(len(blob) for blob in blobs) == [4, 8, 8]
    assert {body for blob in blobs for body in blob} == set(bodies(sent))


async def test_a_part_that_was_acknowledged_is_not_spilled(
    emulator: EventHubsEmulator, sink: DurableSink, spilled: Callable[[], list[list[bytes]]]
) -> None:
    await sink.send(messages(4))
    emulator.fault("send", "black_hole", partition="0")
    emulator.fault("send", "black_hole", partition="1")
    before = emulator.stored("events")
    delivery = await sink.send(messages(40))
    assert delivery.acknowledged + delivery.spilled == 40
    assert delivery.spilled == sum(len(blob) for blob in spilled())
    assert emulator.stored("events") - before >= delivery.acknowledged


@pytest.mark.parametrize(
    ("status", "stall_seconds"),
    [(403, 0.0), (404, 0.0), (409, 0.0), (412, 0.0), (500, 0.0), (403, 30.0)],
    ids=["403", "404", "409", "412", "500", "hangs"],
)
async def test_with_hub_and_spill_dead_the_caller_gets_an_error_in_time_and_both_recover(
    emulator: EventHubsEmulator, storage: FailingStorage, sinks: Sinks, status: int, stall_seconds: float
) -> None:
    sink = sinks(DEADLINE_SECONDS, DEADLINE_SECONDS)
    emulator.fault("connect", "black_hole")
    storage.die_at(1, status=status, stall_seconds=stall_seconds)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await sink.send(messages(3))
        assert time.monotonic() - began < 2 * DEADLINE_SECONDS + SLACK_SECONDS
    assert not (await sink.state()).works
    storage.die_at(None)
    deadline = time.monotonic() + 120
    while True:
        try:
            assert await sink.send(messages(3)) == Delivery(spilled=3)
            break
        except Unavailable:
            assert time.monotonic() < deadline
    state = await sink.state()
    assert (state.works, state.hub_reachable, state.spill_reachable) == (True, False, True)


async def test_a_blob_that_exists_already_is_the_write_whose_answer_was_lost(
    emulator: EventHubsEmulator, storage: FailingStorage, sink: DurableSink, spilled: Callable[[], list[list[bytes]]]
) -> None:
    emulator.fault("connect", "drop")
    storage.die_at(1, does_the_last=True, status=500)
    sending = asyncio.create_task(sink.send(messages(2)))
    while not storage.seen:
        await asyncio.sleep(0.01)
    storage.die_at(None)
    assert await sending == Delivery(spilled=2)
    assert spilled() == [bodies(messages(2))]


async def test_a_write_that_fails_once_is_tried_again(
    emulator: EventHubsEmulator, storage: FailingStorage, sink: DurableSink, spilled: Callable[[], list[list[bytes]]]
) -> None:
    emulator.fault("connect", "drop")
    storage.die_at(1)
    sending = asyncio.create_task(sink.send(messages(2)))
    while not storage.seen:
        await asyncio.sleep(0.01)
    storage.die_at(None)
    assert await sending == Delivery(spilled=2)


async def test_its_state_is_determined_without_a_message(emulator: EventHubsEmulator, sink: DurableSink) -> None:
    before = emulator.stored("events")
    fresh = await sink.state()
    assert (fresh.hub, fresh.hub_reachable, fresh.spill_reachable) == ("closed", True, True)
    assert (fresh.acknowledged_at, fresh.spilled_at, fresh.works) == (None, None, True)
    assert emulator.stored("events") == before
    await sink.send(messages(1))
    assert (await sink.state()).acknowledged_at is not None
    emulator.fault("send", "black_hole")
    await sink.send(messages(1))
    spilling = await sink.state()
    assert (spilling.hub, spilling.works) == ("open", True)
    assert spilling.spilled_at is not None
