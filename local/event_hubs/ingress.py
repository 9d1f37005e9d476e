"""A producer's link to a hub, or to one of its partitions."""

from __future__ import annotations

from typing import Any

from . import frames
from .codec import CodecError
from .faults import THROTTLED, Rule
from .hubs import Full, Hub, Partition
from .links import CREDIT, MAX_MESSAGE_BYTES, hub_at, partition_at
from .messages import read_events
from .session import LinkSession

SERVER_BUSY = "com.microsoft:server-busy"
DELIVERY_ID, MESSAGE_FORMAT, MORE, ABORTED = 1, 3, 5, 9
MAX_FRAMED_BYTES = MAX_MESSAGE_BYTES + 65_536


class IngressLink:
    """Stores deliveries. Each one is settled once all its events are stored."""

    def __init__(self, session: LinkSession, handle: int, hub: Hub, partition: Partition | None) -> None:
        self._session = session
        self._handle = handle
        self._hub = hub
        self._partition = partition
        self._received = 0
        self._credit = CREDIT
        self._message = bytearray()
        self._first: list[Any] | None = None  # fields of the first frame of an unfinished delivery

    @classmethod
    def open(cls, session: LinkSession, fields: list[Any], path: list[str]) -> IngressLink:
        """Open the link of an attach frame. Raise Refused if its address is not a hub or partition."""
        hub = hub_at(session, path)
        to_partition = len(path) == 3 and path[1].lower() == "partitions"
        return cls(session, fields[1], hub, partition_at(hub, path[2]) if to_partition else None)

    def on_flow(self, fields: list[Any]) -> None:
        """Ignored: a producer's flow frame requests nothing."""

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        first = self._first = fields if self._first is None else self._first
        self._message += payload
        if len(self._message) > MAX_FRAMED_BYTES:
            raise CodecError("a message exceeds the size limit")
        if fields[MORE] and not fields[ABORTED]:
            return
        message = bytes(self._message)
        self.close()
        self._received += 1
        self._credit -= 1
        if not fields[ABORTED]:
            self._store(first, message)
        if self._credit <= CREDIT // 2:
            self._credit = CREDIT
            self._session.send_flow(self._handle, self._received, CREDIT)

    def pump(self) -> None:
        """Do nothing: this link buffers no output."""

    def close(self) -> None:
        self._message.clear()
        self._first = None

    def _store(self, fields: list[Any], message: bytes) -> None:
        delivery = fields[DELIVERY_ID] or 0
        if len(message) > MAX_MESSAGE_BYTES:
            self._reject(delivery, "amqp:link:message-size-exceeded", f"The message is over {MAX_MESSAGE_BYTES} bytes.")
            return
        try:
            events = read_events(message, fields[MESSAGE_FORMAT] or 0)
        except CodecError as problem:
            self._reject(delivery, "amqp:decode-error", str(problem))
            return
        partition = self._partition or self._hub.route(events[0].partition_key if events else None)
        connection = self._session.connection
        rule = connection.broker.faults.at("send", self._hub.name, partition.id)
        if rule is not None and rule.action == "throttle":
            rule = rule if connection.broker.faults.throttles(rule, len(events), len(message)) else None
        if rule is not None and not self._fault_before_store(rule, delivery):
            return
        try:
            partition.append(events, connection.broker.now_ms())
        except Full:
            self._reject(delivery, SERVER_BUSY, "The partition is full of events that Capture has not written yet.")
            return
        if rule is None:
            self._accept(delivery)
        elif rule.action == "delay":
            connection.later(rule.delay_ms, lambda: self._accept(delivery))
        elif rule.action == "drop_after_store":
            connection.drop()

    def _fault_before_store(self, rule: Rule, delivery: int) -> bool:
        """Apply a fault that happens before the events are stored. Return whether to store them nevertheless."""
        match rule.action:
            case "reject":
                self._reject(delivery, rule.condition, rule.description)
            case "throttle":
                self._reject(delivery, SERVER_BUSY, THROTTLED)
            case "drop_before_store":
                self._session.connection.drop()
            case "detach":
                self._session.detach(self._handle, rule.condition, rule.description)
            case "black_hole":
                self._session.connection.swallow()
            case _:
                return True
        return False

    def _accept(self, delivery: int) -> None:
        self._settle(delivery, frames.accepted())

    def _reject(self, delivery: int, condition: str, description: str) -> None:
        self._settle(delivery, frames.rejected(condition, description))

    def _settle(self, delivery: int, outcome: bytes) -> None:
        self._session.send(frames.disposition(self._session.channel, delivery, delivery, outcome))
