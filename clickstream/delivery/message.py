"""One message on its way to a hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """`body` is what the hub carries; messages of one `key` keep their order."""

    body: bytes
    key: str
    properties: Mapping[str, str]
