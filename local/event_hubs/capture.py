"""Capture: each partition's events, window by window, as Avro files in blob storage."""

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

from local.event_hubs.avro import SYNC_BYTES, Record, write_file
from local.event_hubs.broker import Broker
from local.event_hubs.config import Capture as CaptureConfig
from local.event_hubs.hubs import Hub, Partition, Stored
from local.event_hubs.messages import PARTITION_KEY, decode_event

if TYPE_CHECKING:
    from local.event_hubs.storage import Storage

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
    limit_bytes: int
    last_name: int = 0  # the second that named the last file
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    # Who waits for the events below a sequence number to stand in files.
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.partition.captured_sequence = -1
        self.partition.listeners.add(self.wake.set)

    @property
    def next_sequence(self) -> int:
        """The first event that stands in no file."""
        assert self.partition.captured_sequence is not None, "set at the start"
        return self.partition.captured_sequence + 1

    @property
    def waiting_count(self) -> int:
        """Events that stand in no file."""
        return self.partition.next_sequence - self.next_sequence

    @property
    def is_full(self) -> bool:
        first = self.partition.read(self.next_sequence, 1)
        return bool(first) and self.partition.next_offset - first[0].offset >= self.limit_bytes

    def take(self) -> Sequence[Stored]:
        """The events of one file: those that wait, up to the limit."""
        events = self.partition.read(self.next_sequence, self.waiting_count)
        ends_at = events[0].offset + self.limit_bytes if events else 0
        return [event for event in events if event.offset < ends_at]

    def written(self, events: Sequence[Stored]) -> None:
        """These stand in a file now."""
        if events:
            self.partition.captured_sequence = events[-1].sequence
        for sequence, waiter in self.waiters:
            if sequence <= self.next_sequence and not waiter.done():
                waiter.set_result(None)
        self.waiters = [(sequence, waiter) for sequence, waiter in self.waiters if not waiter.done()]


class Capture:
    """Writes every partition's windows until it is closed; then what is left, and ends.

    `tasks` end before that only by an exception, which nothing here expects.
    """

    def __init__(self, broker: Broker, config: CaptureConfig) -> None:
        self._namespace = broker.namespace
        self._config = config
        # In the background: the storage SDK takes longer to import than all the rest takes to start.
        self._storage = asyncio.create_task(asyncio.to_thread(_open_storage, config))
        self._closing = False
        # A window may not outgrow what its partition can hold besides the events of the next one.
        self._windows = [
            _Window(hub, partition, min(config.size_limit_in_bytes, partition.max_bytes // 2))
            for hub in broker.hubs.values()
            for partition in hub.partitions
        ]
        self.tasks = [asyncio.create_task(self._run(window)) for window in self._windows]

    async def flush(self) -> None:
        """Return once all that is stored now stands in files."""
        waiting = []
        for window in self._windows:
            if window.waiting_count:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                window.waiters.append((window.partition.next_sequence, waiter))
                window.wake.set()
                waiting.append(waiter)
        await asyncio.gather(*waiting)

    async def close(self, seconds: float) -> int:
        """Write what is left, for at most so long. Returns how many events were not written."""
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
            window.written(events)
            # Collection is off in this process (see __main__), and the storage SDK leaves cycles behind.
            gc.collect(0)

    async def _first_event(self, window: _Window) -> None:
        """Capture begins with a partition's first event; without empty files, each window does."""
        started = window.last_name > 0 and not self._config.skip_empty_archives
        while not started and not window.waiting_count and not self._closing:
            window.wake.clear()
            await window.wake.wait()

    async def _free_second(self, window: _Window) -> int:
        """The second that names a window which begins now: no two of a partition may begin within one."""
        while (now := int(_now())) <= window.last_name:
            await asyncio.sleep(window.last_name + 1 - _now())
        return now

    async def _end(self, window: _Window, ends_at: float) -> None:
        """Return when the window closes: by time, by size, because it was asked for, or at the end."""
        while not (self._closing or window.waiters or window.is_full) and (left := ends_at - _now()) > 0:
            window.wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await window.wake.wait()

    async def _write(self, window: _Window, started: int, events: Sequence[Stored]) -> None:
        """Write the window's file, for as long as it takes: events wait in the hub while storage is away."""
        storage = await self._storage
        data = await asyncio.to_thread(_file, events, os.urandom(SYNC_BYTES))
        while True:
            try:
                url = await asyncio.to_thread(storage.write, self._name(window, started), data)
                break
            except FileExistsError:  # an emulator before this one wrote it; nothing is ever overwritten
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
                log.warning("capture cannot tell of a file: %s", problem)
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


def _open_storage(config: CaptureConfig) -> Storage:
    from local.event_hubs.storage import Storage

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
