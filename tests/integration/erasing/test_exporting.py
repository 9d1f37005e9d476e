"""Everything about a person, and of nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clickstream.erasing.exporting import Exporter
from clickstream.erasing.request import ExportRequest
from clickstream.errors import LimitExceeded
from local.azurite import Azurite
from tests.integration.erasing.world import DEVICE, USER, WORD, World, canary, event, failed_canary, failed_event

pytestmark = pytest.mark.integration


@pytest.fixture
def world(azurite: Azurite) -> World:
    world = World(azurite)
    world.capture(
        canary("mine", properties={"price": 1.5}),
        canary("of my device", user_id=None),
        canary("of tomorrow", at=world.now + timedelta(days=1)),
        canary("elsewhere", site="blog"),
        event("another's", properties={"friend": WORD}),
    )
    world.capture(failed_canary("my failure"), failed_event("another's failure", b"[1]"), hub="failed-events")
    world.compact()
    return world


def test_an_export_holds_every_row_of_the_person_and_no_other(world: World) -> None:
    *lines, last = world.export()
    told = [(line["table"], line["row"].get("event_id") or line["row"]["failed_event_id"]) for line in lines]
    assert sorted(told) == [
        ("events", "mine"),
        ("events", "of my device"),
        ("events", "of tomorrow"),
        ("failed_events", "my failure"),
    ]
    assert (last["end"]["events"], last["end"]["failed_events"]) == (3, 1)
    stored = {row["event_id"]: row for row in world.rows()}
    mine = next(line["row"] for line in lines if line["row"].get("event_id") == "mine")
    assert mine.keys() == stored["mine"].keys() - {"event_date"}
    assert (mine["properties"], mine["page_title"], mine["user_id"]) == ({"price": 1.5}, WORD, USER)
    failure = next(line["row"] for line in lines if line["table"] == "failed_events")
    assert WORD in failure["payload"]


def test_what_was_erased_is_in_no_export(world: World) -> None:
    world.erase()
    world.now += timedelta(days=2)
    world.erase()
    assert [list(line) for line in world.export()] == [["end"]]


def test_an_export_that_is_too_large_is_refused_whole(world: World) -> None:
    exporter = Exporter(world.lake.account, world.lake.settings, lambda: world.now)
    asked = ExportRequest(site_id="shop", anonymous_ids=(DEVICE,))
    assert exporter.document(asked, 1_000_000).count(b"\n") == 3 + 1
    with pytest.raises(LimitExceeded):
        exporter.document(asked, 100)
