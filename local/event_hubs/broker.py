"""The broker: all hubs, who may use them, and the connections that do."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from local.event_hubs.config import Config
from local.event_hubs.faults import Faults
from local.event_hubs.hubs import Hub, Partition

if TYPE_CHECKING:
    from local.event_hubs.connection import Connection
    from local.event_hubs.egress import EgressLink


class Broker:
    """What all connections share."""

    def __init__(self, config: Config, idle_ms: int) -> None:
        self.namespace = config.namespace.name
        self.keys: Mapping[str, str] = config.keys
        self.idle_ms = idle_ms
        self.faults = Faults()
        self.connections: set[Connection] = set()
        self.readers: dict[tuple[str, str, str], list[EgressLink]] = {}  # by hub, group and partition
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
        return self.hubs.get(name.lower())

    def drop_connections(self) -> int:
        """Cut every connection at once, as a network does. Returns how many there were."""
        dropped = list(self.connections)
        for connection in dropped:
            connection.drop()
        return len(dropped)

    def token_problem(self, token: str) -> str | None:
        """Why a shared access signature is refused; None when it is right. Any token is right where no key is set."""
        if not self.keys:
            return None
        scheme, _, rest = token.partition(" ")
        # The signature covers the resource as it stands in the token, still url-encoded.
        fields = dict(part.partition("=")[::2] for part in rest.split("&"))
        if scheme != "SharedAccessSignature" or not {"sr", "sig", "se", "skn"} <= set(fields):
            return "the token is no shared access signature"
        key = self.keys.get(unquote_plus(fields["skn"]))
        if key is None:
            return "no such key name"
        signed = hmac.new(key.encode(), f"{fields['sr']}\n{fields['se']}".encode(), sha256).digest()
        if not hmac.compare_digest(base64.b64encode(signed), unquote_plus(fields["sig"]).encode()):
            return "the signature does not match"
        if not fields["se"].isdecimal() or int(fields["se"]) < now_ms() / 1000:
            return "the token has expired"
        return None

    def as_json(self) -> dict[str, Any]:
        """What stands in every partition, and the faults in force."""
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


def now_ms() -> int:
    """The service's clock."""
    return time.time_ns() // 1_000_000
