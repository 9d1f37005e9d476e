"""`python -m local.capture`: Capture for hubs that have none, such as those of Microsoft's Event Hubs emulator.

The bridge consumes every partition and writes the files that Event Hubs Capture would write, by windows of time and
size. It has no checkpoints: a partition resumes after the last event of its newest file, so events that were read but
not written are read again. Each event is in exactly one file as long as only one process captures the hub.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import fastavro
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext
from azure.eventhub.amqp import AmqpMessageBodyType
from azure.storage.blob import ContainerClient

from local.event_hubs.avro import SYNC_BYTES, Record, write_file
from local.event_hubs.config import Capture as Target
from local.event_hubs.messages import PARTITION_KEY
from local.event_hubs.storage import Storage

log = logging.getLogger("capture")
RETRY_SECONDS = 0.5
POLL_SECONDS = 0.2
BATCH = 1000


@dataclass(slots=True)
class Window:
    """The events of one partition that are in no file yet. `size` is in bytes, `began` in Unix seconds."""

    prefix: str
    events: list[Record] = field(default_factory=list)
    size: int = 0
    began: float = 0.0
    last_name: int = 0

    def add(self, event: EventData) -> None:
        """Append an event. The first one starts the window's time."""
        record = record_of(event)
        if not self.events:
            self.began = _now()
        self.events.append(record)
        self.size += len(record.body) + 256

    def is_over(self, target: Target) -> bool:
        """Whether the window has events, and its time has passed or its size limit is reached."""
        late = _now() >= self.began + target.interval_in_seconds
        return bool(self.events) and (late or self.size >= target.size_limit_in_bytes)


class Bridge:
    """Captures hubs until it is closed, then writes the events that it has read."""

    def __init__(self, connection: str, namespace: str, target: Target) -> None:
        self._connection = connection
        self._namespace = namespace
        self._target = target
        self._storage = Storage(target)
        self._windows: list[Window] = []
        self._clients: list[EventHubConsumerClient] = []
        self._endings: list[asyncio.Task[None]] = []
        self._closing = False
        self.tasks: list[asyncio.Task[None]] = []

    async def capture(self, hub: str) -> None:
        """Start to capture a hub. Raise EventHubError if it cannot be reached."""
        client = EventHubConsumerClient.from_connection_string(
            self._connection, consumer_group="$Default", eventhub_name=hub
        )
        self._clients.append(client)
        for partition in await client.get_partition_ids():
            window = Window(f"{self._namespace}/{hub}/{partition}/")
            self._windows.append(window)
            position = await self._position(client, partition, window)
            log.info("%s resumes after sequence number %s", window.prefix, position)
            self.tasks.append(asyncio.create_task(self._receive(client, partition, position, window)))
            self._endings.append(asyncio.create_task(self._end_windows(window)))

    async def _position(self, client: EventHubConsumerClient, partition: str, window: Window) -> int | str:
        """The last sequence number in a file; the start of the partition if there is none or the hub is new."""
        captured = await asyncio.to_thread(last_captured, self._target, window.prefix)
        properties = await client.get_partition_properties(partition)
        return "-1" if captured is None or captured > properties["last_enqueued_sequence_number"] else captured

    async def _receive(
        self, client: EventHubConsumerClient, partition: str, position: int | str, window: Window
    ) -> None:
        async def take(_: PartitionContext, events: Sequence[EventData]) -> None:
            for event in events:
                window.add(event)
            while (
                window.size > 2 * self._target.size_limit_in_bytes
            ):  # storage is not available: the hub holds the other events
                await asyncio.sleep(POLL_SECONDS)

        async def failed(_: PartitionContext | None, error: Exception) -> None:
            log.warning("%s: %s", window.prefix, error)

        await client.receive_batch(
            take, partition_id=partition, starting_position=position, max_batch_size=BATCH, on_error=failed
        )

    async def _end_windows(self, window: Window) -> None:
        while not self._closing:
            if window.is_over(self._target):
                await self._write(window)
            await asyncio.sleep(POLL_SECONDS)

    async def _write(self, window: Window) -> None:
        """Write the window's file, with retries until storage is available. Later events go to the next window."""
        events, window.events, window.size = window.events, [], 0
        data = write_file(events, os.urandom(SYNC_BYTES))
        second = max(int(window.began), window.last_name + 1)
        while True:
            try:
                await asyncio.to_thread(self._storage.write, f"{window.prefix}{_path(second)}.avro", data)
                break
            except FileExistsError:
                second += 1
            except OSError as problem:
                log.warning("capture waits for storage: %s", problem)
                await asyncio.sleep(RETRY_SECONDS)
        window.last_name = second
        log.info("%s%s.avro has %d events", window.prefix, _path(second), len(events))

    async def close(self) -> None:
        """Stop reading, and write the events that were read."""
        self._closing = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, *self._endings, return_exceptions=True)
        for window in self._windows:
            if window.events:
                await self._write(window)
        for client in self._clients:
            await client.close()


def record_of(event: EventData) -> Record:
    """The record that Capture writes for an event. The SDK returns text as bytes too, so bytes in UTF-8 become text."""
    assert event.sequence_number is not None and event.enqueued_time is not None, "received events have both"
    milliseconds = round(event.enqueued_time.timestamp() * 1000)
    annotations = {
        PARTITION_KEY: event.partition_key,
        "x-opt-enqueued-time": milliseconds,
        "message-id": event.message_id,
        "correlation-id": event.correlation_id,
        "content-type": event.content_type,
    }
    system = {name: _text(value) for name, value in annotations.items() if value is not None}
    properties: Mapping[Any, Any] = event.properties or {}
    return Record(
        event.sequence_number,
        int(event.offset or 0),
        milliseconds,
        system,
        {str(_text(name)): _text(value) for name, value in properties.items()},
        _body(event),
    )


def _body(event: EventData) -> bytes:
    if event.body_type is not AmqpMessageBodyType.DATA:  # the collector sends no such event
        return event.body_as_str().encode()
    parts: Any = event.body
    return b"".join(parts)


def last_captured(target: Target, prefix: str) -> int | None:
    """The last sequence number in the newest file below the prefix that has an event, or None."""
    with ContainerClient.from_connection_string(target.storage_connection_string, target.container) as container:
        if not container.exists():
            return None
        for name in sorted(container.list_blob_names(name_starts_with=prefix), reverse=True):
            records: list[Any] = list(fastavro.reader(io.BytesIO(container.download_blob(name).readall())))
            if records:
                return int(records[-1]["SequenceNumber"])
    return None


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        with contextlib.suppress(UnicodeDecodeError):
            return value.decode()
    return value


def _path(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y/%m/%d/%H/%M/%S}"


def _now() -> float:
    return datetime.now(UTC).timestamp()


async def run(bridge: Bridge, hubs: Sequence[str]) -> None:
    """Capture until a signal. Raise EventHubError if a hub cannot be reached."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        for hub in hubs:
            await bridge.capture(hub)
        print("ready", flush=True)
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({stopping, *bridge.tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await bridge.close()


def main() -> int:
    """Return the exit code: 1 for missing settings, or hubs or storage that cannot be reached."""
    parser = argparse.ArgumentParser(prog="python -m local.capture", description=__doc__)
    parser.add_argument("--hub", action="append", help="a hub; repeat for several (default: events, failed-events)")
    parser.add_argument("--namespace", default="emulatorns1", help="first folder in the names of the files")
    parser.add_argument("--container", default="capture")
    parser.add_argument("--window", type=int, default=60, help="length of a window in seconds (1 to 900)")
    parser.add_argument("--size", type=int, default=314_572_800, help="size in bytes at which a window closes early")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.ERROR)
    missing = [name for name in ("EventHubConnection", "Lake") if not os.environ.get(name)]
    if missing:
        print(f"cannot start: set {' and '.join(missing)}, as for the functions", file=sys.stderr)
        return 1
    try:
        target = Target.model_validate(
            {
                "StorageConnectionString": os.environ["Lake"],
                "Container": arguments.container,
                "IntervalInSeconds": arguments.window,
                "SizeLimitInBytes": arguments.size,
            }
        )
        bridge = Bridge(os.environ["EventHubConnection"], arguments.namespace, target)
        asyncio.run(run(bridge, arguments.hub or ["events", "failed-events"]))
    except Exception as problem:
        print(f"cannot start: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
