"""Of an anonymised person everything is gone that tells of them, and every count is as it was."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from clickstream.querying.engine import QueryEngine
from clickstream.querying.request import parse_query, parse_sql
from clickstream.querying.scope import SiteScope
from local.azurite import Azurite
from tests.integration.compacting.lake import START
from tests.integration.erasing.world import DEVICE, USER, WORD, World, canary, event, failed_canary, failed_event

pytestmark = pytest.mark.integration
SCOPE = SiteScope("shop", "UTC")


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def counts(world: World) -> object:
    """What reports tell of the day."""
    engine = QueryEngine(world.lake.account, world.lake.settings, lambda: world.now)
    asked = {
        "site_id": "shop",
        "metrics": ["visitors", "visits", "pageviews", "events"],
        "date_range": ["2026-03-10", "2026-03-10"],
        "dimensions": ["event:name"],
    }
    by_name = engine.query(parse_query(json.dumps(asked).encode()), SCOPE).document()["results"]
    total = engine.query(parse_query(json.dumps({**asked, "dimensions": []}).encode()), SCOPE).document()["results"]
    sql = {"site_id": "shop", "sql": "SELECT failure_class, count(*) FROM failed_events GROUP BY 1"}
    return by_name, total, asyncio.run(engine.sql(parse_sql(json.dumps(sql).encode()), SCOPE)).rows


def plant(world: World) -> None:
    """Two visits of the person on two devices, visits of others, failures; compacted, captured and spilled."""
    for hours in range(4):
        at = START + timedelta(hours=hours, minutes=-200)
        world.capture(
            canary(f"c{hours}", at=at, anonymous_id=DEVICE if hours < 2 else f"{DEVICE}-2", session_id=None),
            canary(f"s{hours}", at=at + timedelta(minutes=1), event_type="custom", event_name="sale"),
            event(f"a{hours}", at=at, anonymous_id="other"),
        )
    world.capture(failed_canary("fc"), failed_event("f", b"["), hub="failed-events")


DEVICES = [DEVICE, f"{DEVICE}-2"]


def test_counts_of_events_visitors_and_visits_stay_and_all_else_is_gone(world: World) -> None:
    plant(world)
    world.compact()
    before, others = counts(world), [row for row in world.rows() if row["anonymous_id"] == "other"]
    receipt = world.erase(anonymous_ids=DEVICES, mode="anonymise")
    assert counts(world) == before
    assert world.finds(USER, DEVICE, WORD) == []
    assert [row for row in world.rows() if row["anonymous_id"] == "other"] == others
    assert (receipt["mode"], receipt["counts"]["events"], receipt["counts"]["failed_events"]) == ("anonymise", 8, 1)
    [failed] = [row for row in world.rows("failed_events") if row["failed_event_id"] == "fc"]
    assert (failed["payload"], failed["payload_truncated"], failed["message"]) == (b"", True, "erased")


def test_what_waits_to_be_compacted_counts_as_it_would_have(world: World) -> None:
    plant(world)
    world.lake.spill([canary("c0"), canary("only spilled", session_id=None)])
    twin = World(world.azurite)
    plant(twin)
    twin.lake.spill([canary("c0"), canary("only spilled", session_id=None)])
    twin.compact()
    world.erase(anonymous_ids=DEVICES, mode="anonymise")
    report = world.compact()
    assert (report.duplicates, report.erased) == (1, 0)
    assert counts(world) == counts(twin)
    assert world.finds(USER, DEVICE, WORD) == []
