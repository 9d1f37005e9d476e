"""Event Hubs: requests share batches, every send is awaited under a deadline, a hub that fails is spared."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from zlib import crc32

from clickstream.delivery.breaker import Breaker
from clickstream.delivery.group_commit import GroupCommit, NotTaken
from clickstream.delivery.hub_client import HubClient, HubClients
from clickstream.delivery.message import Message
from clickstream.settings import Connection

log = logging.getLogger(__name__)


class EventHub:
    """Sends to one hub. Messages of one key go to one partition, in order."""

    def __init__(self, connection: Connection, hub: str, deadline_seconds: float, now: Callable[[], datetime]) -> None:
        self._hub = hub
        self._deadline_seconds = deadline_seconds
        self._now = now
        self._clients = HubClients(connection, hub)
        self._group: GroupCommit[Message] = GroupCommit(self._transmit)
        self.breaker = Breaker(time.monotonic)
        self.acknowledged_at: datetime | None = None

    async def deliver(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return once the hub has acknowledged every message, or the deadline is over.

        Returns those without acknowledgement; some of them may stand in the hub all the same.
        """
        if not messages or not self.breaker.admits():
            return messages
        began = time.monotonic()
        if not self._clients.lane_count and not await self._is_connected():
            return messages
        lanes: dict[int, list[Message]] = {}
        for message in messages:
            lanes.setdefault(crc32(message.key.encode()) % self._clients.lane_count, []).append(message)
        return await self._group.commit(lanes, began + self._deadline_seconds - time.monotonic())

    async def is_reachable(self) -> bool:
        """Whether there is a client, or one can be made in time. Sends nothing, and leaves alone a hub that fails."""
        return self.breaker.state != "open" and await self._is_connected()

    async def close(self) -> None:
        """Close the client and end what goes on in the background."""
        await self._group.close()
        await self._clients.close()

    async def _is_connected(self) -> bool:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._clients.client()
        except Exception as error:  # the SDK raises a dozen types, its own and the transport's
            self._note_failure(error, hung=isinstance(error, TimeoutError))
            return False
        return True

    async def _transmit(self, lane: int, messages: Sequence[Message]) -> int:
        client: HubClient | None = None
        try:
            async with asyncio.timeout(self._deadline_seconds) as deadline:
                client = await self._clients.client()
                count = await client.send(lane, messages)
        except Exception as error:  # as above; all mean "not taken"
            if client is not None and not _is_rejection(error):
                self._clients.discard(client)
            self._note_failure(error, hung=deadline.expired())
            raise NotTaken(retry=self.breaker.state == "closed") from error
        self.breaker.succeeded()
        self.acknowledged_at = self._now()
        return count

    def _note_failure(self, error: Exception, *, hung: bool) -> None:
        before = self.breaker.state
        self.breaker.failed(hung=hung)
        if before == "closed" and self.breaker.state == "open":
            log.warning("the event hub %s is left alone for a while: %s", self._hub, error or type(error).__name__)


def _is_rejection(error: Exception) -> bool:
    """Whether the hub answered, and its link lives: no new client is needed then."""
    from azure.eventhub.exceptions import EventDataSendError

    return isinstance(error, EventDataSendError)
