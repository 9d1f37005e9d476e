"""What a stranger writes takes nothing from others by an erasure or an export, and holds up neither."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from clickstream.errors import InvalidRequest
from local.azurite import Azurite
from tests.integration.erasing.world import DEVICE, USER, WORD, World, canary, event, failed_canary, failed_event

pytestmark = pytest.mark.integration
DAMAGED = b"Obj\x01 damaged "
WORDS = ["page_url", "event_type", "properties", "undefined", "anonymous", "true", "12345678", "payload", "received_at"]


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def data_of(world: World) -> dict[str, bytes]:
    """Every blob that holds events."""
    return {name: data for name, data in world.blobs() if not any(part in name for part in ("/state/", "/receipts/"))}


def plant(world: World) -> None:
    """Events of two sites in every store, among them failed ones of all protocols, and damaged files."""
    original = {"page_url": "https://x.test/12345", "event_type": 3, "properties": {"undefined": 1, "true": "12345679"}}
    world.capture(event("a", page_url="https://shop.test/"), event("b", site="blog", page_url="https://blog.test/"))
    world.capture(
        *(failed_event(f"f{number}", json.dumps(original).encode()) for number in range(3)),
        failed_event("of blog", json.dumps({"userId": "anna", **original}).encode(), site="blog"),
        failed_event("query", b"page_url=x&event_type=y&payload=z&received_at=1&anonymous=1"),
        failed_event("broken", json.dumps(original).encode()[:-9]),
        hub="failed-events",
    )
    world.lake.capture(
        60, [], partition="9", raw=DAMAGED + event("c", page_url="p") + event("d", site="blog") + b"\x00{"
    )
    world.compact()
    world.lake.spill([event("e", site="blog", page_url="https://blog.test/")])


def test_who_is_called_as_a_word_of_the_format_is_handed_and_erases_nothing_of_others(world: World) -> None:
    plant(world)
    before, rows = data_of(world), (world.rows(), world.rows("failed_events"))
    asked: dict[str, Any] = {"user_ids": WORDS, "anonymous_ids": WORDS}
    assert [line for line in world.export(**asked) if "row" in line] == []
    receipt = world.erase(**asked)
    assert set(receipt["counts"].values()) == {0}
    assert (receipt["files"], receipt["undecided"], receipt["records_by_site"]) == ([], [], {})
    after = data_of(world)
    assert {name: data for name, data in before.items() if "_delta_log" not in name and after.get(name) != data} == {}
    assert (world.rows(), world.rows("failed_events")) == rows


def test_of_a_damaged_file_of_several_sites_and_persons_only_the_persons_own_bodies_go(world: World) -> None:
    bodies = [
        event("of shop"),
        canary("c", page_title='"}{'),
        event("of blog", site="blog"),
        canary("there", site="blog"),
    ]
    path = world.lake.capture(60, [], partition="9", raw=DAMAGED + b"\x00\x80".join(bodies) + b"\xff{")
    world.compact()
    receipt = world.erase()
    blobs = [data for name, data in world.blobs() if name.endswith(path)]
    assert len(blobs) == 2, "the captured file and its copy in quarantine"
    for data in blobs:
        assert data == DAMAGED + b"\x00\x80".join([bodies[0], b" " * len(bodies[1]), *bodies[2:]]) + b"\xff{"
    assert sorted((file["store"], file["action"], file["sites"]) for file in receipt["files"]) == [
        ("capture", "blanked", {"shop": 1}),
        ("quarantine", "blanked", {"shop": 1}),
    ]
    assert receipt["records_by_site"] == {"shop": 2}


def test_a_damaged_file_that_still_names_the_person_is_listed_and_never_deleted(world: World) -> None:
    whole, cut = event("of blog", site="blog"), canary("cut off")[:-20]
    path = world.lake.capture(60, [], partition="9", raw=DAMAGED + whole + cut)
    world.compact()
    receipt = world.erase()
    assert receipt["files"] == []
    assert {data for name, data in world.blobs() if name.endswith(path)} == {DAMAGED + whole + cut}
    listed = [(file["store"], file["action"], file["records"], file["sites"]) for file in receipt["undecided"]]
    assert listed == [(store, "listed", 0, {"blog": 1, "shop": 1}) for store in ("capture", "quarantine")]
    assert [name for name in world.finds(USER) if not name.endswith(path)] == []


def test_an_id_that_very_many_failed_events_name_is_refused_unless_it_is_forced(world: World) -> None:
    originals = [json.dumps({"userId": "undefined", "number": number}).encode() for number in range(25)]
    bodies = [failed_event(f"f{number:02}", original) for number, original in enumerate(originals)]
    world.capture(*bodies, failed_canary("one"), hub="failed-events")
    world.compact()
    before = data_of(world)
    for ask in (world.erase, world.export):
        with pytest.raises(InvalidRequest, match="26 failed events") as refused:
            ask(user_ids=["undefined", USER])
        assert (refused.value.code, refused.value.pointer) == ("too_common", "/force")
    assert data_of(world) == before
    assert world.erase()["counts"]["failed_events"] == 1
    assert world.erase(user_ids=["undefined"], force=True)["counts"]["failed_events"] == 25
    assert world.rows("failed_events") == []


def test_a_dry_run_lists_ids_and_rows_for_a_person_to_confirm_and_changes_nothing(world: World) -> None:
    world.capture(
        canary("a", anonymous_id="phone", event_type="identify"),
        canary("b", user_id=None),
        event("c", user_id="old-name"),
        event("alias", event_type="alias", user_id=USER, previous_id="old-name", anonymous_id=None, key_kind="server"),
        event("forged", event_type="alias", user_id=USER, previous_id="another", anonymous_id=None, key_kind="public"),
    )
    world.capture(failed_canary("f"), failed_event("other", b'{"userId": "other"}'), hub="failed-events")
    world.compact()
    before = {name: data for name, data in world.blobs()}
    asked: dict[str, Any] = {"linked": True, "dry_run": True}
    told = world.erase(**asked)
    assert dict(world.blobs()) == before
    assert [{**told, "dry_run": True}] == world.export(**asked)
    assert {**told, "user_ids": None, "anonymous_ids": None} == {
        "dry_run": True,
        "site_id": "shop",
        "user_ids": None,
        "anonymous_ids": None,
        "shared_devices_left": [],
        "suggested_ids": ["another"],
        "too_common": [],
        "counts": {"events": 5, "failed_events": 1, "failed_events_of_site": 2},
    }
    users = {user["id"]: (user["given"], user["events"], user["failed_events"]) for user in told["user_ids"]}
    assert users[USER] == (True, 3, 1)
    assert users["old-name"] == (False, 2, 0)
    assert "another" not in users
    devices = {device["id"]: (device["given"], device["events"]) for device in told["anonymous_ids"]}
    assert (devices[DEVICE], devices["phone"]) == ((True, 1), (False, 1))


def test_whoever_has_the_key_of_a_page_takes_nobodys_data_by_linked(world: World) -> None:
    world.capture(
        event("purchase", user_id=USER, anonymous_id=DEVICE),
        event("one", event_type="alias", user_id="attacker", previous_id=USER, anonymous_id=None, key_kind="public"),
        event("two", event_type="alias", user_id=USER, previous_id="attacker", anonymous_id=None, key_kind=None),
        event("three", event_type="identify", user_id=USER, anonymous_id="attackers-phone", key_kind="public"),
    )
    world.compact()
    asked: dict[str, Any] = {"user_ids": ["attacker"], "anonymous_ids": ["attackers-phone"], "linked": True}
    exported = [line["row"]["event_id"] for line in world.export(**asked) if "row" in line]
    assert exported == ["one", "two", "three"]
    world.erase(**asked)
    assert world.lake.ids() == ["purchase"]


def test_failed_events_of_a_stranger_hold_up_no_erasure(world: World) -> None:
    hostile = b'{"name":"x","p":"=' + b"a" * 24_000 + b'","q":"' + b"b" * 8_193 + b'"}'
    world.capture(*(failed_event(f"f{number}", hostile) for number in range(13)), hub="failed-events")
    world.capture(failed_canary("fc"), hub="failed-events")
    world.compact()
    started = time.process_time()
    receipt = world.erase()
    assert time.process_time() - started < 120
    assert receipt["counts"]["failed_events"] == 1
    assert len(world.rows("failed_events")) == 13
    assert world.finds(WORD) == []
