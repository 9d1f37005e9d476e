"""Sends to Event Hubs: requests share batches, every send has a deadline, and a circuit breaker stops failing ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol
from zlib import crc32

from clickstream.delivery.breaker import Breaker, State
from clickstream.delivery.group_commit import GroupCommit, NotTaken
from clickstream.delivery.hub_client import HubClient, HubClients
from clickstream.model.message import Message
from clickstream.settings import Connection
from clickstream.tally import Tally


class Hub(Protocol):
    """The first destination of messages."""

    @property
    def condition(self) -> State | Literal["none"]:
        """The state of its circuit breaker; `none` without Event Hubs."""

    @property
    def acknowledged_at(self) -> datetime | None:
        """When it last acknowledged a message; None if never."""

    async def deliver(self, messages: Sequence[Message], until: datetime | None = None) -> Sequence[Message]:
        """Return once every message is acknowledged or the deadline is over, at `until` at the latest.

        Returns the messages without acknowledgement. The hub may have some of them nevertheless.
        """

    async def is_reachable(self) -> bool:
        """Whether it seems to take messages. Sends none."""

    async def close(self) -> None:
        """Close the client and end background tasks."""


class NoHub:
    """Replaces a missing hub: it acknowledges nothing, so every message goes to the spill."""

    condition: Literal["none"] = "none"
    acknowledged_at = None

    async def deliver(self, messages: Sequence[Message], until: datetime | None = None) -> Sequence[Message]:
        return messages

    async def is_reachable(self) -> bool:
        return False

    async def close(self) -> None:
        return None


class EventHub:
    """Sends to one hub. Messages of one key go to one partition, in order."""

    def __init__(
        self, connection: Connection, hub: str, deadline_seconds: float, now: Callable[[], datetime], tally: Tally
    ) -> None:
        self._hub = hub
        self._deadline_seconds = deadline_seconds
        self._now = now
        self._tally = tally
        self._clients = HubClients(connection, hub)
        self._group: GroupCommit[Message] = GroupCommit(self._transmit, clock=lambda: now().timestamp())
        self.breaker = Breaker(time.monotonic)
        self.acknowledged_at: datetime | None = None

    @property
    def condition(self) -> State:
        """The state of the circuit breaker."""
        return self.breaker.state

    async def deliver(self, messages: Sequence[Message], until: datetime | None = None) -> Sequence[Message]:
        """Return once every message is acknowledged or the deadline is over, at `until` at the latest.

        Returns the messages without acknowledgement. The hub may have some of them nevertheless.
        """
        left = await self._delivered(messages, until)
        if left:
            self._tally.missed(len(left))
        return left

    async def _delivered(self, messages: Sequence[Message], until: datetime | None) -> Sequence[Message]:
        if not messages or not self.breaker.admits():
            return messages
        deadline = self._now() + timedelta(seconds=self._deadline_seconds)
        deadline = min(deadline, until or deadline)
        if not self._clients.lane_count and not await self._is_connected():
            return messages
        lanes: dict[int, list[Message]] = {}
        for message in messages:
            lanes.setdefault(crc32(message.key.encode()) % self._clients.lane_count, []).append(message)
        return await self._group.commit(lanes, (deadline - self._now()).total_seconds())

    async def is_reachable(self) -> bool:
        """Whether there is a client or one connects in time. False while the breaker is open. Sends no message."""
        return self.breaker.state != "open" and await self._is_connected()

    async def close(self) -> None:
        """Close the client and end background tasks."""
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
                began = time.monotonic()
                count = await client.send(lane, messages)
        except Exception as error:  # the SDK's types, as above; all mean "not taken"
            if client is not None and not _is_rejection(error):
                self._clients.discard(client)
            self._note_failure(error, hung=deadline.expired())
            raise NotTaken(retry=self.breaker.state == "closed") from error
        self._tally.sent(time.monotonic() - began)
        self.breaker.succeeded()
        self.acknowledged_at = self._now()
        return count

    def _note_failure(self, error: Exception, *, hung: bool) -> None:
        before = self.breaker.state
        self.breaker.failed(hung=hung)
        if before == "closed" and self.breaker.state == "open":
            self._tally.breaker_opened(self._hub, str(error) or type(error).__name__)


def _is_rejection(error: Exception) -> bool:
    """Whether the hub refused the message. The link is intact then, so the client stays."""
    from azure.eventhub.exceptions import EventDataSendError

    return isinstance(error, EventDataSendError)
