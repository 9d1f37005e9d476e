"""A consumer's link: sends the events of one partition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from . import frames
from .codec import Described, described, long, string, timestamp
from .hubs import Partition, Position, Stored
from .links import Refused, hub_at, partition_at
from .messages import DELIVERY_ANNOTATIONS, delivered
from .session import LinkSession

MAX_READERS_WITHOUT_EPOCH = 5
EVENTS_PER_WRITE = 500
STOLEN = "amqp:link:stolen"
METRICS = "com.microsoft:enable-receiver-runtime-metric"
DELIVERY_COUNT, LINK_CREDIT, DRAIN = 5, 6, 8
DESIRED_CAPABILITIES, PROPERTIES = 12, 13
_POSITIONS: dict[str, Position] = {"offset": "offset", "sequence-number": "sequence", "enqueued-time": "enqueued_ms"}
_SELECTOR = re.compile(rf"amqp\.annotation\.x-opt-({'|'.join(_POSITIONS)})\s*(>=?)\s*'?(@latest|-?[0-9]{{1,20}})'?")


class EgressLink:
    """Sends events while the consumer has credit. Deliveries are settled when they are sent."""

    def __init__(
        self,
        session: LinkSession,
        handle: int,
        key: tuple[str, str, str],
        partition: Partition,
        start: int,
        epoch: int | None,
        with_metrics: bool,
    ) -> None:
        self._session = session
        self._handle = handle
        self._key = key  # hub, consumer group and partition
        self._partition = partition
        self._next = start
        self.epoch = epoch
        self._with_metrics = with_metrics
        self._credit = 0
        self._sent = 0
        self._scheduled = False
        self._closed = False

    @classmethod
    def open(cls, session: LinkSession, fields: list[Any], filters: object, path: list[str]) -> EgressLink:
        """Open the link of an attach frame. Raise Refused for an invalid address or selector, or a low epoch."""
        hub = hub_at(session, path)
        if len(path) != 5 or path[1].lower() != "consumergroups" or path[3].lower() != "partitions":
            raise Refused("amqp:not-found", f"'{'/'.join(path)}' names no partition of a consumer group.")
        if not hub.has_group(path[2]):
            raise Refused("amqp:not-found", f"The consumer group '{path[2]}' could not be found.")
        partition = partition_at(hub, path[4])
        epoch = (fields[PROPERTIES] or {}).get("com.microsoft:epoch")
        if not isinstance(epoch, int | None):
            raise Refused("amqp:invalid-field", f"the epoch {epoch!r} is not a number")
        capabilities = fields[DESIRED_CAPABILITIES]
        link = cls(
            session,
            fields[1],
            (hub.name, path[2].lower(), partition.id),
            partition,
            _start(partition, filters),
            epoch,
            METRICS in (capabilities if isinstance(capabilities, list) else [capabilities]),
        )
        link._take_over()
        partition.listeners.add(link.schedule)
        return link

    def _take_over(self) -> None:
        """Apply the epoch rules of Event Hubs: an equal or higher epoch takes over, a lower one or none is refused."""
        readers = self._session.connection.broker.readers.setdefault(self._key, [])
        highest = max((reader.epoch for reader in readers if reader.epoch is not None), default=None)
        if highest is not None and (self.epoch is None or self.epoch < highest):
            raise Refused(STOLEN, f"A receiver with a higher epoch '{highest}' exists.")
        if self.epoch is not None:
            for reader in tuple(readers):
                reader.detach(STOLEN, f"A receiver with epoch '{self.epoch}' took over.")
        elif len(readers) >= MAX_READERS_WITHOUT_EPOCH:
            raise Refused("amqp:resource-limit-exceeded", "Five receivers without an epoch exist already.")
        readers.append(self)

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        """Ignored: a consumer sends no events."""

    def on_flow(self, fields: list[Any]) -> None:
        self._credit = (fields[DELIVERY_COUNT] or 0) + (fields[LINK_CREDIT] or 0) - self._sent
        self.pump()
        if fields[DRAIN] and self._credit > 0:  # the consumer gives up its remaining credit
            self._sent += self._credit
            self._credit = 0
            self._session.send_flow(self._handle, self._sent, 0, drain=True)

    def schedule(self) -> None:
        """Send in the next turn of the event loop, so that several appends become one write."""
        if not self._scheduled:
            self._scheduled = True
            self._session.connection.later(0, self.pump)

    def pump(self) -> None:
        """Send as many events as credit and the transport allow."""
        self._scheduled = False
        connection = self._session.connection
        while not self._closed and self._credit > 0 and connection.writable:
            events = self._partition.read(self._next, min(self._credit, EVENTS_PER_WRITE))
            if not events:
                return
            rule = connection.broker.faults.at("deliver", self._key[0], self._partition.id)
            if rule is not None and rule.action == "drop":
                connection.drop()
                return
            if rule is not None and rule.action == "detach":
                self.detach(rule.condition, rule.description)
                return
            self._send(events)
            if rule is not None and rule.action == "duplicate":
                self._send(events[-rule.duplicates :])

    def _send(self, events: Sequence[Stored]) -> None:
        parts: list[bytes] = []
        session = self._session
        metrics = self._runtime_metrics() if self._with_metrics else b""
        for event in events:
            message = metrics + delivered(event.sequence, event.offset, event.enqueued_ms, event.key, event.carried)
            parts += frames.transfer(
                session.channel, self._handle, session.outgoing, message, session.connection.max_frame
            )
            session.outgoing += 1
        self._sent += len(events)
        self._credit -= len(events)
        self._next = events[-1].sequence + 1
        session.send(*parts)

    def _runtime_metrics(self) -> bytes:
        last = self._partition.last
        pairs = [
            ("last_enqueued_sequence_number", long(self._partition.next_sequence - 1)),
            ("last_enqueued_offset", string(str(last.offset if last else -1))),
            ("last_enqueued_time_utc", timestamp(last.enqueued_ms if last else 0)),
            ("runtime_info_retrieval_time_utc", timestamp(self._session.connection.broker.now_ms())),
        ]
        return described(DELIVERY_ANNOTATIONS, frames.symbol_map(pairs))

    def detach(self, condition: str, description: str) -> None:
        """Close the link and send the client a detach frame with the error."""
        self._session.detach(self._handle, condition, description)

    def close(self) -> None:
        self._closed = True
        self._partition.listeners.discard(self.schedule)
        readers = self._session.connection.broker.readers[self._key]
        if self in readers:
            readers.remove(self)


def _start(partition: Partition, filters: object) -> int:
    """The first sequence number to send: by the selector, else 0. Raise Refused for an invalid selector."""
    if not isinstance(filters, dict) or not filters:
        return 0
    selector = next(iter(filters.values()))
    text = str(selector.value if isinstance(selector, Described) else selector)
    match = _SELECTOR.search(text)
    if match is None:
        raise Refused("amqp:invalid-field", f"the selector {text!r} is invalid")
    name, operator, at = match.groups()
    return partition.next_sequence if at == "@latest" else partition.position(_POSITIONS[name], operator, int(at))
