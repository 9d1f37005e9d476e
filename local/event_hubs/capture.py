"""Capture: write each partition's events, window by window, to Avro files in blob storage or a folder."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .avro import SYNC_BYTES, Record, write_file
from .broker import Broker
from .config import Capture as StorageCapture
from .config import FolderCapture
from .folder import Folder
from .hubs import Hub, Partition, Stored
from .messages import PARTITION_KEY, decode_event

if TYPE_CHECKING:
    from .storage import Storage

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.5
# Message properties that Capture repeats among the system properties. Microsoft does not document this; it is a guess.
SYSTEM_PROPERTIES = ("message-id", "correlation-id", "content-type")
TOPIC = "/subscriptions/local/resourceGroups/local/providers/Microsoft.EventHub/namespaces"
NEVER = "0001-01-01T00:00:00"


@dataclass
class _Window:
    """The capture state of one partition."""

    hub: Hub
    partition: Partition
    limit_bytes: int
    last_name: int = 0  # the second in the name of the last file
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    # Futures that are set once all events below a sequence number are in files.
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.partition.captured_sequence = -1
        self.partition.listeners.add(self.wake.set)

    @property
    def next_sequence(self) -> int:
        """Sequence number of the first event that is in no file."""
        assert self.partition.captured_sequence is not None, "set at the start"
        return self.partition.captured_sequence + 1

    @property
    def waiting_count(self) -> int:
        """Number of events that are in no file."""
        return self.partition.next_sequence - self.next_sequence

    @property
    def is_full(self) -> bool:
        """Whether the waiting events reach the size limit of a file."""
        first = self.partition.read(self.next_sequence, 1)
        return bool(first) and self.partition.next_offset - first[0].offset >= self.limit_bytes

    def take(self) -> Sequence[Stored]:
        """The events of the next file: the waiting ones up to the size limit."""
        events = self.partition.read(self.next_sequence, self.waiting_count)
        ends_at = events[0].offset + self.limit_bytes if events else 0
        return [event for event in events if event.offset < ends_at]

    def note_written(self, events: Sequence[Stored]) -> None:
        """Advance past these events, which are in a file now, and wake whoever waits for them."""
        if events:
            self.partition.captured_sequence = events[-1].sequence
        for sequence, waiter in self.waiters:
            if sequence <= self.next_sequence and not waiter.done():
                waiter.set_result(None)
        self.waiters = [(sequence, waiter) for sequence, waiter in self.waiters if not waiter.done()]


class Capture:
    """Writes the windows of every partition until it is closed, then the remaining events.

    `tasks` run until then. One that ends earlier has failed with an unexpected exception.
    """

    def __init__(self, broker: Broker, config: StorageCapture | FolderCapture) -> None:
        self._namespace = broker.namespace
        self._config = config
        # In the background, because importing the storage SDK takes longer than starting everything else.
        self._storage = asyncio.create_task(asyncio.to_thread(_open_storage, config))
        self._closing = False
        # While a window is written its partition must have room for the events of the next one.
        self._windows = [
            _Window(hub, partition, min(config.size_limit_in_bytes, partition.max_bytes // 2))
            for hub in broker.hubs.values()
            for partition in hub.partitions
        ]
        self.tasks = [asyncio.create_task(self._run(window)) for window in self._windows]

    async def flush(self) -> None:
        """Return once all events stored now are in files."""
        waiting = []
        for window in self._windows:
            if window.waiting_count:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                window.waiters.append((window.partition.next_sequence, waiter))
                window.wake.set()
                waiting.append(waiter)
        await asyncio.gather(*waiting)

    async def close(self, seconds: float) -> int:
        """Write the remaining events for at most `seconds`. Return the number of events not written."""
        self._closing = True
        for window in self._windows:
            window.wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*self.tasks)
        return sum(window.waiting_count for window in self._windows)

    async def _run(self, window: _Window) -> None:
        while True:
            await self._first_event(window)
            if self._closing and not window.waiting_count:
                return
            started = await self._free_second(window)
            await self._end(window, _now() + self._config.interval_in_seconds)
            events = window.take()
            if events or not self._config.skip_empty_archives:
                await self._write(window, started, events)
            window.note_written(events)
            # Automatic collection is off in this process (see __main__), and the storage SDK leaves reference cycles.
            gc.collect(0)

    async def _first_event(self, window: _Window) -> None:
        """Wait for the partition's first event; if empty files are skipped, for the first event of each window."""
        started = window.last_name > 0 and not self._config.skip_empty_archives
        while not started and not window.waiting_count and not self._closing:
            window.wake.clear()
            await window.wake.wait()

    async def _free_second(self, window: _Window) -> int:
        """The second that names the next file. Wait if the last file of the partition has the same second."""
        while (now := int(_now())) <= window.last_name:
            await asyncio.sleep(window.last_name + 1 - _now())
        return now

    async def _end(self, window: _Window, ends_at: float) -> None:
        """Wait until the window closes: by time, by size, by a flush, or at shutdown."""
        while not (self._closing or window.waiters or window.is_full) and (left := ends_at - _now()) > 0:
            window.wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await window.wake.wait()

    async def _write(self, window: _Window, started: int, events: Sequence[Stored]) -> None:
        """Write the window's file, with retries until storage is available. The hub holds the events meanwhile."""
        storage = await self._storage
        data = await asyncio.to_thread(_file, events, os.urandom(SYNC_BYTES))
        while True:
            try:
                url = await asyncio.to_thread(storage.write, self._name(window, started), data)
                break
            except FileExistsError:  # written before a restart of the emulator; files are never overwritten
                started += 1
                await asyncio.sleep(max(0.0, started - _now()))
            except OSError as problem:
                log.warning("capture waits for storage: %s", problem)
                await asyncio.sleep(RETRY_SECONDS)
        window.last_name = started
        note = self._created_event(window, url, len(data) if events else 0, events)
        while True:
            try:
                await asyncio.to_thread(storage.notify, note)
                break
            except OSError as problem:
                log.warning("capture cannot announce a file: %s", problem)
                await asyncio.sleep(RETRY_SECONDS)

    def _name(self, window: _Window, second: int) -> str:
        at = datetime.fromtimestamp(second, UTC)
        return f"{self._namespace}/{window.hub.name}/{window.partition.id}/{at:%Y/%m/%d/%H/%M/%S}.avro"

    def _created_event(self, window: _Window, url: str, size: int, events: Sequence[Stored]) -> dict[str, Any]:
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


def _open_storage(config: StorageCapture | FolderCapture) -> Storage | Folder:
    if isinstance(config, FolderCapture):
        return Folder(config.folder)
    from .storage import Storage

    return Storage(config)


def _file(events: Sequence[Stored], sync: bytes) -> bytes:
    return write_file([_record(event) for event in events], sync)


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
