"""Manages the SDK's client of one event hub: connects in the background, and replaces a client that fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clickstream.errors import SettingsError
from clickstream.model.message import Message
from clickstream.settings import Connection

if TYPE_CHECKING:
    from azure.eventhub.aio import EventHubProducerClient

log = logging.getLogger(__name__)

# Connecting takes several round trips, and the SDK polls for each. Requests have shorter deadlines.
CONNECT_DEADLINE_SECONDS = 5.0
CLOSE_DEADLINE_SECONDS = 0.5


class HubClients:
    """At most one client of one hub. A task of its own connects whenever there is none.

    The SDK's client can hang for ever if a broker accepts connections and never answers, so callers use it under a
    deadline and discard it afterwards. If connecting takes longer than one request can wait, the next request gets the
    client.
    """

    def __init__(self, connection: Connection, hub: str) -> None:
        """Raise SettingsError if the connection string names no endpoint."""
        if connection.connection_string is not None and "endpoint=sb://" not in connection.connection_string.lower():
            raise SettingsError([f"{connection.prefix} must be a connection string with Endpoint=sb://"])
        self._connection = connection
        self._hub = hub
        self._credential: Any = None
        self._lane_keys: Sequence[str] = ()
        self._client: HubClient | None = None
        self._connecting: asyncio.Task[HubClient] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def lane_count(self) -> int:
        """The number of the hub's partitions; 0 before the first client has connected."""
        return len(self._lane_keys)

    async def client(self) -> HubClient:
        """The client, once it has connected. Raise what the SDK raises if it cannot."""
        if self._client is not None:
            return self._client
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    def discard(self, client: HubClient) -> None:
        """Close this client in the background and never return it again."""
        if self._client is client:
            self._client = None
            log.warning("the client of event hub %s failed and is replaced", self._hub)
        closing = asyncio.create_task(client.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the client and end background tasks."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        await asyncio.gather(*self._closing)
        if self._credential is not None:
            await self._credential.close()

    async def _connect(self) -> HubClient:
        client = HubClient(self._producer())
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_SECONDS):
                self._lane_keys = await client.connect(self._lane_keys)
        except BaseException:
            await client.close()
            raise
        finally:
            self._connecting = None
        self._client = client
        return client

    def _producer(self) -> EventHubProducerClient:
        from azure.eventhub.aio import EventHubProducerClient

        # We retry under one deadline. The SDK's retries are off, because some have neither backoff nor deadline.
        options: dict[str, Any] = {"retry_total": 0, "retry_backoff_factor": 0.0}
        if self._connection.connection_string is not None:
            return EventHubProducerClient.from_connection_string(
                self._connection.connection_string, eventhub_name=self._hub, **options
            )
        assert self._connection.target is not None, "Settings refuses a connection with neither"
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential(managed_identity_client_id=self._connection.client_id)
        return EventHubProducerClient(self._connection.target, self._hub, self._credential, **options)


class HubClient:
    """The SDK's producer, and one partition key for each of the hub's partitions."""

    def __init__(self, producer: EventHubProducerClient) -> None:
        self._producer = producer
        self._lane_keys: Sequence[str] = ()

    async def connect(self, known_lane_keys: Sequence[str]) -> Sequence[str]:
        """Open the link, so that the first send is as quick as later ones. Returns one partition key per partition.

        Requests the number of partitions only if `known_lane_keys` is empty. Raise what the SDK raises.
        """
        if known_lane_keys:
            self._lane_keys = known_lane_keys
            await self._open_link()
        else:
            partitions, _ = await asyncio.gather(self._producer.get_partition_ids(), self._open_link())
            self._lane_keys = lane_keys(len(partitions))
        return self._lane_keys

    async def send(self, lane: int, messages: Sequence[Message]) -> int:
        """Send the first messages, as many as fit in one batch. Returns how many, once they are acknowledged.

        Raise what the SDK raises; ValueError if the first message is too large for a batch.
        """
        from azure.eventhub import EventData

        batch = await self._producer.create_batch(partition_key=self._lane_keys[lane])
        for message in messages:
            data = EventData(message.body)
            data.properties.update(message.properties)
            if message.id is not None:
                data.message_id, data.content_type = message.id, "application/json"
            try:
                batch.add(data)
            except ValueError:
                if not len(batch):
                    raise
                break  # full; the next batch takes the others
        await self._producer.send_batch(batch)
        return len(batch)

    async def close(self) -> None:
        with contextlib.suppress(Exception):  # its errors no longer matter
            async with asyncio.timeout(CLOSE_DEADLINE_SECONDS):
                await self._producer.close()

    async def _open_link(self) -> None:
        await self._producer.create_batch(partition_key="any")


def lane_keys(partition_count: int) -> Sequence[str]:
    """One partition key per partition; the service hashes each to a different one.

    Sending by key needs one link for all partitions; by partition id, the SDK opens a connection for each. Only keys
    with a positive hash are used, because the SDKs for Python and .NET map negative hashes to different partitions.
    """
    from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code

    keys: dict[int, str] = {}
    candidate = 0
    while len(keys) < partition_count:
        key = f"lane-{candidate}"
        hash_code: int = generate_hash_code(key)
        if hash_code > 0:
            keys.setdefault(hash_code % partition_count, key)
        candidate += 1
    return [keys[partition] for partition in range(partition_count)]
