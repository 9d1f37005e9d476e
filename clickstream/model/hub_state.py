"""The state of a hub, and the interface to query it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HubState:
    """When a hub was created, and the last sequence number by partition (-1 for an empty one), at one moment."""

    created_at: datetime
    last_sequence_numbers: Mapping[str, int]


class HubStates(Protocol):
    """Queries the hubs."""

    def ask(self, hub: str) -> HubState:
        """The hub's state now. Raise Unavailable."""
