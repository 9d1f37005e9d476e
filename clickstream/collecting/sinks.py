"""Sinks of messages, and the counts of events that were answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from clickstream.errors import Unavailable
from clickstream.model.message import Delivery, Message
from clickstream.settings import HOLDING


class Sink(Protocol):
    """A destination that makes messages durable. `max_message_bytes` bounds the body of one."""

    max_message_bytes: int

    async def send(self, messages: Sequence[Message], until: datetime | None = None) -> Delivery:
        """Return once every message is durable. Raise Unavailable otherwise, at `until` at the latest.

        After `until` no message becomes durable, except those in flight.
        """


class Counts(Protocol):
    """Counts events by their request's answer, independently of the messages."""

    def answered(self, site: str, received_at: datetime, accepted: int, failed: int) -> None:
        """Count the events of an answered request; all of them are durable."""

    def refused(self, site: str, received_at: datetime, durable: int, unresolved: int) -> None:
        """Count the events of a request that was refused after they were sent."""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Sends the messages of requests, and counts them. `sending_time` bounds the sending of one request's messages."""

    events: Sink
    failed_events: Sink
    counts: Counts
    sending_time: timedelta
    now: Callable[[], datetime]

    async def send(
        self, site: str, received_at: datetime, accepted: Sequence[Message], failed: Sequence[Message]
    ) -> Delivery:
        """Return once all messages of a request are durable and counted as answered.

        Raise Unavailable otherwise, also for a request that was received more than HOLDING ago: the compactor may have
        declared that time complete.
        """
        now = self.now()
        if now - received_at > HOLDING:
            raise Unavailable("the events waited too long to be sent; send them again")
        sent = _Sent(now + self.sending_time)
        try:
            # Events first: if they are refused, the client sends all again, and no failed event must be counted twice.
            delivery = await sent.by(self.events, accepted)
            if failed:
                failures = await sent.by(self.failed_events, failed)
                delivery = Delivery(delivery.acknowledged + failures.acknowledged, delivery.spilled + failures.spilled)
        except BaseException:  # also if the client disconnects, because it gets no answer then
            self.counts.refused(site, received_at, sent.durable, sent.handed_over - sent.durable)
            raise
        self.counts.answered(site, received_at, len(accepted), len(failed))
        return delivery


@dataclass(slots=True)
class _Sent:
    """Numbers of a request's messages that were handed to a sink, and of those known to be durable."""

    until: datetime
    handed_over: int = 0
    durable: int = 0

    async def by(self, sink: Sink, messages: Sequence[Message]) -> Delivery:
        """Send to one sink, and count."""
        self.handed_over += len(messages)
        try:
            delivery = await sink.send(messages, self.until)
        except Unavailable as problem:
            self.durable += problem.durable
            raise
        self.durable += len(messages)
        return delivery
