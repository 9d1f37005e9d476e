"""A site whose events fail by its definitions until they are fixed: hubs in memory, lake and capture in Azurite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clickstream.collecting.client_context import ClientContext
from clickstream.collecting.dialect import Item
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.event_processor import EventProcessor
from clickstream.model.message import Message
from clickstream.replaying.failed_rows import FailedRows
from clickstream.replaying.replayer import Replayer
from clickstream.replaying.request import ReplayRequest
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site, parse_site
from clickstream.storage.account import StorageAccount
from local.azurite import Azurite
from tests.functional.memory import MemorySink
from tests.integration.compacting.lake import START, Lake

DOCUMENT = """
site: shop
keys:
- {kind: public, key: shop-key}
events:
  mode: block
  definitions:
  - name: sale
    properties: {price: {type: %s, required: true}}
"""
BROKEN = parse_site((DOCUMENT % "string").encode(), expected="shop")
FIXED = parse_site((DOCUMENT % "number").encode(), expected="shop")
SETTINGS = Settings.from_env({"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"})
PROCESSOR = EventProcessor.from_settings(SETTINGS, 1_000_000)
PLAIN = DIALECTS["plain"]
SEEN = ClientContext(visitor_id="v" * 32, ip="203.0.113.0", user_agent="agent", language="en")


def failed_message(
    original: object,
    failed_event_id: str,
    site: Site = BROKEN,
    received_at: datetime = START,
    seen: ClientContext | None = SEEN,
) -> Message:
    """What the collector puts on the hub of failed events."""
    access = Access(site, KeyKind.PUBLIC if seen is not None else KeyKind.SERVER)
    outcome = PROCESSOR.process(Item(original), PLAIN, access, seen, received_at, lambda: failed_event_id)
    assert outcome.verdict.status == "failed", original
    return outcome.message


@dataclass
class World:
    """One lake, the hub of events as a list, and replays over both."""

    azurite: Azurite
    sink: MemorySink = field(default_factory=MemorySink)
    second: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    taken: int = 0

    def __post_init__(self) -> None:
        self.lake = Lake(self.azurite, max_bytes=4_000)

    def fail(self, *messages: Message) -> None:
        """Failed events, captured."""
        self._capture("failed-events", [message.body for message in messages])

    def capture(self) -> None:
        """What replays sent since the last call, captured."""
        self._capture("events", [message.body for message in self.sink.messages[self.taken :]])
        self.taken = len(self.sink.messages)

    def capture_bodies(self, *bodies: bytes) -> None:
        """Bodies on the hub of events."""
        self._capture("events", bodies)

    def compact(self) -> None:
        """Everything captured becomes rows."""
        self.lake.compact()

    def replay(self, site: Site = FIXED, **asked: Any) -> dict[str, Any]:
        """Replay and return the answer."""
        return dict(asyncio.run(self.replayer().replay(request(**asked), site)).to_json())

    def replayer(self, account: StorageAccount | None = None) -> Replayer:
        """A replay of its own, over this world's hub and storage, or over another way to the storage."""
        rows = FailedRows(account or self.lake.account, self.lake.settings.lake_container, "events")
        return Replayer(rows, PROCESSOR, self.sink)

    def failed_ids(self) -> list[str]:
        """What is left in the table of failed events."""
        return sorted(row["failed_event_id"] for row in self.lake.rows("failed_events"))

    def _capture(self, hub: str, bodies: Sequence[bytes]) -> None:
        self.second += 1
        first = self.numbers.get(hub, 0)
        self.lake.capture(self.second, bodies, hub=hub, first_sequence=first)
        self.numbers[hub] = first + len(bodies)


def request(**asked: Any) -> ReplayRequest:
    """A request for the site `shop`."""
    return ReplayRequest.model_validate_json(json.dumps({"site_id": "shop", **asked}))


def sale(number: int, **fields: Any) -> Message:
    """A failed sale with an id of its client, received a minute after the one before."""
    original = {"name": "sale", "event_id": f"e{number}", "properties": {"price": number}, **fields}
    return failed_message(original, f"f{number}", received_at=START + timedelta(minutes=number))
