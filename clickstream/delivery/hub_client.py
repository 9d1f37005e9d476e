"""The SDK's client of one event hub: made in the background, thrown away when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clickstream.delivery.message import Message
from clickstream.errors import SettingsError
from clickstream.settings import Connection

if TYPE_CHECKING:
    from azure.eventhub.aio import EventHubProducerClient

log = logging.getLogger(__name__)

# Establishing a client takes several round trips, each of which the SDK polls for. No request waits as long.
CONNECT_DEADLINE_SECONDS = 5.0
CLOSE_DEADLINE_SECONDS = 0.5


class HubClients:
    """One client of one hub at a time, made by a task of its own whenever there is none.

    The SDK's client can hang for ever on a broker that accepts and never answers, so whoever uses it does so under a
    deadline and discards it when that is over. A client that takes longer to make than a request can wait is there for
    the next one.
    """

    def __init__(self, connection: Connection, hub: str) -> None:
        """Raise SettingsError when the connection string names no endpoint."""
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
        """The hub's partitions; 0 before the first client was made."""
        return len(self._lane_keys)

    async def client(self) -> HubClient:
        """The client there is, or the one being made. Raise whatever the SDK raises when it cannot be made."""
        if self._client is not None:
            return self._client
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    def discard(self, client: HubClient) -> None:
        """Never use this client again."""
        if self._client is client:
            self._client = None
            log.warning("the client of event hub %s failed and is replaced", self._hub)
        closing = asyncio.create_task(client.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the client, and end what goes on in the background."""
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

        # Retries are made here, under one deadline; those of the SDK know neither backoff nor deadline for some errors.
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
    """The SDK's producer and the keys that reach its hub's partitions."""

    def __init__(self, producer: EventHubProducerClient) -> None:
        self._producer = producer
        self._lane_keys: Sequence[str] = ()

    async def connect(self, known_lane_keys: Sequence[str]) -> Sequence[str]:
        """Open the link, so that the first send is as quick as any. Returns a partition key per partition.

        How many there are is asked only where it is not known yet.
        """
        if known_lane_keys:
            self._lane_keys = known_lane_keys
            await self._open_link()
        else:
            partitions, _ = await asyncio.gather(self._producer.get_partition_ids(), self._open_link())
            self._lane_keys = lane_keys(len(partitions))
        return self._lane_keys

    async def send(self, lane: int, messages: Sequence[Message]) -> int:
        """Send as many of the messages as one batch holds. Returns how many; they are acknowledged."""
        from azure.eventhub import EventData

        batch = await self._producer.create_batch(partition_key=self._lane_keys[lane])
        for message in messages:
            data = EventData(message.body)
            data.properties.update(message.properties)
            try:
                batch.add(data)
            except ValueError:
                if not len(batch):
                    raise
                break  # full; the rest is the next batch's
        await self._producer.send_batch(batch)
        return len(batch)

    async def close(self) -> None:
        with contextlib.suppress(Exception):  # it is being thrown away because it failed
            async with asyncio.timeout(CLOSE_DEADLINE_SECONDS):
                await self._producer.close()

    async def _open_link(self) -> None:
        await self._producer.create_batch(partition_key="any")


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
