"""Capture: each partition's events, window by window, as Avro files in blob storage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from local.event_hubs.avro import Record, write_file
from local.event_hubs.broker import Broker
from local.event_hubs.config import Capture as CaptureConfig
from local.event_hubs.hubs import Hub, Partition, Stored
from local.event_hubs.messages import PARTITION_KEY, decode_event

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.5
# Properties of the message that the service repeats among the system properties; a guess, marked as one.
SYSTEM_PROPERTIES = ("message-id", "correlation-id", "content-type")
TOPIC = "/subscriptions/local/resourceGroups/local/providers/Microsoft.EventHub/namespaces"
NEVER = "0001-01-01T00:00:00"


@dataclass
class _Window:
    """Where one partition's capture stands."""

    hub: Hub
    partition: Partition
    next_sequence: int = 0
    last_name: int = 0  # the second that named the last file
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)


class Capture:
    """Writes every partition's windows until it is closed; then what is left, and ends."""

    def __init__(self, broker: Broker, config: CaptureConfig) -> None:
        self._namespace = broker.namespace
        self._config = config
        self._storage = _Storage(config)
        self._closing = False
        self._windows = [_Window(hub, partition) for hub in broker.hubs.values() for partition in hub.partitions]
        for window in self._windows:
            window.partition.captured_sequence = -1
            window.partition.listeners.add(window.wake.set)
        self._tasks = [asyncio.create_task(self._run(window)) for window in self._windows]

    async def flush(self) -> None:
        """Return once all that is stored now stands in files."""
        loop = asyncio.get_running_loop()
        waiting = []
        for window in self._windows:
            if window.next_sequence < window.partition.next_sequence:
                waiter = loop.create_future()
                window.waiters.append(waiter)
                window.wake.set()
                waiting.append(waiter)
        await asyncio.gather(*waiting)

    async def close(self, seconds: float) -> None:
        """Write what is left, for at most so long."""
        self._closing = True
        for window in self._windows:
            window.wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*self._tasks)
        for task in self._tasks:
            task.cancel()

    async def _run(self, window: _Window) -> None:
        while True:
            await self._first_event(window)
            if self._closing and not self._waiting(window):
                return
            # A file is named by its window's first second, so no two windows may begin within one.
            while (now := int(_now())) <= window.last_name:
                await asyncio.sleep(window.last_name + 1 - _now())
            await self._window_end(window, _now() + self._config.interval_in_seconds)
            events = self._take(window)
            await self._write(window, now, events)
            if events:
                window.next_sequence = events[-1].sequence + 1
                window.partition.captured_sequence = events[-1].sequence
            if window.next_sequence >= window.partition.next_sequence:
                for waiter in window.waiters:
                    if not waiter.done():
                        waiter.set_result(None)
                window.waiters.clear()

    def _waiting(self, window: _Window) -> bool:
        return window.next_sequence < window.partition.next_sequence

    async def _first_event(self, window: _Window) -> None:
        """Capture begins with a partition's first event; without empty files, each window does."""
        started = window.last_name > 0 and not self._config.skip_empty_archives
        while not started and not self._waiting(window) and not self._closing:
            window.wake.clear()
            await window.wake.wait()

    async def _window_end(self, window: _Window, ends_at: float) -> None:
        limit = self._config.size_limit_in_bytes
        while not (self._closing or window.waiters):
            held = window.partition.next_offset - self._offset_at(window)
            if held >= limit or (left := ends_at - _now()) <= 0:
                return
            window.wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await window.wake.wait()

    def _offset_at(self, window: _Window) -> int:
        events = window.partition.from_sequence(window.next_sequence)[:1]
        return events[0].offset if events else window.partition.next_offset

    def _take(self, window: _Window) -> list[Stored]:
        taken: list[Stored] = []
        size = 0
        for event in window.partition.from_sequence(window.next_sequence):
            taken.append(event)
            size += len(event.carried)
            if size >= self._config.size_limit_in_bytes:
                break
        return taken

    async def _write(self, window: _Window, started: int, events: list[Stored]) -> None:
        """Write the window's file, for as long as it takes: events wait in the hub while storage is away."""
        if not events and self._config.skip_empty_archives:
            return
        data = write_file([_record(event) for event in events], os.urandom(16))
        while True:
            name = self._name(window, started)
            try:
                url = await asyncio.to_thread(self._storage.write, name, data)
            except FileExistsError:  # an emulator before this one wrote it; nothing is ever overwritten
                await asyncio.sleep(max(0.0, started + 1 - _now()))
                started += 1
                continue
            except OSError as problem:
                log.warning("capture waits for storage: %s", problem)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            break
        window.last_name = started
        if self._config.queue is not None:
            note = self._created_event(window, url, len(data) if events else 0, events)
            await self._notify(self._config.queue, note)

    async def _notify(self, queue: str, note: dict[str, Any]) -> None:
        while True:
            try:
                await asyncio.to_thread(self._storage.notify, queue, note)
                return
            except OSError as problem:
                log.warning("capture cannot tell of a file: %s", problem)
                await asyncio.sleep(RETRY_SECONDS)

    def _name(self, window: _Window, second: int) -> str:
        at = datetime.fromtimestamp(second, UTC)
        return f"{self._namespace}/{window.hub.name}/{window.partition.id}/{at:%Y/%m/%d/%H/%M/%S}.avro"

    def _created_event(self, window: _Window, url: str, size: int, events: list[Stored]) -> dict[str, Any]:
        first, last = (events[0], events[-1]) if events else (None, None)
        return {
            "topic": f"{TOPIC}/{self._namespace}",
            "subject": f"eventhubs/{window.hub.name}",
            "eventType": "Microsoft.EventHub.CaptureFileCreated",
            "eventTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "id": str(uuid4()),
            "data": {
                "fileUrl": url,
                "fileType": "AzureBlockBlob",
                "partitionId": window.partition.id,
                "sizeInBytes": size,
                "eventCount": len(events),
                "firstSequenceNumber": first.sequence if first else -1,
                "lastSequenceNumber": last.sequence if last else -1,
                "firstEnqueueTime": _moment(first.enqueued_ms) if first else NEVER,
                "lastEnqueueTime": _moment(last.enqueued_ms) if last else NEVER,
            },
            "dataVersion": "1",
            "metadataVersion": "1",
        }


def _record(event: Stored) -> Record:
    content = decode_event(event.carried)
    system: dict[str, Any] = {}
    if event.key is not None:
        system[PARTITION_KEY] = event.key
    system["x-opt-enqueued-time"] = event.enqueued_ms
    system |= {name: content.properties[name] for name in SYSTEM_PROPERTIES if name in content.properties}
    return Record(event.sequence, event.offset, event.enqueued_ms, system, content.application_properties, content.body)


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now() -> float:
    return datetime.now(UTC).timestamp()


class _Storage:
    """Blobs and queue messages, synchronously; every failure but one is an OSError, to be tried again."""

    def __init__(self, config: CaptureConfig) -> None:
        self._config = config
        self._container: ContainerClient | None = None

    def write(self, name: str, data: bytes) -> str:
        """Create the blob and return its URL. Raise FileExistsError where it exists, OSError where storage is away."""
        from azure.core.exceptions import AzureError, ResourceExistsError

        try:
            blob = self._opened().get_blob_client(name)
            blob.upload_blob(data, overwrite=False)
            url: str = blob.url
            return url
        except ResourceExistsError:
            raise FileExistsError(name) from None
        except AzureError as error:
            self._container = None  # the container may be gone with the storage
            raise OSError(str(error).splitlines()[0]) from error

    def notify(self, queue: str, note: dict[str, Any]) -> None:
        """Put an Event Grid event on a storage queue, as base64. Raise OSError."""
        from azure.core.exceptions import AzureError, ResourceExistsError
        from azure.storage.queue import QueueClient

        try:
            with QueueClient.from_connection_string(
                self._config.storage_connection_string, queue, retry_total=0
            ) as client:
                with contextlib.suppress(ResourceExistsError):
                    client.create_queue()
                client.send_message(b64encode(json.dumps(note).encode()).decode())
        except AzureError as error:
            raise OSError(str(error).splitlines()[0]) from error

    def _opened(self) -> ContainerClient:
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.blob import ContainerClient

        if self._container is None:
            # No retries of the SDK's own: they would hide an outage for a minute.
            container = ContainerClient.from_connection_string(
                self._config.storage_connection_string,
                self._config.container,
                retry_total=0,
                connection_timeout=5,
                read_timeout=30,
            )
            with contextlib.suppress(ResourceExistsError):
                container.create_container()
            self._container = container
        return self._container
