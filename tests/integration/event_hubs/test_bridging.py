"""The bridge writes the files that Capture writes, however it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import fastavro
import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from local.event_hubs.process import CaptureSettings, EventHubsEmulator
from local.processes import Child
from local.stack import ROOT

pytestmark = pytest.mark.integration
Send = Callable[..., None]
Until = Callable[..., None]
Start = Callable[..., Child]


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    name = f"bridged-{uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        yield client


@pytest.fixture
def bridge(azurite: Azurite, container: ContainerClient, tmp_path: Path) -> Iterator[Start]:
    """Starts the command for a hub of an emulator, ready to capture."""
    started: list[Child] = []

    def start(emulator: EventHubsEmulator, window: int) -> Child:
        log = tmp_path / f"capture-{len(started)}.log"
        options = ["--hub", "events", "--namespace", "local", "--container", container.container_name]
        env = {"EventHubConnection": emulator.connection_string, "Lake": azurite.connection_string}
        command = [sys.executable, "-m", "local.capture", *options, "--window", str(window)]
        child = Child("capture", command, log, env, ROOT)
        started.append(child)
        child.wait_until(lambda: "ready" in log.read_text(), 60)
        return child

    yield start
    for child in started:
        child.stop()


def captured(container: ContainerClient) -> dict[str, list[dict[str, Any]]]:
    """The records of every file by name, in the order of names."""
    if not container.exists():
        return {}
    return {
        name: list(fastavro.reader(BytesIO(container.download_blob(name).readall())))  # type: ignore[arg-type]
        for name in sorted(container.list_blob_names())
    }


def test_its_files_hold_what_the_services_own_hold(
    azurite: Azurite, tmp_path: Path, container: ContainerClient, bridge: Start, until: Until
) -> None:
    own = CaptureSettings(
        azurite.connection_string, container=f"capture-{uuid4().hex[:8]}", window_seconds=600, skip_empty=True
    )
    event = EventData(b"\x00\xffbody")
    event.properties = {"site": "demo", "count": 3, "ratio": 0.5, "raw": b"\xff", "none": None}
    event.content_type, event.message_id = "application/json", "m-1"
    with EventHubsEmulator(tmp_path, {"events": 1}, capture=own) as emulator:
        with EventHubProducerClient.from_connection_string(
            emulator.connection_string, eventhub_name="events"
        ) as producer:
            producer.send_event(event, partition_key="visitor")
        emulator.flush_capture()
        bridge(emulator, 1)
        until(lambda: captured(container))
    with ContainerClient.from_connection_string(azurite.connection_string, own.container) as written:
        ((name, expected),) = captured(written).items()
    ((other, found),) = captured(container).items()
    assert found == expected
    assert other.split("/")[:3] == name.split("/")[:3] == ["local", "events", "0"]


def test_each_event_stands_in_one_file_though_it_is_killed_between(
    tmp_path: Path, container: ContainerClient, bridge: Start, send: Send, until: Until
) -> None:
    def numbers() -> list[int]:
        return [record["SequenceNumber"] for records in captured(container).values() for record in records]

    with EventHubsEmulator(tmp_path, {"events": 1}) as emulator:
        first = bridge(emulator, 1)
        send(emulator, "events", [b"%d" % n for n in range(100)])
        until(lambda: len(numbers()) == 100)
        first.kill()
        send(emulator, "events", [b"%d" % n for n in range(100, 150)])
        second = bridge(emulator, 900)
        send(emulator, "events", [b"%d" % n for n in range(150, 200)])
        second.kill()
        assert numbers() == list(range(100)), "a window that had no end is in no file"
        third = bridge(emulator, 1)
        until(lambda: len(numbers()) == 200)
        third.stop()
        assert numbers() == list(range(200))


def test_what_was_read_is_written_at_the_end(
    tmp_path: Path, container: ContainerClient, bridge: Start, send: Send, until: Until
) -> None:
    with EventHubsEmulator(tmp_path, {"events": 2}) as emulator:
        running = bridge(emulator, 900)
        for partition in ("0", "1"):
            send(emulator, "events", [b"a", b"b"], partition_id=partition)
        # One more window for each: what it has read by then cannot be seen from outside.
        running.stop()
        again = bridge(emulator, 1)
        until(lambda: sum(map(len, captured(container).values())) == 4)
        again.stop()
    bodies: dict[str, list[bytes]] = {name.split("/")[2]: [] for name in captured(container)}
    for name, records in captured(container).items():
        bodies[name.split("/")[2]] += [record["Body"] for record in records]
    assert bodies == {"0": [b"a", b"b"], "1": [b"a", b"b"]}


def test_a_hub_that_numbers_anew_is_captured_from_its_beginning(
    tmp_path: Path, container: ContainerClient, bridge: Start, send: Send, until: Until
) -> None:
    for bodies in ([b"1", b"2", b"3"], [b"4"]):
        before = sum(map(len, captured(container).values()))
        with EventHubsEmulator(tmp_path, {"events": 1}) as emulator:
            send(emulator, "events", bodies)
            running = bridge(emulator, 1)
            until(lambda: sum(map(len, captured(container).values())) == before + len(bodies))  # noqa: B023
            running.stop()
    assert [record["Body"] for records in captured(container).values() for record in records] == [
        b"1",
        b"2",
        b"3",
        b"4",
    ]
