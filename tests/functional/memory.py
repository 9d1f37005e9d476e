"""The core's ports kept in memory: real code, for tests where the network is not the point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from clickstream.delivery.message import Delivery, Message
from clickstream.errors import Unavailable


@dataclass
class MemorySink:
    """Keeps messages; refuses them while `down`."""

    max_message_bytes: int = 1_000_000
    down: bool = False
    messages: list[Message] = field(default_factory=list)

    async def send(self, messages: Sequence[Message]) -> Delivery:
        if self.down and messages:
            raise Unavailable("down")
        self.messages.extend(messages)
        return Delivery(acknowledged=len(messages))

    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(message.body) for message in self.messages]


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
