"""Event Hubs: one long-lived client per process and hub, every send awaited under a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from clickstream.delivery.message import Delivery, Message
from clickstream.errors import Unavailable
from clickstream.settings import Connection

if TYPE_CHECKING:
    from azure.eventhub import EventData
    from azure.eventhub.aio import EventHubProducerClient

log = logging.getLogger(__name__)

# Establishing a client takes several round trips, each of which the SDK polls for; a warm one answers in milliseconds.
CONNECT_DEADLINE_SECONDS = 3.0
CLOSE_DEADLINE_SECONDS = 0.5
RETRIES = 1
RETRY_BACKOFF_SECONDS = 0.1
# What the service counts besides the body: annotations, properties and framing. 1 MiB is the Standard tier's limit.
MAX_MESSAGE_BYTES = 1_048_576 - 16_384


class EventHubSink:
    """Sends to one hub. Messages of one key go to one partition, in order.

    The SDK's client can hang for ever on a broker that accepts and never answers, so each send runs under a deadline,
    and a client that failed is thrown away: the next send makes a new one.
    """

    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(self, connection: Connection, hub: str, deadline_seconds: float) -> None:
        self._connection = connection
        self._hub = hub
        self._deadline_seconds = deadline_seconds
        self._client: _Client | None = None
        self._connecting = asyncio.Lock()

    async def send(self, messages: Sequence[Message]) -> Delivery:
        """Return once the hub has acknowledged every message. Raise Unavailable when it has not, in time.

        After Unavailable some of the messages may stand in the hub all the same; their ids make that harmless.
        """
        if not messages:
            return Delivery()
        client = await self._connected()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await client.send(messages)
        except Exception as error:  # the SDK raises a dozen types, its own and the transport's; all mean "not taken"
            await self._discard(client)
            raise Unavailable(f"the event hub {self._hub} did not take the events") from error
        return Delivery(acknowledged=len(messages))

    async def check(self) -> None:
        """Return when the hub can be reached. Raise Unavailable otherwise."""
        client = await self._connected()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await client.check()
        except Exception as error:
            await self._discard(client)
            raise Unavailable(f"the event hub {self._hub} does not answer") from error

    async def close(self) -> None:
        """Close the client, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> _Client:
        if self._client is not None:
            return self._client
        async with self._connecting:
            if self._client is None:
                client = _Client(self._connection, self._hub)
                try:
                    async with asyncio.timeout(CONNECT_DEADLINE_SECONDS):
                        await client.connect()
                except Exception as error:
                    await client.close()
                    raise Unavailable(f"the event hub {self._hub} cannot be reached") from error
                self._client = client
            return self._client

    async def _discard(self, client: _Client) -> None:
        if self._client is client:
            self._client = None
            log.warning("the client of event hub %s failed and is replaced", self._hub)
        await client.close()


class _Client:
    """The SDK's producer and the keys that reach its hub's partitions."""

    def __init__(self, connection: Connection, hub: str) -> None:
        self._producer = _producer(connection, hub)
        self._lanes: Sequence[str] = ()

    async def connect(self) -> None:
        """Open the connection and the link, so that the first send is as quick as any."""
        self._lanes = lane_keys(len(await self._producer.get_partition_ids()))
        await self._producer.create_batch(partition_key=self._lanes[0])

    async def check(self) -> None:
        """One round trip to the service."""
        await self._producer.get_partition_ids()

    async def send(self, messages: Sequence[Message]) -> None:
        from azure.eventhub import EventData

        lanes: dict[str, list[EventData]] = {}
        for message in messages:
            data = EventData(message.body)
            data.properties.update(message.properties)
            lane = self._lanes[crc32(message.key.encode()) % len(self._lanes)]
            lanes.setdefault(lane, []).append(data)
        for lane, events in lanes.items():
            await self._send_lane(lane, events)

    async def _send_lane(self, lane: str, events: Sequence[EventData]) -> None:
        batch = await self._producer.create_batch(partition_key=lane)
        for event in events:
            try:
                batch.add(event)
            except ValueError:  # full; one message alone fits, the collector has seen to that
                await self._producer.send_batch(batch)
                batch = await self._producer.create_batch(partition_key=lane)
                batch.add(event)
        await self._producer.send_batch(batch)

    async def close(self) -> None:
        with contextlib.suppress(Exception):  # it is being thrown away because it failed
            async with asyncio.timeout(CLOSE_DEADLINE_SECONDS):
                await self._producer.close()


def lane_keys(partition_count: int) -> Sequence[str]:
    """One partition key per partition, each of which the service hashes to another one.

    Sending by key keeps all partitions on one link; the SDK opens a connection of its own for every partition id. Only
    keys of a hash above zero are taken: of negative ones the SDKs for Python and .NET disagree where they lead.
    """
    from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code

    found: dict[int, str] = {}
    candidate = 0
    while len(found) < partition_count:
        key = f"lane-{candidate}"
        hash_code: int = generate_hash_code(key)
        if hash_code > 0:
            found.setdefault(hash_code % partition_count, key)
        candidate += 1
    return [found[partition] for partition in range(partition_count)]


def _producer(connection: Connection, hub: str) -> EventHubProducerClient:
    from azure.eventhub.aio import EventHubProducerClient

    if connection.connection_string is not None:
        return EventHubProducerClient.from_connection_string(
            connection.connection_string,
            eventhub_name=hub,
            retry_total=RETRIES,
            retry_backoff_factor=RETRY_BACKOFF_SECONDS,
            retry_mode="fixed",
        )
    from azure.identity.aio import DefaultAzureCredential

    assert connection.target is not None, "Settings refuses a connection with neither"
    return EventHubProducerClient(
        connection.target,
        hub,
        DefaultAzureCredential(managed_identity_client_id=connection.client_id),
        retry_total=RETRIES,
        retry_backoff_factor=RETRY_BACKOFF_SECONDS,
        retry_mode="fixed",
    )
