"""A person in every store is erased: found nowhere, while everyone else's rows stay as they were."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from clickstream.compacting.totals import read_totals
from clickstream.errors import Conflict, Unavailable
from clickstream.privacy.pseudonyms import PseudonymKeys, all_pseudonyms
from clickstream.storage.account import table_uri
from clickstream.table.delta import Table
from clickstream.table.erasure import Replaced, rewrite
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import FAULTY, NOW, START
from tests.integration.erasing.world import DEVICE, USER, WORD, World, canary, event, failed_canary, failed_event

pytestmark = pytest.mark.integration
EVERYTHING = (USER, DEVICE, WORD)


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def plant(world: World) -> None:
    """The person among others: in both tables and older versions of them, captured files, the spill, quarantine."""
    other = failed_event("f", b'{"userId": "other"}')
    for number in range(3):
        world.capture(event(f"a{number}"), canary(f"c{number}"), event(f"b{number}"))
        world.capture(other.replace(b'"f"', b'"f%d"' % number), failed_canary(f"fc{number}"), hub="failed-events")
        world.compact()
    world.capture(canary("alone", user_id=None))
    world.capture(canary("alias", user_id="other-id", anonymous_id=None, previous_id=USER, event_type="alias"))
    world.lake.capture(50, [], partition="9", raw=b"Obj\x01 damaged " + canary("damaged"))
    world.lake.capture(51, [], partition="9", raw=b"Obj\x01 damaged " + event("damaged too"))
    world.compact()
    world.capture(event("waits"), canary("c-waits"))
    world.capture(failed_canary("fc-waits"), hub="failed-events")
    world.lake.spill([event("spilled"), canary("c-spilled")])
    world.lake.spill([canary("c-spilled-alone")])
    world.lake.spill([failed_canary("fc-spilled"), failed_event("f-spilled", b"[")], hub="failed-events")


def others(world: World) -> dict[str, list[dict[str, Any]]]:
    """Everyone else's rows."""
    return {
        table: [row for row in world.rows(table) if not any(text in str(row) for text in EVERYTHING)]
        for table in ("events", "failed_events")
    }


def test_an_erased_person_is_found_in_no_blob_and_everyone_else_stays(world: World) -> None:
    plant(world)
    stay = others(world)
    assert {name.split("/")[0].split("-")[0] for name in world.finds(USER)} == {"capture", "spill", "lake"}
    receipt = world.erase()
    assert world.finds(*EVERYTHING) == []
    assert {table: world.rows(table) for table in stay} == stay
    assert receipt["counts"] == {
        "capture_records": 11,
        "spill_records": 3,
        "quarantine_records": 1,
        "events": 5,
        "failed_events": 3,
    }
    assert [statement["result"] for statement in receipt["proof"]] == [0, 0]
    assert (receipt["records_by_site"], receipt["undecided"]) == ({"shop": 15}, [])
    report = world.compact()
    assert world.finds(*EVERYTHING) == []
    assert (report.rows, report.failed, report.duplicates, report.erased, report.gaps) == (2, 1, 0, 5, [])
    assert world.lake.spilled() == []
    totals = read_totals(world.lake.account, world.lake.settings.lake_container)
    assert (totals.erased, totals.difference) == (5, 0)
    ids = {row["event_id"] for row in stay["events"]}
    assert {row["event_id"] for row in world.rows()} == ids | {"waits", "spilled"}
    assert len(world.rows("failed_events")) == len(stay["failed_events"]) + 1


def test_copies_that_maintenance_leaves_behind_go_too(world: World) -> None:
    plant(world)
    for name in ("events", "failed_events"):
        uri = table_uri(world.lake.settings.lake_container, name)
        table = DeltaTable(uri, storage_options=world.lake.account.delta_options())
        table.create_checkpoint()
        table.optimize.compact()
    orphan = Table.open_or_create(EVENTS_TABLE, world.lake.account, world.lake.settings.lake_container)
    world.capture(event("in between"))
    world.compact()
    with pytest.raises(Conflict):  # what it wrote stays behind as a file of no version
        orphan.append(pa.Table.from_pylist(world.lake.rows(), schema=EVENTS_TABLE.schema), {}, {})
    stay = others(world)
    receipt = world.erase()
    assert len(receipt["tables"]["events"]["old_files_deleted"]) > len(receipt["tables"]["events"]["removed"])
    assert world.finds(*EVERYTHING) == []
    assert {table: world.rows(table) for table in stay} == stay


def test_an_unknown_person_and_one_who_is_erased_again_change_nothing(world: World) -> None:
    plant(world)
    first = world.erase()
    before = {name: data for name, data in world.blobs() if "/receipts/" not in name and "_delta_log" not in name}
    again, unknown = world.erase(), world.erase(user_ids=["nobody"], anonymous_ids=["nobody-at-all"])
    for receipt in (again, unknown):
        assert set(receipt["counts"].values()) == {0}
        assert receipt["files"] == []
    after = {name: data for name, data in world.blobs() if "/receipts/" not in name and "_delta_log" not in name}
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == [
        f"{world.lake.settings.lake_container}/state/erased.json"
    ]
    assert first["erasure_id"] != again["erasure_id"]


def test_what_arrives_late_of_an_erased_person_is_left_out_and_what_they_do_later_is_not(world: World) -> None:
    world.capture(canary("before"), event("other"))
    world.compact()
    world.erase()
    later = world.now + timedelta(minutes=5)
    world.now += timedelta(days=20)
    world.capture(
        canary("late"),
        event("other late"),
        canary("sent late", at=world.now, created_at=START, sent_at=world.now, clock_clamped=True),
        canary("new", at=later, properties={}),
    )
    world.capture(failed_canary("f late"), failed_event("f other", b"["), hub="failed-events")
    world.lake.spill([canary("late in the spill")])
    report = world.compact()
    assert [row["event_id"] for row in world.rows()] == ["new", "other", "other late"]
    assert [row["failed_event_id"] for row in world.rows("failed_events")] == ["f other"]
    assert (report.erased, report.duplicates) == (4, 0)
    assert read_totals(world.lake.account, world.lake.settings.lake_container).difference == 0
    for event_id in ("late", "sent late", "f late"):
        assert not [name for name, data in world.blobs() if f'"{event_id}"'.encode() in data], event_id
    world.compact()
    assert [row["event_id"] for row in world.rows()] == ["new", "other", "other late"]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_compactor_that_does_not_know_yet_cannot_commit(world: World, is_known: bool) -> None:
    world.capture(canary("c") if is_known else event("c"), event("a"))
    world.compact()
    rows = pa.Table.from_pylist(world.lake.rows(), schema=EVENTS_TABLE.schema)
    opened_before = Table.open_or_create(EVENTS_TABLE, world.lake.account, world.lake.settings.lake_container)
    world.erase()
    with pytest.raises(Conflict):
        opened_before.append(rows, {}, {})
    assert world.lake.ids() == (["a"] if is_known else ["a", "c"])


def test_an_erasure_that_was_overtaken_loses_nobody_else_when_it_tries_again(world: World) -> None:
    world.capture(event("a"), canary("c"))
    world.compact()

    def opened() -> Table:
        return Table.open_or_create(EVENTS_TABLE, world.lake.account, world.lake.settings.lake_container)

    def of_nobody(rows: pa.Table) -> pa.ChunkedArray:
        return pc.and_(pc.is_null(rows["event_id"]), False)

    def of_person(rows: pa.Table) -> pa.ChunkedArray:
        return pc.equal(rows["event_id"], "c")

    def removed(rows: pa.Table) -> pa.Table:
        return rows.slice(0, 0)

    overtaken, looked_at = opened(), dict[str, Replaced | None]()
    rewrite(opened(), ["event_id"], of_nobody, removed, "erased", {}, always=True)
    with pytest.raises(Conflict):
        rewrite(overtaken, ["event_id"], of_person, removed, "erased", looked_at, always=True)
    assert rewrite(opened(), ["event_id"], of_person, removed, "erased", looked_at, always=True).rows == 1
    assert world.lake.ids() == ["a"]


def test_erasures_and_compactions_at_once_lose_nobody_else(world: World) -> None:
    for number in range(12):
        world.capture(event(f"a{number:02}"), canary(f"c{number}"))
    failures: list[BaseException] = []

    def compact() -> None:
        try:
            for number in range(8):
                world.compact()
                world.lake.spill([event(f"s{number}"), canary(f"sc{number}")])
        except BaseException as error:  # told by the main thread
            failures.append(error)

    compacting = threading.Thread(target=compact)
    compacting.start()
    eraser = World(world.azurite)
    eraser.lake, eraser.numbers = world.lake, world.numbers
    while compacting.is_alive():
        eraser.erase()
    compacting.join()
    assert failures == []
    world.compact()
    eraser.erase()
    assert world.finds(*EVERYTHING) == []
    assert world.lake.ids() == [f"a{number:02}" for number in range(12)] + [f"s{number}" for number in range(8)]


@pytest.mark.parametrize("mode", ["erase", "anonymise"])
def test_an_erasure_that_dies_at_any_step_is_ended_by_the_next(world: World, mode: str) -> None:
    plant(world)
    stay = others(world)
    with FailingStorage(world.lake.account.blob_endpoint or "") as storage:
        dying = replace(world.lake.account, blob_endpoint=storage.endpoint)
        receipt = None
        for request in range(2 if mode == "erase" else 9, 500, 29):
            storage.die_at(request, does_the_last=request % 2 == 1)
            try:
                receipt = world.erase(dying, mode=mode)
                break
            except Unavailable:
                continue
    assert receipt is not None
    assert world.finds(*EVERYTHING) == []
    assert not [name for name, _ in world.blobs() if "/state/erasing/" in name]
    assert len([name for name, _ in world.blobs() if "/receipts/" in name]) == 1
    assert world.erasures <= 2, "all but the first went on where it ended"
    rows = world.rows()
    assert [row for row in rows if row["event_id"] in {kept["event_id"] for kept in stay["events"]}] == stay["events"]
    if mode == "anonymise":
        tokens = {row["user_id"] for row in rows if row not in stay["events"]} - {None}
        assert len(tokens) == 2, "the person's, and that of the other id which an alias joins to them"


def test_a_person_is_found_by_the_pseudonyms_of_every_key(world: World) -> None:
    keys = "2:the secret of the second,1:the secret of the first"
    world.lake.settings = replace(world.lake.settings, pseudonym_keys=keys)
    names = all_pseudonyms(USER, PseudonymKeys.parse(keys, world.lake.settings.visitor_id_key))
    assert len(names) == 3
    world.capture(*(canary(f"c{number}", user_id=name, context={}) for number, name in enumerate(names)), event("a"))
    world.compact()
    world.erase(user_ids=[f" {USER} "], anonymous_ids=[])
    assert world.lake.ids() == ["a"]
    assert world.finds(*names) == []


def test_only_the_site_that_was_asked_for_is_touched(world: World) -> None:
    world.capture(canary("here"), canary("there", site="blog"))
    world.compact()
    world.erase()
    assert world.lake.ids() == ["there"]


def test_linked_ids_are_followed_but_not_through_a_device_that_others_share(world: World) -> None:
    world.capture(
        event("login", event_type="identify", user_id=USER, anonymous_id="phone"),
        event("on the phone", anonymous_id="phone"),
        event(
            "renamed",
            event_type="alias",
            user_id=USER,
            previous_id="old-name",
            anonymous_id=None,
            key_kind="server",
        ),
        event("by the old name", user_id="old-name"),
        event("in the library", event_type="identify", user_id=USER, anonymous_id="library"),
        event("another there", event_type="identify", user_id="another", anonymous_id="library"),
        event("nobody there", anonymous_id="library"),
    )
    world.compact()
    receipt = world.erase(anonymous_ids=[], linked=True)
    assert world.lake.ids() == ["another there", "nobody there"]
    assert (receipt["linked"], receipt["shared_devices_left"]) == (True, 1)
    assert world.finds(USER, "phone", "old-name") == []


def test_the_state_of_erasures_and_receipts_tells_no_id(world: World) -> None:
    plant(world)
    receipt = world.erase()
    told = {name: data for name, data in world.blobs() if "/receipts/" in name or "/state/" in name}
    assert len(told) == 4
    [stored] = [json.loads(data) for name, data in told.items() if "/receipts/" in name]
    assert stored == receipt
    assert receipt["asked_at"] == NOW.isoformat()
    assert (receipt["site"], receipt["asked_by"]) == ("shop", "ticket 1")
    events = receipt["tables"]["events"]
    assert events["version_after"] > events["version_before"]
    assert len(events["removed"]) == 4 and len(events["written"]) == 3
    assert [file["action"] for file in receipt["files"] if file["store"] == "spill"] == ["rewritten"] * 3


def test_a_forged_mark_or_a_body_that_is_no_event_keeps_nobody_from_being_erased(world: World) -> None:
    forged = b'{"erased":true,"received_at":"x","site":"shop","note":"%b"}' % USER.encode()
    world.capture(canary("c"), forged, b"\xff " + USER.encode(), event("a"))
    world.capture(failed_canary("fc"), failed_event("forged", forged), failed_event("f", b"["), hub="failed-events")
    world.lake.spill([forged, canary("cs"), event("s")])
    world.erase()
    assert world.finds(*EVERYTHING) == []
    report = world.compact()
    assert ([row["event_id"] for row in world.rows()], report.errors) == (["a", "s"], {})
    assert [row["failed_event_id"] for row in world.rows("failed_events")] == ["f"]
    assert report.erased == 7


def test_a_person_in_records_that_were_put_aside_is_erased_and_the_others_are_kept(world: World) -> None:
    path = world.capture(
        event("a"), canary("c", page_title="poison"), event("b", page_title="poison"), failed_event("no event", b"")
    )
    world.lake.compact(FAULTY)
    world.lake.compact(FAULTY)
    assert (world.lake.aside(), world.lake.ids()) == ([path], ["a"])
    receipt = world.erase()
    assert world.finds(USER, DEVICE) == []
    assert receipt["counts"]["quarantine_records"] == 1
    assert [(each.done.rows, each.done.erased, each.problem) for each in world.lake.retry()] == [(1, 1, None)]
    assert (world.lake.ids(), world.lake.aside()) == (["a", "b"], [])
