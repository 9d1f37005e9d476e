"""Event definitions at the border: violations are stored with the event, or make it a failed event."""

from __future__ import annotations

from itertools import count

import orjson
import pytest

from clickstream.collecting.collector import Collector
from clickstream.collecting.dialects import plain
from clickstream.collecting.request import Request
from clickstream.privacy.salts import DailySalts
from clickstream.sites.directory import SiteDirectory
from tests.functional.memory import PATIENT, Clock, MemoryCounts, MemoryDocuments, MemorySalts, MemorySink
from tests.support.bench import RECEIVED, SETTINGS

SITE = """
site: shop
keys: [{{kind: public, key: public-key}}]
events:
  mode: {mode}
  unknown_events: {unknown}
  definitions:
  - name: purchase
    properties:
      price: {{type: number, required: true}}
"""


class Shop:
    """A collector for one site with definitions, and what it sent."""

    def __init__(self, mode: str, unknown: str = "allow") -> None:
        self.events, self.failed, self.counts = MemorySink(), MemorySink(), MemoryCounts()
        self.documents = MemoryDocuments({"sites/shop.yaml": SITE.format(mode=mode, unknown=unknown).encode()})
        numbers = count(1)
        self.salts = DailySalts(MemorySalts(), lambda: RECEIVED)
        sites = SiteDirectory(self.documents, 30, Clock(), PATIENT, allow_short_keys=True)
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

    async def send(self, *events: object) -> list[tuple[str, str | None, str | None]]:
        request = Request({"x-write-key": "public-key"}, {}, orjson.dumps(events), RECEIVED)
        collected = await self.collector.collect(request, plain.DIALECT, plain.DIALECT.endpoints[0])
        return [(v.status, v.code, v.pointer) for v in collected.verdicts]


GOOD = {"name": "purchase", "properties": {"price": 9.5}}
BAD = {"name": "purchase", "properties": {"price": "nine"}}


async def test_a_blocked_violation_is_a_failed_event_and_its_neighbour_lands() -> None:
    shop = Shop("block")
    assert await shop.send(GOOD, BAD) == [
        ("accepted", None, None),
        ("failed", "definition_violation", "/properties/price"),
    ]
    (failed,) = shop.failed.bodies()
    assert failed["failure_class"] == "definition_violation"
    assert "violations" not in shop.events.bodies()[0]


async def test_a_violation_that_only_warns_travels_with_the_event() -> None:
    shop = Shop("warn")
    assert await shop.send(BAD) == [("accepted", None, None)]
    (event,) = shop.events.bodies()
    assert [(found["pointer"], found["code"]) for found in event["violations"]] == [("/properties/price", "type")]


@pytest.mark.parametrize(("unknown", "status"), [("allow", "accepted"), ("warn", "accepted"), ("block", "failed")])
async def test_an_event_that_no_definition_names_is_treated_as_the_site_says(unknown: str, status: str) -> None:
    shop = Shop("block", unknown)
    ((found, _, _),) = await shop.send({"name": "surprise"})
    assert found == status
    assert await shop.send({"name": "page_view"}) == [("accepted", None, None)]


async def test_definitions_that_are_off_change_nothing() -> None:
    assert await Shop("off", "block").send(BAD, {"name": "surprise"}) == [("accepted", None, None)] * 2
