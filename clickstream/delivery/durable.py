"""The sink of the collector: the hub, else the spill, else the caller is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clickstream.delivery.breaker import State
from clickstream.delivery.event_hub import EventHub
from clickstream.delivery.message import Delivery, Message
from clickstream.delivery.spill import Spill
from clickstream.errors import Unavailable

# What the service counts besides the body: annotations, properties and framing. 1 MiB is the Standard tier's limit.
MAX_MESSAGE_BYTES = 1_048_576 - 16_384


@dataclass(frozen=True, slots=True)
class SinkState:
    """What is known of a hub and its spill, from what was sent and from asking; nothing is sent to know it."""

    hub: State
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
    """Makes messages durable. No answer takes longer than the deadlines of both together."""

    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(self, hub: EventHub, spill: Spill) -> None:
        self._hub = hub
        self._spill = spill

    async def send(self, messages: Sequence[Message]) -> Delivery:
        """Return once the hub has acknowledged every message or it stands in the spill.

        Raise Unavailable when neither took all of them. Some may be durable all the same, and of the spilled ones some
        may stand in the hub too; their ids make both harmless.
        """
        unacknowledged = await self._hub.deliver(messages)
        if await self._spill.deliver(unacknowledged):
            raise Unavailable("neither the event hub nor the spill took the events")
        return Delivery(len(messages) - len(unacknowledged), len(unacknowledged))

    async def state(self) -> SinkState:
        """What is known now. Connects where there is no client yet, and sends nothing."""
        hub_reachable, spill_reachable = await asyncio.gather(self._hub.is_reachable(), self._spill.is_reachable())
        return SinkState(
            self._hub.breaker.state,
            hub_reachable,
            self._hub.acknowledged_at,
            spill_reachable,
            self._spill.spilled_at,
            self._spill.failed_at,
        )

    async def close(self) -> None:
        """Close clients and end what goes on in the background."""
        await self._hub.close()
        await self._spill.close()
