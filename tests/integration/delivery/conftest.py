"""A running hub, and storage that fails on demand."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.model.message import Message
from clickstream.settings import Connection
from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator
from tests.integration.compacting.failing_storage import FailingStorage

# The deadline for a peer that fails in the test, short to save time ...
DEADLINE_SECONDS = 1.0
# ... and for one that works, long enough for a busy machine.
PATIENCE_SECONDS = 20.0
# What a busy machine may add to a deadline: less than the minute that a silent peer would hold a request without one,
# and less than a hundred deadlines.
SLACK_SECONDS = 40.0


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventHubsEmulator]:
    with EventHubsEmulator(tmp_path_factory.mktemp("hub"), {"events": 4}) as running:
        yield running


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


@pytest.fixture
def spill_container(azurite: Azurite) -> str:
    """A container of the test's own."""
    name = f"spill-{uuid4().hex[:12]}"
    BlobServiceClient.from_connection_string(azurite.connection_string).create_container(name)
    return name


@pytest.fixture(scope="module", autouse=True)
def forgotten_halves() -> Iterator[None]:
    """Collect connections that the peer closed. Without TLS the SDK does not close its own side."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
async def nothing_leaks(emulator: EventHubsEmulator) -> AsyncIterator[None]:
    """No task and no connection to the hub outlives a test."""
    yield
    assert asyncio.all_tasks() <= {asyncio.current_task()}, "a task was left"
    deadline = time.monotonic() + 120
    while left := connections_to(emulator.port):
        assert time.monotonic() < deadline, f"connections were left: {left}"
        gc.collect()
        await asyncio.sleep(0.02)


def connections_to(port: int) -> set[str]:
    """Inodes of this process's established connections to a port."""
    established = set()
    for table in ("tcp", "tcp6"):
        for line in (Path("/proc/net") / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "01" and int(fields[2].rpartition(":")[2], 16) == port:
                established.add(f"socket:[{fields[9]}]")
    open_files = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            open_files.add(str(entry.readlink()))
    return open_files & established


def now() -> datetime:
    return datetime.now(UTC)


def connection(emulator: EventHubsEmulator) -> Connection:
    return Connection("EventHubConnection", emulator.connection_string)


def messages(count: int, *, visitors: int = 20, size: int = 10) -> list[Message]:
    return [
        Message(f"{number:0{size}}".encode(), f"visitor-{number % visitors}", {"site": "demo"})
        for number in range(count)
    ]
