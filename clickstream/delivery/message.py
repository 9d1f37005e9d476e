"""One message on its way to a hub, and what became of those that were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is what the hub carries; messages of one `key` keep their order."""

    body: bytes
    key: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages the hub acknowledged, and how many stand in the spill instead. All are durable."""

    acknowledged: int = 0
    spilled: int = 0
