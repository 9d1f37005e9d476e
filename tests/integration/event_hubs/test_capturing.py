"""Capture's files in a real storage emulator, read by an independent Avro reader."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import fastavro
import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.exceptions import EventDataSendError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from local.event_hubs.process import CaptureSettings, EventHubsEmulator
from local.processes import free_port

pytestmark = pytest.mark.integration
Send = Callable[..., None]
Until = Callable[[Callable[[], bool]], None]
NAME = re.compile(r"local/(?P<hub>[^/]+)/(?P<partition>\d+)/(?P<at>\d{4}(/\d{2}){5})\.avro")


@pytest.fixture
def settings(azurite: Azurite) -> CaptureSettings:
    """A container of its own, and a window long enough never to close by itself."""
    return CaptureSettings(
        azurite.connection_string, container=f"capture-{uuid4().hex[:8]}", window_seconds=600, skip_empty=True
    )


@pytest.fixture
def container(settings: CaptureSettings) -> Iterator[ContainerClient]:
    with ContainerClient.from_connection_string(settings.storage_connection_string, settings.container) as client:
        yield client


def files(container: ContainerClient) -> dict[str, bytes]:
    """Every capture file by name, in the order of names."""
    if not container.exists():
        return {}
    return {name: container.download_blob(name).readall() for name in sorted(container.list_blob_names())}


def records(container: ContainerClient) -> list[dict[str, Any]]:
    read = (fastavro.reader(BytesIO(data)) for data in files(container).values())
    return [record for reader in read for record in reader]  # type: ignore[misc]


def started_at(name: str) -> datetime:
    found = NAME.fullmatch(name)
    assert found is not None, name
    return datetime.strptime(found["at"], "%Y/%m/%d/%H/%M/%S").replace(tzinfo=UTC)


def test_an_event_is_captured_as_the_service_writes_it(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient
) -> None:
    event = EventData(b"\x00\xffbody")
    event.properties = {"site": "demo", "count": 3, "ratio": 0.5, "yes": True, "raw": b"\x01", "none": None}
    event.content_type, event.message_id = "application/json", "m-1"
    with EventHubsEmulator(tmp_path, {"events": 1}, capture=settings) as emulator:
        client = EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name="events")
        before = datetime.now(UTC).replace(microsecond=0)
        with client:
            client.send_event(event, partition_key="visitor")
        emulator.flush_capture()
        assert emulator.captured("events") == 1
    ((name, data),) = files(container).items()
    assert before <= started_at(name) <= datetime.now(UTC)
    assert container.get_blob_client(name).get_blob_properties().blob_type == "BlockBlob"
    assert data.startswith(
        b'Obj\x01\x04\x14avro.codec\x08null\x16avro.schema\xec\x06{"type":"record","name":"EventData"'
    )
    (record,) = records(container)
    enqueued = record["SystemProperties"].pop("x-opt-enqueued-time")
    moment = datetime.fromtimestamp(enqueued // 1000, UTC)
    assert datetime.strptime(record.pop("EnqueuedTimeUtc"), "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC) == moment
    assert record == {
        "SequenceNumber": 0,
        "Offset": "0",
        "SystemProperties": {
            "x-opt-partition-key": "visitor",
            "message-id": "m-1",
            "content-type": "application/json",
        },
        "Properties": {"site": "demo", "count": 3, "ratio": 0.5, "yes": "True", "raw": b"\x01", "none": None},
        "Body": b"\x00\xffbody",
    }


def test_windows_close_by_time_and_idle_ones_leave_empty_files(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send, until: Until
) -> None:
    ticking = replace(settings, window_seconds=1, skip_empty=False)
    with EventHubsEmulator(tmp_path, {"events": 2}, capture=ticking) as emulator:
        send(emulator, "events", [b"one"], partition_id="1")
        until(lambda: len(files(container)) >= 4)
    found = files(container)
    names = list(found)
    assert {name.split("/")[2] for name in names} == {"1"}, "capture begins with a partition's first event"
    starts = [started_at(name) for name in names]
    assert len(set(starts)) == len(starts)
    assert [record["Body"] for record in records(container)] == [b"one"]
    assert {len(data) for data in list(found.values())[1:]} == {508}


def test_idle_windows_leave_no_file_where_empty_ones_are_skipped(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send, until: Until
) -> None:
    with EventHubsEmulator(tmp_path, {"events": 1}, capture=replace(settings, window_seconds=1)) as emulator:
        for body in (b"one", b"two"):
            send(emulator, "events", [body])
            until(lambda: emulator.captured() == emulator.stored())
            idle_until = time.monotonic() + 1.5
            until(lambda ends=idle_until: time.monotonic() > ends)  # type: ignore[misc]
    assert [len(list(fastavro.reader(BytesIO(data)))) for data in files(container).values()] == [1, 1]


def test_windows_close_by_size_and_never_two_in_one_second(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send, until: Until
) -> None:
    small = replace(settings, size_limit_bytes=100_000)
    bodies = [b"%d" % number + b"x" * 1000 for number in range(300)]
    with EventHubsEmulator(tmp_path, {"events": 1}, capture=small) as emulator:
        send(emulator, "events", bodies)
        until(lambda: emulator.captured() >= 200)
        emulator.flush_capture()
    assert len(files(container)) >= 3
    assert [record["Body"] for record in records(container)] == bodies
    assert [record["SequenceNumber"] for record in records(container)] == list(range(300))


def test_an_emulator_that_ends_writes_what_is_left(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send
) -> None:
    with EventHubsEmulator(tmp_path, {"events": 4}, capture=settings) as emulator:
        for partition in "0123":
            send(emulator, "events", [b"left"], partition_id=partition)
    assert [record["Body"] for record in records(container)] == [b"left"] * 4


def test_a_restarted_emulator_destroys_no_older_file(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send
) -> None:
    port = free_port()
    for body in (b"first", b"second", b"third"):
        with EventHubsEmulator(tmp_path, {"events": 1}, port=port, capture=settings) as emulator:
            send(emulator, "events", [body])
    assert sorted(record["Body"] for record in records(container)) == [b"first", b"second", b"third"]


def test_a_name_that_is_taken_is_left_alone_and_the_next_second_used(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send
) -> None:
    container.create_container()
    now = int(time.time())
    taken = [f"local/events/0/{datetime.fromtimestamp(now + later, UTC):%Y/%m/%d/%H/%M/%S}.avro" for later in range(8)]
    for name in taken:
        container.upload_blob(name, b"another's")
    with EventHubsEmulator(tmp_path, {"events": 1}, capture=settings) as emulator:
        send(emulator, "events", [b"mine"])
        emulator.flush_capture()
    found = files(container)
    assert all(found.pop(name) == b"another's" for name in taken)
    ((name, data),) = found.items()
    assert name > taken[-1]
    assert [record["Body"] for record in fastavro.reader(BytesIO(data))] == [b"mine"]  # type: ignore[index, call-overload]


def test_each_file_is_told_on_the_queue(
    tmp_path: Path, settings: CaptureSettings, container: ContainerClient, send: Send
) -> None:
    queue = f"captured-{uuid4().hex[:8]}"
    with EventHubsEmulator(tmp_path, {"events": 1}, capture=replace(settings, queue=queue)) as emulator:
        send(emulator, "events", [b"one", b"two"])
        emulator.flush_capture()
    with QueueClient.from_connection_string(settings.storage_connection_string, queue) as client:
        (message,) = client.receive_messages()
    note = json.loads(base64.b64decode(message.content))
    ((name, data),) = files(container).items()
    assert note["eventType"] == "Microsoft.EventHub.CaptureFileCreated"
    assert note["subject"] == "eventhubs/events"
    first, last = note["data"].pop("firstEnqueueTime"), note["data"].pop("lastEnqueueTime")
    assert datetime.fromisoformat(first) <= datetime.fromisoformat(last) <= datetime.now(UTC)
    assert note["data"] == {
        "fileUrl": container.get_blob_client(name).url,
        "fileType": "AzureBlockBlob",
        "partitionId": "0",
        "sizeInBytes": len(data),
        "eventCount": 2,
        "firstSequenceNumber": 0,
        "lastSequenceNumber": 1,
    }


def test_what_came_while_storage_was_away_is_written_later_in_order(tmp_path: Path, send: Send, until: Until) -> None:
    ports = free_port(), free_port()
    settings = CaptureSettings("", window_seconds=1, skip_empty=True)
    with Azurite(tmp_path / "azurite", *ports) as storage:
        settings = replace(settings, storage_connection_string=storage.connection_string)
    emulator = EventHubsEmulator(tmp_path / "hub", {"events": 1}, capture=settings)
    with emulator:
        send(emulator, "events", [b"%d" % number for number in range(100)])
        until(lambda: "capture waits for storage" in (tmp_path / "hub" / "event_hubs.log").read_text())
        send(emulator, "events", [b"%d" % number for number in range(100, 200)])
        assert emulator.captured() == 0
        with Azurite(tmp_path / "azurite", *ports):
            until(lambda: emulator.captured() == 200)
            client = ContainerClient.from_connection_string(settings.storage_connection_string, settings.container)
            with client as container:
                found = records(container)
    assert [record["Body"] for record in found] == [b"%d" % number for number in range(200)]
    assert [record["SequenceNumber"] for record in found] == list(range(200))


def test_a_partition_full_of_uncaptured_events_takes_no_more_and_forgets_none(
    tmp_path: Path, send: Send, until: Until
) -> None:
    ports = free_port(), free_port()
    with Azurite(tmp_path / "azurite", *ports) as storage:
        settings = CaptureSettings(storage.connection_string, window_seconds=1, skip_empty=True)
    emulator = EventHubsEmulator(tmp_path / "hub", {"events": 1}, capture=settings, retention_bytes=1_000_000)
    batch = [b"x" * 1000] * 200
    with emulator:
        with pytest.raises(EventDataSendError, match="Capture has not written"):
            for _ in range(10):
                send(emulator, "events", batch)
        stored = emulator.stored()
        assert 0 < stored < 1000
        with Azurite(tmp_path / "azurite", *ports):
            until(lambda: emulator.captured() == stored)
            for _ in range(5):  # room again: what is captured may be forgotten
                send(emulator, "events", batch)
                until(lambda: emulator.captured() == emulator.stored())
            client = ContainerClient.from_connection_string(settings.storage_connection_string, settings.container)
            with client as container:
                numbers = [record["SequenceNumber"] for record in records(container)]
            held = emulator.state()["hubs"]["events"]["0"]["held_bytes"]
    assert numbers == list(range(stored + 1000))
    assert held <= 1_000_000


def test_an_end_without_storage_is_bounded_and_says_what_is_lost(tmp_path: Path, send: Send) -> None:
    ports = free_port(), free_port()
    with Azurite(tmp_path / "azurite", *ports) as storage:
        settings = CaptureSettings(storage.connection_string, skip_empty=True)
    emulator = EventHubsEmulator(tmp_path / "hub", {"events": 1}, capture=settings)
    with emulator:
        send(emulator, "events", [b"lost"])
        began = time.monotonic()
    assert time.monotonic() - began < 60
    assert "ended before 1 events were captured" in (tmp_path / "hub" / "event_hubs.log").read_text()
