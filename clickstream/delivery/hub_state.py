"""Queries Event Hubs for the last sequence number of each partition, for the compactor's "complete until"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clickstream.errors import Unavailable
from clickstream.model.hub_state import HubState
from clickstream.settings import Connection

if TYPE_CHECKING:
    from azure.eventhub import EventHubProducerClient


class NoHubs:
    """States without Event Hubs: no partitions, because answered events are in the spill already."""

    def ask(self, hub: str) -> HubState:
        return HubState(datetime.fromtimestamp(0, UTC), {})


class EventHubStates:
    """Opens a client per query: there is one query per run, and the service closes idle connections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, hub: str) -> HubState:
        """The hub's state now. Raise Unavailable."""
        try:
            with self._client(hub) as client:
                properties = client.get_eventhub_properties()
                lasts = {
                    partition: int(client.get_partition_properties(partition)["last_enqueued_sequence_number"])
                    for partition in properties["partition_ids"]
                }
                return HubState(properties["created_at"], lasts)
        except Exception as error:  # the SDK raises a dozen types; all mean that the hub did not answer
            raise Unavailable(f"the event hub {hub} cannot be asked: {error}") from error

    def _client(self, hub: str) -> EventHubProducerClient:
        from azure.eventhub import EventHubProducerClient

        if self._connection.connection_string is not None:
            return EventHubProducerClient.from_connection_string(
                self._connection.connection_string, eventhub_name=hub, retry_total=1
            )
        from azure.identity import DefaultAzureCredential

        assert self._connection.target is not None, "Settings refuses a connection with neither"
        credential = DefaultAzureCredential(managed_identity_client_id=self._connection.client_id)
        return EventHubProducerClient(self._connection.target, hub, credential, retry_total=1)
