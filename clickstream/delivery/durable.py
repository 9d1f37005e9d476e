"""The collector's sink: sends to the hub, else writes to the spill, else raises."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clickstream.delivery.breaker import State
from clickstream.delivery.event_hub import Hub
from clickstream.delivery.spill import Spill
from clickstream.errors import Unavailable
from clickstream.model.message import Delivery, Message

# 1 MiB, the Standard tier's limit, minus room for annotations, properties and framing, which the service counts too.
MAX_MESSAGE_BYTES = 1_048_576 - 16_384


@dataclass(frozen=True, slots=True)
class SinkState:
    """The state of a hub and its spill, from earlier sends and from connecting. No message is sent to determine it.

    Times are None if there was none yet.
    """

    hub: State | Literal["none"]
    hub_reachable: bool
    acknowledged_at: datetime | None
    spill_reachable: bool
    spilled_at: datetime | None
    spill_failed_at: datetime | None

    @property
    def works(self) -> bool:
        """Whether events can become durable."""
        return self.hub_reachable or self.spill_reachable


class DurableSink:
    """Makes messages durable. A call takes no longer than the deadlines of hub and spill together."""

    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(self, hub: Hub, spill: Spill) -> None:
        self._hub = hub
        self._spill = spill

    async def send(self, messages: Sequence[Message], until: datetime | None = None) -> Delivery:
        """Return once every message is acknowledged by the hub or is in the spill.

        Raise Unavailable if not all of them are known to be, at `until` at the latest. Nothing is sent after `until`,
        even if the event loop was blocked. Messages that count as not taken may be durable nevertheless, and spilled
        ones may be in the hub too. Both are harmless, because compaction drops copies by their ids.
        """
        unacknowledged = await self._hub.deliver(messages, until)
        unresolved = await self._spill.deliver(unacknowledged, until)
        if unresolved:
            durable = len(messages) - len(unresolved)
            raise Unavailable("the events could not be stored; send them again", durable=durable)
        return Delivery(len(messages) - len(unacknowledged), len(unacknowledged))

    async def state(self) -> SinkState:
        """The state now. Connects if there is no client yet, and sends no message."""
        hub_reachable, spill_reachable = await asyncio.gather(self._hub.is_reachable(), self._spill.is_reachable())
        return SinkState(
            self._hub.condition,
            hub_reachable,
            self._hub.acknowledged_at,
            spill_reachable,
            self._spill.spilled_at,
            self._spill.failed_at,
        )

    async def close(self) -> None:
        """Close clients and end background tasks."""
        await self._hub.close()
        await self._spill.close()
