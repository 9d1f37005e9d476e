"""A session and a connection as their links use them. Links depend on these Protocols, not on `connection.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .broker import Broker
from .hubs import Hub


class LinkConnection(Protocol):
    """The connection of a link's session."""

    authorized: set[str]
    """Lower-case names of the hubs that the client showed a valid token for."""
    max_frame: int
    """Bytes of the largest frame that the client accepts."""
    writable: bool
    """False while the transport's write buffer is full."""

    @property
    def broker(self) -> Broker:
        """The hubs, faults and readers that all connections share."""

    def drop(self) -> None:
        """Close the socket without an AMQP close frame."""

    def swallow(self) -> None:
        """Ignore all input from now on, and send nothing, but keep the socket open."""

    def later(self, delay_ms: int, call: Callable[[], None]) -> None:
        """Call after a delay, unless the connection is closed by then."""

    def may_use(self, hub: Hub) -> bool:
        """Whether the client showed a valid token for the hub, or none is required."""


class LinkSession(Protocol):
    """The session of a link."""

    channel: int
    outgoing: int
    """Delivery id of the next transfer to the client."""

    @property
    def connection(self) -> LinkConnection:
        """The connection of this session."""

    @property
    def links(self) -> Mapping[int, object]:
        """The session's links by handle."""

    def send(self, *parts: bytes) -> None:
        """Write frames in one call to the transport."""

    def send_flow(self, handle: int, delivery_count: int, credit: int, drain: bool = False) -> None:
        """Send a flow frame for a link: the credit that is granted, or confirmation of a drain."""

    def detach(self, handle: int, condition: str, description: str) -> None:
        """Close a link and send the client a detach frame with the error."""
