"""What links have in common: their addresses, and the answer to an attach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from local.event_hubs import frames
from local.event_hubs.codec import NULL
from local.event_hubs.hubs import Hub, Partition

if TYPE_CHECKING:
    from local.event_hubs.connection import Session

MAX_MESSAGE_BYTES = 1_048_576
CREDIT = 1000


class Link(Protocol):
    """One attached link."""

    def on_flow(self, fields: list[Any]) -> None:
        """The peer's credit."""

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        """A frame of a delivery. Raise CodecError where it breaks the protocol."""

    def pump(self) -> None:
        """Send what waits; the transport takes more again."""

    def close(self) -> None:
        """The link is gone; forget what it held."""


class Refused(Exception):
    """A link that may not be attached."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description


def path_of(address: str) -> list[str]:
    """`amqps://host:port/hub/Partitions/0` -> hub, Partitions, 0."""
    return re.sub(r"^(amqps?|sb)://[^/]*/?", "", address).strip("/").split("/")


def hub_at(session: Session, path: list[str]) -> Hub:
    """Raise Refused where there is no such hub, or the connection has shown no token for it."""
    hub = session.connection.broker.hub(path[0])
    if hub is None:
        raise Refused("amqp:not-found", f"The messaging entity '{'/'.join(path)}' could not be found.")
    if not session.connection.may_use(hub):
        raise Refused("amqp:unauthorized-access", f"Unauthorized access to '{hub.name}'.")
    return hub


def partition_at(hub: Hub, partition_id: str) -> Partition:
    """Raise Refused where the hub has no such partition."""
    partition = hub.partition(partition_id)
    if partition is None:
        raise Refused("com.microsoft:argument-out-of-range", f"The partition {partition_id!r} does not exist.")
    return partition


def accept_attach(session: Session, fields: list[Any], address: str) -> None:
    """Answer the attach of a link, with credit where the peer sends."""
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


def refuse_attach(session: Session, fields: list[Any], refused: Refused) -> None:
    """Answer an attach with null termini, then with the reason."""
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
