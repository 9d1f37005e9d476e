"""Shared by all links: their interface, their addresses, and the answer to an attach frame."""

from __future__ import annotations

import re
from typing import Any, Protocol

from . import frames
from .codec import NULL
from .hubs import Hub, Partition
from .session import LinkSession

MAX_MESSAGE_BYTES = 1_048_576
CREDIT = 1000


class Link(Protocol):
    """One attached link."""

    def on_flow(self, fields: list[Any]) -> None:
        """Handle a flow frame, which carries the client's credit."""

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        """Handle one frame of a delivery. Raise CodecError if it violates the protocol."""

    def pump(self) -> None:
        """Send buffered output: the transport accepts more again."""

    def close(self) -> None:
        """Release what the link holds."""


class Refused(Exception):
    """The link must not be attached. `condition` is an AMQP error condition."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def path_of(address: str) -> list[str]:
    """The path of an address: `amqps://host:port/hub/Partitions/0` gives hub, Partitions, 0."""
    return re.sub(r"^(amqps?|sb)://[^/]*/?", "", address).strip("/").split("/")


def hub_at(session: LinkSession, path: list[str]) -> Hub:
    """The hub of a path. Raise Refused if there is none, or if the client showed no valid token for it."""
    hub = session.connection.broker.hub(path[0])
    if hub is None:
        raise Refused("amqp:not-found", f"The messaging entity '{'/'.join(path)}' could not be found.")
    if not session.connection.may_use(hub):
        raise Refused("amqp:unauthorized-access", f"Unauthorized access to '{hub.name}'.")
    return hub


def partition_at(hub: Hub, partition_id: str) -> Partition:
    """The partition with this id. Raise Refused if there is none."""
    partition = hub.partition(partition_id)
    if partition is None:
        raise Refused("com.microsoft:argument-out-of-range", f"The partition {partition_id!r} does not exist.")
    return partition


def accept_attach(session: LinkSession, fields: list[Any], address: str) -> None:
    """Accept the attach of a link. If the client sends, grant it credit."""
    peer_receives = fields[2]
    session.send(
        frames.attach(
            session.channel,
            name=fields[0],
            handle=fields[1],
            is_receiver=not peer_receives,
            source=frames.source(address),
            target=frames.target(address),
            max_message_bytes=None if peer_receives else MAX_MESSAGE_BYTES,
        )
    )
    if not peer_receives:
        session.send_flow(fields[1], 0, CREDIT)


def refuse_attach(session: LinkSession, fields: list[Any], refused: Refused) -> None:
    """Refuse an attach: answer it with null source and target, then detach with the error."""
    name, handle, peer_receives = fields[:3]
    session.send(
        frames.attach(
            session.channel,
            name=name,
            handle=handle,
            is_receiver=not peer_receives,
            source=NULL,
            target=NULL,
        ),
        frames.detach(session.channel, handle, frames.error(refused.condition, refused.description)),
    )
