"""The broker: hubs, access keys, and the connections of clients."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import unquote_plus

from .config import Config
from .faults import Faults
from .hubs import Hub, Partition


class Peer(Protocol):
    """A client's connection."""

    def drop(self) -> None:
        """Close the socket without an AMQP close frame."""


class Reader(Protocol):
    """A consumer's link to one partition."""

    epoch: int | None

    def detach(self, condition: str, description: str) -> None:
        """Close the link with an error."""


def system_now_ms() -> int:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


class Broker:
    """The state that all connections share: hubs, keys, faults, connections and readers.

    `idle_ms` is the idle timeout of connections, `now_ms` the clock of enqueued times and of tokens' expiry.
    """

    def __init__(self, config: Config, idle_ms: int, now_ms: Callable[[], int] = system_now_ms) -> None:
        self.namespace = config.namespace.name
        self.keys: Mapping[str, str] = config.keys
        self.idle_ms = idle_ms
        self.now_ms = now_ms
        self.faults = Faults()
        self.connections: set[Peer] = set()
        self.readers: dict[tuple[str, str, str], list[Reader]] = {}  # by hub, consumer group and partition
        created_ms = now_ms()
        self.hubs = {
            entity.name.lower(): Hub(
                entity.name,
                [Partition(str(number), config.retention_bytes) for number in range(entity.partition_count)],
                frozenset(group.name.lower() for group in entity.consumer_groups),
                created_ms,
            )
            for entity in config.namespace.entities
        }

    def hub(self, name: str) -> Hub | None:
        """The hub of this name in any case, if there is one."""
        return self.hubs.get(name.lower())

    def drop_connections(self) -> int:
        """Close every socket at once, as a network failure does. Return the number of connections."""
        dropped = list(self.connections)
        for connection in dropped:
            connection.drop()
        return len(dropped)

    def token_problem(self, token: str) -> str | None:
        """Why a shared access signature is refused; None if it is valid. Without keys every token is valid."""
        if not self.keys:
            return None
        scheme, _, rest = token.partition(" ")
        # The signature covers the resource as it is in the token, still URL-encoded.
        fields = dict(part.partition("=")[::2] for part in rest.split("&"))
        if scheme != "SharedAccessSignature" or not {"sr", "sig", "se", "skn"} <= set(fields):
            return "the token is not a shared access signature"
        key = self.keys.get(unquote_plus(fields["skn"]))
        if key is None:
            return "no such key name"
        signed = hmac.new(key.encode(), f"{fields['sr']}\n{fields['se']}".encode(), sha256).digest()
        if not hmac.compare_digest(base64.b64encode(signed), unquote_plus(fields["sig"]).encode()):
            return "the signature does not match"
        if not fields["se"].isdecimal() or int(fields["se"]) < self.now_ms() / 1000:
            return "the token has expired"
        return None

    def as_json(self) -> dict[str, Any]:
        """The admin port's state: counts of each partition, and the active faults."""
        return {
            "namespace": self.namespace,
            "connections": len(self.connections),
            "faults": self.faults.as_json(),
            "hubs": {
                hub.name: {
                    partition.id: {
                        "stored": partition.next_sequence,
                        "held": len(partition.events),
                        "held_bytes": partition.bytes_held,
                        "last_sequence_number": partition.next_sequence - 1,
                        "captured_sequence_number": partition.captured_sequence,
                    }
                    for partition in hub.partitions
                }
                for hub in self.hubs.values()
            },
        }
