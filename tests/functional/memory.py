"""The core's ports in memory: real code, for tests that are not about the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from clickstream.errors import Unavailable
from clickstream.model.message import Delivery, Message
from clickstream.sites.directory import Patience

# A busy machine takes long for what is no subject of a test.
PATIENT = Patience(look=60, document=60, first=60)


@dataclass
class MemorySink:
    """Stores messages. Refuses all while `down`; if `durable` is a number, those of a call beyond it."""

    max_message_bytes: int = 1_000_000
    down: bool = False
    durable: int | None = None
    messages: list[Message] = field(default_factory=list)

    async def send(self, messages: Sequence[Message], until: datetime | None = None) -> Delivery:
        if self.down and messages:
            raise Unavailable("down")
        if self.durable is not None and len(messages) > self.durable:
            self.messages.extend(messages[: self.durable])
            raise Unavailable("full", durable=self.durable)
        self.messages.extend(messages)
        return Delivery(acknowledged=len(messages))

    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(message.body) for message in self.messages]


@dataclass
class MemoryCounts:
    """Stores the counts of answered events, by site and time of receipt."""

    counted: list[tuple[str, datetime, int, int]] = field(default_factory=list)
    not_answered: list[tuple[str, datetime, int, int]] = field(default_factory=list)

    def answered(self, site: str, received_at: datetime, accepted: int, failed: int) -> None:
        self.counted.append((site, received_at, accepted, failed))

    def total(self, site: str) -> int:
        """Events of a site that were answered, accepted or failed."""
        return sum(accepted + failed for of_site, _, accepted, failed in self.counted if of_site == site)

    def refused(self, site: str, received_at: datetime, durable: int, unresolved: int) -> None:
        self.not_answered.append((site, received_at, durable, unresolved))


@dataclass
class MemoryDocuments:
    """Sites' documents by path; unreadable while `down`."""

    documents: dict[str, bytes]
    down: bool = False
    reads: list[str] = field(default_factory=list)

    async def versions(self) -> Mapping[str, str]:
        if self.down:
            raise Unavailable("down")
        return {path: str(hash(text)) for path, text in self.documents.items()}

    async def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self.documents[path]


@dataclass
class Clock:
    """A monotonic clock that tests move."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class MemorySalts:
    """Salts by name; unreadable while `down`."""

    salts: dict[str, bytes] = field(default_factory=dict)
    down: bool = False

    async def read(self, name: str) -> bytes | None:
        if self.down:
            raise Unavailable("down")
        return self.salts.get(name)

    async def create(self, name: str, salt: bytes) -> bool:
        return self.salts.setdefault(name, salt) is salt

    async def names(self) -> Sequence[str]:
        return list(self.salts)

    async def delete(self, name: str) -> None:
        self.salts.pop(name, None)
