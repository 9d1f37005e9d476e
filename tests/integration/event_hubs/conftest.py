"""Running emulators, and helpers that send to them and wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.eventhub import EventData, EventHubProducerClient

from local.event_hubs.process import EventHubsEmulator

Send = Callable[..., None]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsEmulator]:
    """One emulator for a module's tests, which use hubs of different names; no test uses `plain`."""
    hubs = {name: 4 for name in ("plain", "keys", "batches", "async", "positions", "balance", "epochs", "node")}
    folder: Path = tmp_path_factory.mktemp("event_hubs")
    with EventHubsEmulator(folder, {**hubs, "single": 1, "metrics": 1}, consumer_groups=("second",)) as running:
        yield running


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Poll until a condition is true. Fail after `seconds`."""

    def wait(holds: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "the condition did not become true"
            time.sleep(0.02)

    return wait


@pytest.fixture
def send() -> Send:
    """Send bodies as one batch, with a client of its own."""

    def send_bodies(
        emulator: EventHubsEmulator,
        hub: str,
        bodies: list[bytes],
        partition_id: str | None = None,
        partition_key: str | None = None,
    ) -> None:
        producer = EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name=hub)
        with producer:
            batch = producer.create_batch(partition_id=partition_id, partition_key=partition_key)
            for body in bodies:
                batch.add(EventData(body))
            producer.send_batch(batch)

    return send_bodies
