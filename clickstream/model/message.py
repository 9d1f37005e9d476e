"""A message to a hub, and the result of sending messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A message for a hub. Messages with the same `key` keep their order. One with an `id` is JSON, and says so."""

    body: bytes
    key: str
    properties: Mapping[str, str]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages the hub acknowledged, and how many are in the spill instead. All are durable."""

    acknowledged: int = 0
    spilled: int = 0
