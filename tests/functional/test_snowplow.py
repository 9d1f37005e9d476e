"""Snowplow's protocol through the collector: keys, anonymity and clicks by the site's rules."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import pytest

from clickstream.collecting.collector import Collector
from clickstream.collecting.dialect import Endpoint
from clickstream.collecting.dialects.snowplow import DIALECT
from clickstream.collecting.request import Request
from clickstream.errors import NotFound, Unauthorized
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink

RECEIVED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SITE = b"""
site: shop
keys:
- {kind: public, key: public-key}
- {kind: server, key: secret-key}
redirect_hosts: [shop.example, "*.partner.example"]
"""
SETTINGS = Settings.from_env({"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"})
PAYLOAD_DATA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
ENDPOINTS = {endpoint.function: endpoint for endpoint in DIALECT.endpoints}
POST = ENDPOINTS["collect_snowplow"]
CLICK = ENDPOINTS["collect_snowplow_click"]


@dataclass
class Bench:
    """A collector and what it sent."""

    events: MemorySink = field(default_factory=MemorySink)
    failed: MemorySink = field(default_factory=MemorySink)
    counts: MemoryCounts = field(default_factory=MemoryCounts)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.salts = DailySalts(MemorySalts(), lambda: RECEIVED)
        sites = SiteDirectory(MemoryDocuments({"sites/shop.yaml": SITE}), 30, Clock(), PATIENT, allow_short_keys=True)
        self.collector = Collector(
            SETTINGS,
            sites,
            self.salts,
            self.events,
            self.failed,
            self.counts,
            lambda: f"id-{next(numbers)}",
            lambda: RECEIVED,
        )

    async def collect(self, endpoint: Endpoint, query: str = "", *events: object, **headers: str) -> list[str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps({"schema": PAYLOAD_DATA, "data": events}).encode() if events else b""
        method = "POST" if events else "GET"
        request = Request(named, dict(parse_qsl(query)), body, RECEIVED, method)
        collected = await self.collector.collect(request, DIALECT, endpoint)
        return [verdict.status for verdict in collected.verdicts]

    def kept(self) -> str:
        return json.dumps([*self.events.bodies(), *self.failed.bodies()])


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_app_id_names_the_site_and_a_secret_one_is_stored_nowhere(bench: Bench) -> None:
    good: dict[str, Any] = {"e": "pv", "aid": "secret-key", "ua": "Firefox", "ip": "203.0.113.7"}
    bad = {"e": "xx", "aid": "secret-key"}
    assert await bench.collect(POST, "", good, bad) == ["accepted", "failed"]
    (event,) = bench.events.bodies()
    assert (event["site"], event["user_agent"], event["ip"]) == ("shop", "Firefox", "203.0.113.0")
    assert "secret-key" not in bench.kept()
    (failed,) = bench.failed.bodies()
    assert json.loads(b64decode(failed["payload"])) == {"e": "xx"}


async def test_an_app_id_that_is_no_key_needs_one(bench: Bench) -> None:
    with pytest.raises(Unauthorized):
        await bench.collect(POST, "", {"e": "pv", "aid": "my-app"})
    assert await bench.collect(POST, "", {"e": "pv", "aid": "my-app"}, x_write_key="public-key") == ["accepted"]
    (event,) = bench.events.bodies()
    assert event["context"] == {"app_id": "my-app"}


@pytest.mark.parametrize("address", ["https://shop.example/a", "https://eu.partner.example", "http://SHOP.example:81/"])
async def test_a_click_is_counted_where_the_site_lets_it_lead(bench: Bench, address: str) -> None:
    assert await bench.collect(CLICK, f"aid=public-key&u={address}") == ["accepted"]
    (event,) = bench.events.bodies()
    assert (event["event_name"], event["properties"]) == ("uri_redirect", {"uri": address})


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "https://partner.example/", "https://shop.example.evil.example/", "//shop.example/", ""],
)
async def test_a_click_that_leads_elsewhere_is_refused_and_not_counted(bench: Bench, address: str) -> None:
    with pytest.raises(NotFound):
        await bench.collect(CLICK, f"aid=public-key&u={address}")
    assert bench.kept() == "[]"


async def test_a_click_without_a_key_is_refused_before_its_host_is_looked_at(bench: Bench) -> None:
    with pytest.raises(Unauthorized):
        await bench.collect(CLICK, "u=https://shop.example/a")
