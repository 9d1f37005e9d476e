"""The four kinds of links: events in, events out, tokens and properties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from local.event_hubs import frames
from local.event_hubs.broker import now_ms
from local.event_hubs.codec import (
    NULL,
    CodecError,
    Described,
    boolean,
    decode,
    described,
    int32,
    listed,
    long,
    mapped,
    string,
    timestamp,
    ulong,
)
from local.event_hubs.faults import THROTTLED, Rule
from local.event_hubs.hubs import Full, Hub, Partition, Stored
from local.event_hubs.messages import (
    APPLICATION_PROPERTIES,
    DELIVERY_ANNOTATIONS,
    PROPERTIES,
    VALUE,
    delivered,
    read_events,
    sections,
)

if TYPE_CHECKING:
    from local.event_hubs.connection import Session

MAX_MESSAGE_BYTES = 1_048_576
CREDIT = 1000
MAX_READERS_WITHOUT_EPOCH = 5
METRICS = "com.microsoft:enable-receiver-runtime-metric"
_SELECTOR = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=?)\s*'?(@?[\w-]+)'?")


class Link(Protocol):
    """One attached link."""

    def close(self) -> None:
        """The link is gone; forget what it held."""


class Refused(Exception):
    """A link that may not be attached."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def attach_link(session: Session, fields: list[Any]) -> Link | None:
    """Answer an attach: the link, or None where it was refused or swallowed."""
    peer_receives = bool(fields[2])
    source = frames.terminus(fields[5], frames.SOURCE_FIELDS)
    target = frames.terminus(fields[6], frames.TARGET_FIELDS)
    address = str((source if peer_receives else target)[0] or "")
    node = _node(address)
    handle, name = fields[1], fields[0]
    try:
        if node.endswith("$cbs"):
            return _attach_pair(session, fields, address, CbsLink(session, handle, peer_receives))
        if node.endswith("$management"):
            return _attach_pair(session, fields, address, ManagementLink(session, handle, peer_receives))
        _strike_attach(session, node)
        if peer_receives:
            return EgressLink.attach(session, fields, source, address, node)
        return IngressLink.attach(session, fields, address, node)
    except Refused as refused:
        session.send(
            frames.attach(
                session.channel, name=name, handle=handle, is_receiver=not peer_receives, source=NULL, target=NULL
            ),
            frames.detach(session.channel, handle, frames.error(refused.condition, refused.description)),
        )
    except _Swallowed:
        pass
    return None


class _Swallowed(Exception):
    """Nothing is answered."""


def _strike_attach(session: Session, node: str) -> None:
    parts = node.split("/")
    rule = session.connection.broker.faults.at("attach", parts[0], parts[-1] if len(parts) > 1 else None)
    if rule is None:
        return
    if rule.action == "refuse":
        raise Refused(rule.condition, rule.description)
    if rule.action == "drop":
        session.connection.drop()
    else:
        session.connection.swallow()
    raise _Swallowed


def _attach_pair(session: Session, fields: list[Any], address: str, link: _PairLink) -> _PairLink:
    session.send(
        frames.attach(
            session.channel,
            name=fields[0],
            handle=fields[1],
            is_receiver=not fields[2],
            source=frames.source(address),
            target=frames.target(address),
            max_message_bytes=None if fields[2] else MAX_MESSAGE_BYTES,
        )
    )
    if not fields[2]:
        session.send_flow(fields[1], 0, CREDIT)
    return link


def _node(address: str) -> str:
    """`amqps://host:port/hub/Partitions/0` -> `hub/Partitions/0`."""
    without_scheme = re.sub(r"^(amqps?|sb)://[^/]*/?", "", address)
    return without_scheme.strip("/")


def _hub_of(session: Session, node: str) -> Hub:
    hub = session.connection.broker.hub(node.split("/")[0])
    if hub is None:
        raise Refused("amqp:not-found", f"The messaging entity '{node}' could not be found.")
    if session.connection.broker.keys and hub.name.lower() not in session.connection.authorized:
        raise Refused("amqp:unauthorized-access", f"Unauthorized access to '{hub.name}'.")
    return hub


def _partition_of(hub: Hub, partition_id: str) -> Partition:
    partition = hub.partition(partition_id)
    if partition is None:
        raise Refused("com.microsoft:argument-out-of-range", f"The partition {partition_id!r} does not exist.")
    return partition


# --- events in -----------------------------------------------------------------------------------------------------


class IngressLink:
    """A producer's link: to a hub, or to one partition of it."""

    def __init__(self, session: Session, handle: int, hub: Hub, partition: Partition | None) -> None:
        self._session = session
        self._handle = handle
        self._hub = hub
        self._partition = partition
        self._received = 0
        self._credit = CREDIT
        self._pieces: list[bytes] = []
        self._first: list[Any] = []
        self._throttle: Rule | None = None

    @classmethod
    def attach(cls, session: Session, fields: list[Any], address: str, node: str) -> IngressLink:
        hub = _hub_of(session, node)
        parts = node.split("/")
        partition = _partition_of(hub, parts[2]) if len(parts) == 3 and parts[1].lower() == "partitions" else None
        link = cls(session, fields[1], hub, partition)
        session.send(
            frames.attach(
                session.channel,
                name=fields[0],
                handle=fields[1],
                is_receiver=True,
                source=frames.source(address),
                target=frames.target(address),
                max_message_bytes=MAX_MESSAGE_BYTES,
            )
        )
        session.send_flow(fields[1], 0, CREDIT)
        return link

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        if not self._pieces:
            self._first = fields
        self._pieces.append(payload)
        if sum(map(len, self._pieces)) > MAX_MESSAGE_BYTES + 65_536:
            raise CodecError("a message over all limits")
        if fields[5]:
            return
        message, self._pieces = b"".join(self._pieces), []
        self._received += 1
        self._credit -= 1
        self._take(self._first, message)
        if self._credit <= CREDIT // 2:
            self._credit = CREDIT
            self._session.send_flow(self._handle, self._received, CREDIT)

    def _take(self, fields: list[Any], message: bytes) -> None:
        delivery = fields[1] or 0
        if len(message) > MAX_MESSAGE_BYTES:
            self._reject(delivery, "amqp:link:message-size-exceeded", f"The message is over {MAX_MESSAGE_BYTES} bytes.")
            return
        try:
            events = read_events(message, fields[3] or 0)
        except CodecError as problem:
            self._reject(delivery, "amqp:decode-error", str(problem))
            return
        key = events[0].partition_key if events else None
        partition = self._partition or self._hub.route(key)
        connection = self._session.connection
        rule = connection.broker.faults.at("send", self._hub.name, partition.id)
        if rule is not None and rule.action == "throttle":
            rule = rule if connection.broker.faults.throttles(rule, len(events), len(message)) else None
        if rule is not None and not self._strike_before(rule, delivery):
            return
        try:
            partition.append(events, now_ms())
        except Full:
            self._reject(delivery, "com.microsoft:server-busy", "Capture cannot write and the partition is full.")
            return
        if rule is None:
            self._accept(delivery)
        elif rule.action == "delay":
            connection.later(rule.delay_ms, lambda: self._accept(delivery))
        elif rule.action == "drop_after_store":
            connection.drop()

    def _strike_before(self, rule: Rule, delivery: int) -> bool:
        """Do what a fault does before storing. Returns whether the events are stored all the same."""
        if rule.action == "reject":
            self._reject(delivery, rule.condition, rule.description)
        elif rule.action == "throttle":
            self._reject(delivery, "com.microsoft:server-busy", THROTTLED)
        elif rule.action == "drop_before_store":
            self._session.connection.drop()
        elif rule.action == "detach":
            self._session.links.pop(self._handle, None)
            problem = frames.error(rule.condition, rule.description)
            self._session.send(frames.detach(self._session.channel, self._handle, problem))
        elif rule.action == "black_hole":
            self._session.connection.swallow()
        else:
            return True
        return False

    def _accept(self, delivery: int) -> None:
        self._session.send(frames.disposition(self._session.channel, delivery, delivery, frames.accepted()))

    def _reject(self, delivery: int, condition: str, description: str) -> None:
        outcome = frames.rejected(condition, description)
        self._session.send(frames.disposition(self._session.channel, delivery, delivery, outcome))

    def close(self) -> None:
        self._pieces.clear()


# --- events out ----------------------------------------------------------------------------------------------------


class EgressLink:
    """A consumer's link to one partition: sends while there is credit and something to send."""

    def __init__(
        self, session: Session, handle: int, hub: Hub, group: str, partition: Partition, epoch: int | None
    ) -> None:
        self._session = session
        self._handle = handle
        self._hub = hub
        self._partition = partition
        self._key = (hub.name, group, partition.id)
        self.epoch = epoch
        self._next = 0
        self._credit = 0
        self._sent = 0
        self._metrics = False
        self._pumping = False

    @classmethod
    def attach(cls, session: Session, fields: list[Any], source: list[Any], address: str, node: str) -> EgressLink:
        hub = _hub_of(session, node)
        parts = node.split("/")
        if len(parts) != 5 or parts[1].lower() != "consumergroups" or parts[3].lower() != "partitions":
            raise Refused("amqp:not-found", f"'{node}' names no partition of a consumer group.")
        if not hub.has_group(parts[2]):
            raise Refused("amqp:not-found", f"The consumer group '{parts[2]}' could not be found.")
        properties = fields[13] if isinstance(fields[13], dict) else {}
        epoch = properties.get("com.microsoft:epoch")
        link = cls(session, fields[1], hub, parts[2].lower(), _partition_of(hub, parts[4]), epoch)
        link._next = _start(link._partition, source[7])
        capabilities = fields[12] if isinstance(fields[12], list) else [fields[12]]
        link._metrics = METRICS in capabilities
        link._take_over()
        session.send(
            frames.attach(
                session.channel,
                name=fields[0],
                handle=fields[1],
                is_receiver=False,
                source=frames.source(address),
                target=frames.target(""),
            )
        )
        link._partition.listeners.add(link.schedule)
        return link

    def _take_over(self) -> None:
        """The rules of epochs: a higher or equal one takes the partition, a lower one or none is refused."""
        readers = self._session.connection.broker.readers.setdefault(self._key, [])
        highest = max((reader.epoch for reader in readers if reader.epoch is not None), default=None)
        if highest is not None and (self.epoch is None or self.epoch < highest):
            raise Refused("amqp:link:stolen", f"A receiver with a higher epoch '{highest}' exists.")
        if self.epoch is not None:
            for reader in tuple(readers):
                reader.detach("amqp:link:stolen", f"A receiver with epoch '{self.epoch}' took over.")
        elif len(readers) >= MAX_READERS_WITHOUT_EPOCH:
            raise Refused("amqp:resource-limit-exceeded", "Five receivers without an epoch exist already.")
        readers.append(self)

    def on_flow(self, fields: list[Any]) -> None:
        self._credit = (fields[5] or 0) + (fields[6] or 0) - self._sent
        self.pump()
        if fields[8] and self._credit > 0:  # drain: what is left of the credit is given up
            self._sent += self._credit
            self._credit = 0
            self._session.send_flow(self._handle, self._sent, 0, drain=True)

    def schedule(self) -> None:
        """Send soon: several appends become one write."""
        if not self._pumping:
            self._pumping = True
            self._session.connection.later(0, self.pump)

    def pump(self) -> None:
        """Send what credit and the transport allow."""
        self._pumping = False
        connection = self._session.connection
        while self._credit > 0 and connection.writable and self._next < self._partition.next_sequence:
            events = self._partition.from_sequence(self._next)[: min(self._credit, 500)]
            if not events:
                return
            rule = connection.broker.faults.at("deliver", self._hub.name, self._partition.id)
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
        for event in events:
            message = delivered(event.sequence, event.offset, event.enqueued_ms, event.key, event.carried)
            if self._metrics:
                message = self._runtime_metrics() + message
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
            ("runtime_info_retrieval_time_utc", timestamp(now_ms())),
        ]
        return described(DELIVERY_ANNOTATIONS, frames.symbol_map(pairs))

    def detach(self, condition: str, description: str) -> None:
        """End the link from our side."""
        self._session.links.pop(self._handle, None)
        self.close()
        problem = frames.error(condition, description)
        self._session.send(frames.detach(self._session.channel, self._handle, problem))

    def close(self) -> None:
        self._partition.listeners.discard(self.schedule)
        readers = self._session.connection.broker.readers.get(self._key, [])
        if self in readers:
            readers.remove(self)


def _start(partition: Partition, filters: object) -> int:
    """The sequence number a consumer starts at, from its selector; the oldest event without one."""
    if not isinstance(filters, dict):
        return 0
    for value in filters.values():
        text = str(value.value if isinstance(value, Described) else value)
        found = _SELECTOR.search(text)
        if found is None:
            raise Refused("amqp:invalid-field", f"the selector {text!r} is not understood")
        name, operator, at = found.groups()
        if at == "@latest":
            return partition.next_sequence
        if not at.lstrip("-").isdigit():
            raise Refused("amqp:invalid-field", f"the selector {text!r} is not understood")
        kind = {"offset": "offset", "sequence-number": "sequence", "enqueued-time": "time"}[name]
        return partition.position(kind, operator, int(at))
    return 0


# --- tokens and properties -----------------------------------------------------------------------------------------


class _PairLink:
    """One half of a request and response pair; the halves find one another by session and kind."""

    def __init__(self, session: Session, handle: int, answers: bool) -> None:
        self._session = session
        self._handle = handle
        self._answers = answers
        self._sent = 0

    def on_flow(self, fields: list[Any]) -> None:
        """Answers are few and wanted at once; credit is not held against them."""

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        delivery = fields[1] or 0
        self._session.send(frames.disposition(self._session.channel, delivery, delivery, frames.accepted()))
        self._session.send_flow(self._handle, 0, CREDIT)
        properties: list[Any] = []
        application: dict[str, Any] = {}
        body: object = None
        for code, start, _ in sections(payload):
            value = decode(payload, start)[0].value
            if code == PROPERTIES and isinstance(value, list):
                properties = value
            elif code == APPLICATION_PROPERTIES and isinstance(value, dict):
                application = {str(name): item for name, item in value.items()}
            elif code == VALUE:
                body = value
        message_id = properties[0] if properties else None
        reply = next(
            (
                link
                for link in self._session.links.values()
                if type(link) is type(self) and isinstance(link, _PairLink) and link._answers
            ),
            None,
        )
        if reply is not None:
            self.answer(reply, message_id, application, body)

    def answer(self, reply: _PairLink, message_id: object, application: dict[str, Any], body: object) -> None:
        raise NotImplementedError

    def respond(self, message_id: object, status: int, description: str, value: bytes = NULL) -> None:
        """Send one answer on this half."""
        session = self._session
        correlation = [NULL, NULL, NULL, NULL, NULL, _encoded_id(message_id)]
        message = (
            described(PROPERTIES, listed(correlation))
            + described(
                APPLICATION_PROPERTIES,
                mapped(
                    [
                        (string("status-code"), int32(status)),
                        (string("status-description"), string(description)),
                    ]
                ),
            )
            + described(VALUE, value)
        )
        for part in frames.transfer(
            session.channel, self._handle, session.outgoing, message, session.connection.max_frame
        ):
            session.send(part)
        session.outgoing += 1

    def close(self) -> None:
        """Nothing is held."""


def _encoded_id(message_id: object) -> bytes:
    from uuid import UUID

    if isinstance(message_id, UUID):
        return b"\x98" + message_id.bytes
    if isinstance(message_id, int):
        return ulong(message_id)
    return string(str(message_id))


class CbsLink(_PairLink):
    """`$cbs`: a token opens a hub to its connection."""

    def answer(self, reply: _PairLink, message_id: object, application: dict[str, Any], body: object) -> None:
        connection = self._session.connection
        rule = connection.broker.faults.at("cbs")
        if rule is not None:
            if rule.action == "drop":
                connection.drop()
                return
            if rule.action == "black_hole":
                connection.swallow()
                return
            if rule.action == "reject":
                reply.respond(message_id, rule.status, rule.description)
                return
        problem = (
            connection.broker.token_problem(str(body)) if application.get("type", "").endswith("sastoken") else None
        )
        if problem is None:
            connection.authorized.add(_node(str(application.get("name", ""))).split("/")[0].lower())
        status, text = (202, "Accepted") if problem is None else (401, f"InvalidSignature: {problem}")
        if rule is not None:
            connection.later(rule.delay_ms, lambda: reply.respond(message_id, status, text))
        else:
            reply.respond(message_id, status, text)


class ManagementLink(_PairLink):
    """`$management`: properties of hubs and partitions."""

    def answer(self, reply: _PairLink, message_id: object, application: dict[str, Any], body: object) -> None:
        connection = self._session.connection
        name = str(application.get("name", ""))
        rule = connection.broker.faults.at("management", name)
        if rule is not None:
            if rule.action == "drop":
                connection.drop()
                return
            if rule.action == "black_hole":
                connection.swallow()
                return
            if rule.action == "reject":
                reply.respond(message_id, rule.status, rule.description)
                return
        status, text, value = _properties(connection.broker.hub(name), application)
        if rule is not None:
            connection.later(rule.delay_ms, lambda: reply.respond(message_id, status, text, value))
        else:
            reply.respond(message_id, status, text, value)


def _properties(hub: Hub | None, application: dict[str, Any]) -> tuple[int, str, bytes]:
    if hub is None:
        return 404, f"The messaging entity '{application.get('name')}' could not be found.", NULL
    kind = application.get("type")
    if application.get("operation") != "READ" or kind not in ("com.microsoft:eventhub", "com.microsoft:partition"):
        return 400, "only READ of a hub or a partition is known", NULL
    pairs: list[tuple[str, bytes]] = [("name", string(hub.name)), ("type", string(str(kind)))]
    if kind == "com.microsoft:eventhub":
        ids = [string(partition.id) for partition in hub.partitions]
        pairs += [
            ("created_at", timestamp(hub.created_ms)),
            ("partition_count", int32(len(hub.partitions))),
            ("partition_ids", listed(ids)),
        ]
        return 200, "OK", mapped((string(key), value) for key, value in pairs)
    partition = hub.partition(str(application.get("partition")))
    if partition is None:
        return 404, f"The partition {application.get('partition')!r} does not exist.", NULL
    last = partition.last
    pairs += [
        ("partition", string(partition.id)),
        ("begin_sequence_number", long(partition.begin_sequence)),
        ("last_enqueued_sequence_number", long(partition.next_sequence - 1)),
        ("last_enqueued_offset", string(str(last.offset if last else -1))),
        ("last_enqueued_time_utc", timestamp(last.enqueued_ms if last else 0)),
        ("is_partition_empty", boolean(last is None)),
    ]
    return 200, "OK", mapped((string(key), value) for key, value in pairs)
