"""Request and response links: tokens on `$cbs`, properties of hubs and partitions on `$management`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from . import frames
from .codec import (
    NULL,
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
from .faults import Rule
from .hubs import Hub
from .links import CREDIT, path_of
from .messages import APPLICATION_PROPERTIES, PROPERTIES, VALUE, sections
from .session import LinkSession

HUB, PARTITION = "com.microsoft:eventhub", "com.microsoft:partition"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status code, its text, and an AMQP-encoded value."""

    status: int
    text: str
    value: bytes = NULL


class _RequestLink:
    """One of the two links of a request and response pair. Both are links of one session and of the same class."""

    def __init__(self, session: LinkSession, handle: int, answers: bool) -> None:
        self._session = session
        self._handle = handle
        self._answers = answers

    def on_flow(self, fields: list[Any]) -> None:
        """Ignored: answers are sent without credit, because they are few."""

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        delivery = fields[1] or 0
        self._session.send(frames.disposition(self._session.channel, delivery, delivery, frames.accepted()))
        self._session.send_flow(self._handle, 0, CREDIT)
        message_id: object = None
        application: dict[str, str] = {}
        body: object = None
        for code, start, _ in sections(payload):
            value = decode(payload, start)[0].value
            if code == PROPERTIES and isinstance(value, list) and value:
                message_id = value[0]
            elif code == APPLICATION_PROPERTIES and isinstance(value, dict):
                application = {str(name): str(item) for name, item in value.items()}
            elif code == VALUE:
                body = value
        reply = next(
            (link for link in self._session.links.values() if type(link) is type(self) and link._answers), None
        )
        if reply is not None:
            self._reply_with(reply, message_id, application, body)

    def pump(self) -> None:
        """Do nothing: this link buffers no output."""

    def close(self) -> None:
        """Do nothing: this link holds no resources."""

    def rule(self, application: dict[str, str]) -> Rule | None:
        """The fault rule for a request with these application properties, if any."""
        raise NotImplementedError

    def answer(self, application: dict[str, str], body: object) -> Answer:
        """The answer to a request."""
        raise NotImplementedError

    def _reply_with(self, reply: _RequestLink, message_id: object, application: dict[str, str], body: object) -> None:
        connection = self._session.connection
        rule = self.rule(application)
        match None if rule is None else rule.action:
            case "drop":
                connection.drop()
            case "black_hole":
                connection.swallow()
            case "reject":
                assert rule is not None
                reply._send(message_id, Answer(rule.status, rule.description))
            case "delay":
                assert rule is not None
                answer = self.answer(application, body)
                connection.later(rule.delay_ms, lambda: reply._send(message_id, answer))
            case _:
                reply._send(message_id, self.answer(application, body))

    def _send(self, message_id: object, answer: Answer) -> None:
        session = self._session
        status = [
            (string("status-code"), int32(answer.status)),
            (string("status-description"), string(answer.text)),
        ]
        message = (
            described(PROPERTIES, listed([NULL, NULL, NULL, NULL, NULL, _encoded_id(message_id)]))
            + described(APPLICATION_PROPERTIES, mapped(status))
            + described(VALUE, answer.value)
        )
        session.send(
            *frames.transfer(session.channel, self._handle, session.outgoing, message, session.connection.max_frame)
        )
        session.outgoing += 1


def _encoded_id(message_id: object) -> bytes:
    match message_id:
        case UUID():
            return b"\x98" + message_id.bytes
        case int() if 0 <= message_id < 2**64:
            return ulong(message_id)
        case _:
            return string(str(message_id))


class CbsLink(_RequestLink):
    """`$cbs`: a valid token authorizes the connection for a hub."""

    def rule(self, application: dict[str, str]) -> Rule | None:
        return self._session.connection.broker.faults.at("cbs")

    def answer(self, application: dict[str, str], body: object) -> Answer:
        connection = self._session.connection
        problem = connection.broker.token_problem(str(body))
        if problem is not None:
            return Answer(401, f"InvalidSignature: {problem}")
        connection.authorized.add(path_of(application.get("name", ""))[0].lower())
        return Answer(202, "Accepted")


class ManagementLink(_RequestLink):
    """`$management`: properties of hubs and partitions."""

    def rule(self, application: dict[str, str]) -> Rule | None:
        return self._session.connection.broker.faults.at("management", application.get("name"))

    def answer(self, application: dict[str, str], body: object) -> Answer:
        connection = self._session.connection
        name, kind = application.get("name", ""), application.get("type")
        hub = connection.broker.hub(name)
        if hub is None:
            return Answer(404, f"The messaging entity '{name}' could not be found.")
        if not connection.may_use(hub):
            return Answer(401, f"Unauthorized access to '{hub.name}'.")
        if application.get("operation") == "READ" and kind == HUB:
            return Answer(200, "OK", _hub_properties(hub))
        if application.get("operation") == "READ" and kind == PARTITION:
            return _partition_properties(hub, application.get("partition", ""))
        return Answer(400, "only READ of a hub or a partition is supported")


def _hub_properties(hub: Hub) -> bytes:
    return _string_map(
        {
            "name": string(hub.name),
            "type": string(HUB),
            "created_at": timestamp(hub.created_ms),
            "partition_count": int32(len(hub.partitions)),
            "partition_ids": listed([string(partition.id) for partition in hub.partitions]),
        }
    )


def _partition_properties(hub: Hub, partition_id: str) -> Answer:
    partition = hub.partition(partition_id)
    if partition is None:
        return Answer(404, f"The partition {partition_id!r} does not exist.")
    last = partition.last
    properties = {
        "name": string(hub.name),
        "type": string(PARTITION),
        "partition": string(partition.id),
        "begin_sequence_number": long(partition.begin_sequence),
        "last_enqueued_sequence_number": long(partition.next_sequence - 1),
        "last_enqueued_offset": string(str(last.offset if last else -1)),
        "last_enqueued_time_utc": timestamp(last.enqueued_ms if last else 0),
        "is_partition_empty": boolean(last is None),
    }
    return Answer(200, "OK", _string_map(properties))


def _string_map(values: dict[str, bytes]) -> bytes:
    return mapped((string(name), value) for name, value in values.items())
