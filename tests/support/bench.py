"""The collector with ports in memory, and what it sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from clickstream.collecting.collector import Collector
from clickstream.collecting.dialects import plain
from clickstream.collecting.request import Request
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink

RECEIVED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SITE = b"""
site: shop
keys:
- {kind: public, key: public-key}
- {kind: server, key: server-key}
- {kind: import, key: import-key}
"""
SETTINGS = Settings.from_env(
    {
        "EventHubConnection": "x",
        "Lake": "x",
        "VISITOR_ID_KEY": "0123456789abcdef",
        "MAX_REQUEST_BYTES": "65536",
        "MAX_EVENTS_PER_REQUEST": "10",
    }
)
HEADERS = {
    "x-write-key": "public-key",
    "x-forwarded-for": "198.51.100.77:443",
    "user-agent": "Firefox",
    "accept-language": "de-CH,de;q=0.9",
}


@dataclass
class Bench:
    """A collector and what it sent."""

    events: MemorySink = field(default_factory=MemorySink)
    failed: MemorySink = field(default_factory=MemorySink)
    counts: MemoryCounts = field(default_factory=MemoryCounts)
    max_request_bytes: int = 65_536
    site: bytes = SITE
    site_name: str = "shop"
    salt_store: MemorySalts = field(default_factory=MemorySalts)
    waited: timedelta = timedelta()
    received_at: datetime = RECEIVED

    def now(self) -> datetime:
        """The server's clock, `waited` after the request was received."""
        return self.received_at + self.waited

    def __post_init__(self) -> None:
        numbers = count(1)
        self.salts = DailySalts(self.salt_store, lambda: RECEIVED)
        sites = SiteDirectory(
            MemoryDocuments({f"sites/{self.site_name}.yaml": self.site}), 30, Clock(), PATIENT, allow_short_keys=True
        )
        settings = replace(SETTINGS, max_request_bytes=self.max_request_bytes)
        self.collector = Collector(
            settings, sites, self.salts, self.events, self.failed, self.counts, lambda: f"id-{next(numbers)}", self.now
        )

    async def collect(
        self, body: Any, received_at: datetime = RECEIVED, **headers: str
    ) -> list[tuple[str, str | None, str | None]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.received_at = received_at
        request = Request({**HEADERS, **named}, {}, raw, received_at)
        collected = await self.collector.collect(request, plain.DIALECT, plain.DIALECT.endpoints[0])
        return [(v.status, v.code, v.pointer) for v in collected.verdicts]


ACCEPTED = ("accepted", None, None)
