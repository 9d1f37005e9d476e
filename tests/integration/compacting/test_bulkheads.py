"""What cannot be compacted holds up nothing else: it is put aside, shown, and taken in again when it can be."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from clickstream.capture.marks import Mark, hour
from clickstream.compacting.compactor import Compactor
from clickstream.compacting.totals import Totals, read_totals
from clickstream.enriching.steps import Step
from clickstream.erasing.erased import ErasureKeys
from clickstream.errors import Unavailable
from clickstream.model.event import FailedEvent
from clickstream.storage.compaction_state import CompactionStateFile, HubCompaction
from clickstream.table.pipeline_hours import read_hours
from local.azurite import Azurite
from local.stack import ROOT
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import FAULTY, NOW, START, Lake, event, failed_event, poison

pytestmark = pytest.mark.integration
HUBS = ("events", "failed-events")
# One in so many requests of a retry is the last one. CRASH_EVERY=1 tries each.
EVERY = int(os.environ.get("CRASH_EVERY", "23"))


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


def state(lake: Lake) -> dict[str, HubCompaction]:
    return CompactionStateFile(lake.account.container(lake.settings.lake_container)).read()


def totals(lake: Lake) -> Totals:
    return read_totals(lake.account, lake.settings.lake_container)


def note(lake: Lake, path: str) -> dict[str, Any]:
    blob = lake.service.get_blob_client(lake.settings.lake_container, f"quarantine/{path}.json")
    members: dict[str, Any] = json.loads(blob.download_blob().readall())
    return members


# --- marks of erasure -----------------------------------------------------------------------------------------------

FORGED = [
    b'{"erased":true}',
    b'{"erased":true,"received_at":"x"}',
    b'{"erased":true,"received_at":5}',
    b'{"erased":true,"received_at":null}',
    b'{"erased":true,"request_accepted":"many"}',
    b'{"erased":true,"request_accepted":99999999999999999999999}',
    b'{"erased":true,"request_accepted":1000000,"request_failed":4,"site":"beta","received_at":"2026-03-01T00:00:00Z"}',
    b'{"erased":true,"site":5}',
    b'{"erased":true,"site":{"a":1}}',
    b'{"erased":true,"pad":"' + b"x" * 32_746,
    b'{"erased":{"site":"beta","received_at":"2026-03-10T12:00:00+00:00","request_accepted":9,"request_failed":9}'
    b',"code":"' + b"0" * 64 + b'"}',
]


def failed_with(failed_event_id: str, payload: bytes) -> bytes:
    return FailedEvent(
        failed_event_id=failed_event_id,
        site="shop",
        received_at=START,
        stage="collect",
        failure_class="schema_violation",
        message="wrong",
        payload=payload,
    ).to_json()


def test_a_stranger_whose_event_looks_like_a_mark_of_erasure_stops_nobody_and_hides_nothing(lake: Lake) -> None:
    lake.capture(0, [failed_with(f"f{number}", body) for number, body in enumerate(FORGED)], hub="failed-events")
    lake.capture(0, [event("a")])
    report = lake.compact()
    assert (lake.ids(), report.erased, report.errors) == (["a"], 0, {})
    rows = {row["failed_event_id"]: row["payload"] for row in lake.rows("failed_events")}
    assert rows == {f"f{number}": body for number, body in enumerate(FORGED)}
    hours = read_hours(lake.account, lake.settings.lake_container)
    assert {(row.site, row.hub_partition, row.hour) for row in hours} == {("shop", "0", START)}
    assert (totals(lake).answered, totals(lake).arrived, totals(lake).difference) == (0, len(FORGED) + 1, 0)


def test_a_mark_that_somebody_with_access_to_the_hub_writes_is_a_body_like_any_other(lake: Lake) -> None:
    ours = ErasureKeys.derive(lake.settings.visitor_id_key).marks
    path = "ns/events/0/2026/03/10/12/00/00.avro"
    mark = Mark("shop", hour(START))
    moved = [ours.write(mark, path, 99), ours.write(mark, path.replace("events/0", "events/1"), 0)]
    others = ErasureKeys.derive("another secret of ours").marks
    bodies = [*FORGED, *moved, others.write(mark, path, len(FORGED) + 2), ours.write(mark, path, len(FORGED) + 3)]
    assert lake.capture(0, bodies) == path
    report = lake.compact()
    assert (report.erased, report.failed) == (1, len(bodies) - 1), "one stands where it was made for"
    assert {row["stage"] for row in lake.rows("failed_events")} == {"compact"}
    counted = totals(lake)
    assert (counted.answered, counted.erased, counted.captured) == (0, 1, len(bodies))


# --- bulkheads -------------------------------------------------------------------------------------------------------


def test_a_record_that_fails_waits_one_run_and_is_put_aside_by_the_next_while_all_others_go_on(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.capture(0, [event("a0"), event("a1")])
    path = lake.capture(1, [event("b0"), poison("p"), event("b2")], first_sequence=2)
    lake.capture(2, [event("c0")], first_sequence=5)
    lake.capture(0, [event("d0"), event("d1")], partition="1")
    lake.capture(3, [event("e0")], partition="1", first_sequence=2)
    spilled = lake.spill([event("s0"), poison("s1")])
    lake.spill([event("t0")])
    with caplog.at_level(logging.ERROR):
        first = lake.compact(FAULTY)
    assert lake.ids() == ["a0", "a1", "d0", "d1", "e0", "t0"]
    assert [row["failed_event_id"] for row in lake.rows("failed_events")] == ["f"]
    assert any("ZeroDivisionError" in error for error in first.errors.values())
    assert "Traceback" in caplog.text and path in caplog.text
    assert (lake.aside(), lake.spilled()) == ([], [spilled])
    now = state(lake)
    assert (now["events"].failed_runs, now["failed-events"].failed_runs) == (1, 0)
    assert (now["events"].waiting.files, now["events"].waiting.oldest_at) == (3, START)
    assert now["events"].succeeded_at is None and now["failed-events"].succeeded_at == NOW

    second = lake.compact(FAULTY)
    assert lake.ids() == sorted(["a0", "a1", "b0", "b2", "c0", "d0", "d1", "e0", "s0", "t0"])
    assert (second.quarantined_records, second.quarantined, second.gaps) == (2, [], [])
    assert lake.aside() == sorted([path, spilled])
    assert note(lake, path) == {
        "path": path,
        "reason": note(lake, path)["reason"],
        "put_aside_at": NOW.isoformat(),
        "records": 1,
        "after": None,
    }
    assert note(lake, path)["reason"].startswith("ZeroDivisionError at clickstream/")
    assert lake.spilled() == []
    now = state(lake)
    assert now["events"].works and now["events"].failed_runs == 0 and now["events"].succeeded_at == NOW
    assert (now["events"].waiting.files, now["events"].put_aside.files) == (0, 2)
    counted = totals(lake)
    assert (counted.quarantined_records, counted.captured, counted.rows) == (2, 11, 10)

    assert [each.problem is None for each in lake.retry(FAULTY)] == [False, False]
    assert len(lake.aside()) == 2
    done = lake.retry()
    assert sorted((each.path, each.done.rows, each.problem) for each in done) == sorted(
        [(path, 1, None), (spilled, 1, None)]
    )
    assert lake.ids() == sorted(["a0", "a1", "b0", "b2", "c0", "d0", "d1", "e0", "p", "s0", "s1", "t0"])
    assert (lake.aside(), totals(lake).difference, totals(lake).rows) == ([], 0, 12)
    assert lake.retry() == []
    assert lake.compact().captured == 0


def test_whoever_puts_a_record_that_fails_into_every_file_delays_a_partition_by_one_run_and_not_by_one_for_each(
    lake: Lake,
) -> None:
    paths = [lake.capture(n, [event(f"e{n}"), poison(f"p{n}")], first_sequence=2 * n) for n in range(5)]
    lake.compact(FAULTY)
    assert lake.ids() == []
    report = lake.compact(FAULTY)
    assert (lake.ids(), lake.aside()) == ([f"e{n}" for n in range(5)], paths)
    assert (report.captured, report.quarantined_records, state(lake)["events"].works) == (5, 5, True)
    assert lake.compact(FAULTY).files == 0


def test_records_that_fail_in_a_long_file_are_found_without_a_neighbour(lake: Lake) -> None:
    bad = {0, 17, 18, 300, 399}
    path = lake.capture(0, [poison(f"e{n:03}") if n in bad else event(f"e{n:03}") for n in range(400)])
    lake.compact(FAULTY)
    report = lake.compact(FAULTY)
    assert (report.rows, report.quarantined_records) == (395, 5)
    assert [int(event_id[1:]) for event_id in lake.ids()] == sorted(set(range(400)) - bad)
    assert lake.aside() == [path]
    assert [each.done.rows for each in lake.retry()] == [5]
    rows = {row["event_id"]: row for row in lake.rows()}
    assert len(rows) == 400
    assert {(row["capture_file"], row["sequence_number"], row["hub_partition"]) for row in rows.values()} == {
        (path, number, "0") for number in range(400)
    }
    assert len({row["enqueued_at"] for row in rows.values()}) == 400


def test_a_fault_that_is_not_the_events_puts_nothing_aside_and_names_the_hub(lake: Lake) -> None:
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.capture(0, [event("a"), event("b")])

    class Broken(tuple[Step, ...]):
        """Steps that cannot even be gone through."""

        def __iter__(self) -> Iterator[Step]:
            raise ZeroDivisionError("no step can be taken")

    broken = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: NOW, steps=Broken((FAULTY,)))
    for run in (1, 2, 3):
        report = broken.run(NOW + timedelta(hours=1))
        assert report.errors
        now = state(lake)
        assert (now["events"].failed_runs, now["events"].works) == (run, run < 2)
        assert now["failed-events"].works
    assert (lake.aside(), [row["failed_event_id"] for row in lake.rows("failed_events")]) == ([], ["f"])
    assert report.complete_until is None, "what waits may be older than anything the hubs said"
    lake.compact()
    assert (lake.ids(), state(lake)["events"].failed_runs) == (["a", "b"], 0)


@pytest.mark.parametrize(("broken", "other"), [("failed_events", "events"), ("events", "failed_events")])
def test_a_table_that_cannot_be_read_holds_up_its_own_hub_alone(lake: Lake, broken: str, other: str) -> None:
    lake.compact()
    container = lake.service.get_container_client(lake.settings.lake_container)
    log = f"{broken}/_delta_log/00000000000000000000.json"
    whole = container.download_blob(log).readall()
    container.upload_blob(log, b"no log", overwrite=True)
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.capture(0, [event("a")])
    hub = {"failed_events": "failed-events", "events": "events"}[broken]
    for run in (1, 2):
        with pytest.raises(Unavailable):
            lake.compact()
        assert len(lake.rows(other)) == 1
        assert {name: each.failed_runs for name, each in state(lake).items()} == {**dict.fromkeys(HUBS, 0), hub: run}
    assert not state(lake)[hub].works
    container.upload_blob(log, whole, overwrite=True)
    lake.compact()
    assert len(lake.rows(broken)) == 1 and state(lake)[hub].works


def test_a_long_backlog_of_one_hub_leaves_the_other_its_share_of_the_time(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=1_024)
    for second in range(12):
        lake.capture(second, [failed_event(f"f{second}")], hub="failed-events", first_sequence=second)
    lake.capture(0, [event("a")])
    moments = iter([NOW + timedelta(seconds=second) for second in range(10_000)])
    cut = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: next(moments))
    report = cut.run(NOW + timedelta(seconds=14))
    assert not report.finished and 0 < len(lake.rows("failed_events")) < 12
    assert lake.ids() == ["a"]


# --- processes that end ----------------------------------------------------------------------------------------------

KILLED = """
import os, sys
from tests.integration.compacting.attached_lake import attach
from clickstream.enriching.steps import Step
def make(values, knowledge):
    if values == ("killer",):
        os._exit(9)
    return (None,)
attach(sys.argv[1:]).compact(Step("killer", 1, ("page_title",), ("city",), make))
"""


def test_an_event_that_ends_the_process_is_put_aside_with_its_file_after_some_runs(
    lake: Lake, azurite: Azurite
) -> None:
    for second in range(3):
        lake.capture(second, [event(f"a{second}")], first_sequence=second)
    path = lake.capture(3, [event("k0", page_title="killer"), event("k1")], first_sequence=3)
    lake.capture(4, [event("b")], first_sequence=5)
    lake.capture(0, [failed_event("f")], hub="failed-events")
    names = [lake.settings.capture_container, lake.settings.spill_container, lake.settings.lake_container]
    command = [sys.executable, "-c", KILLED, azurite.connection_string, *names]
    codes: list[int] = []
    while not codes or codes[-1] == 9:
        assert len(codes) < 12, "the process ends for ever"
        codes.append(subprocess.run(command, env={**os.environ}, cwd=ROOT, check=False).returncode)
    assert codes[-1] == 0
    assert lake.ids() == ["a0", "a1", "a2", "b"]
    assert [row["failed_event_id"] for row in lake.rows("failed_events")] == ["f"]
    assert lake.aside() == [path]
    assert state(lake)["events"].works and state(lake)["events"].put_aside.files == 1
    assert totals(lake).missing == 2, "nobody has looked into the file, so its numbers are missing"
    assert [(each.path, each.done.rows, each.problem) for each in lake.retry()] == [(path, 2, None)]
    assert lake.ids() == ["a0", "a1", "a2", "b", "k0", "k1"]
    assert (totals(lake).missing, totals(lake).difference) == (0, 0)


# --- retries ---------------------------------------------------------------------------------------------------------


def damaged(lake: Lake, second: int, bodies: Sequence[bytes], first_sequence: int) -> tuple[str, bytes]:
    """A captured file whose end is cut off; and the file as it was."""
    path = lake.capture(second, bodies, first_sequence=first_sequence)
    blob = lake.service.get_blob_client(lake.settings.capture_container, path)
    whole = blob.download_blob().readall()
    blob.upload_blob(whole[:-9], overwrite=True)
    return path, whole


def repair(lake: Lake, path: str, whole: bytes) -> None:
    blob = lake.service.get_blob_client(lake.settings.lake_container, f"quarantine/{path}")
    blob.upload_blob(whole, overwrite=True)


@pytest.mark.parametrize("is_last", [True, False])
def test_a_repaired_file_is_taken_in_and_its_numbers_are_no_longer_missing(lake: Lake, is_last: bool) -> None:
    lake.capture(0, [event("a")])
    lake.compact()
    path, whole = damaged(lake, 1, [event("b"), event("c")], 1)
    if not is_last:
        lake.capture(2, [event("d")], first_sequence=3)
    lake.compact()
    assert (lake.aside(), totals(lake).missing) == ([path], 0 if is_last else 2)
    (still,) = lake.retry()
    assert still.problem is not None and "cannot be read" in still.problem
    repair(lake, path, whole)
    assert [(each.done.rows, each.problem) for each in lake.retry()] == [(2, None)]
    if is_last:
        lake.capture(2, [event("d")], first_sequence=3)
    assert lake.compact().gaps == []
    assert lake.ids() == ["a", "b", "c", "d"]
    assert (totals(lake).missing, totals(lake).difference, lake.aside()) == (0, 0, [])


@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
def test_a_retry_that_dies_at_any_request_adds_every_row_once(
    azurite: Azurite, storage: FailingStorage, does_the_last: bool
) -> None:
    # The requests of the two cases lie between one another.
    for dies_at in range(1 + (EVERY // 2 if does_the_last else 0), 40, EVERY):
        lake = Lake(azurite)
        lake.capture(0, [event("a"), poison("p"), b"no event"])
        path, whole = damaged(lake, 1, [event("b"), b"no event"], 3)
        lake.capture(2, [event("c")], first_sequence=5)
        lake.compact(FAULTY)
        lake.compact(FAULTY)
        repair(lake, path, whole)
        account = lake.account
        lake.account = replace(account, blob_endpoint=storage.endpoint)
        storage.die_at(dies_at, does_the_last=does_the_last)
        try:
            lake.retry()
        except Unavailable:
            pass
        finally:
            storage.die_at(None)
            lake.account = account
        lake.retry()
        lake.compact()
        assert (lake.ids(), lake.aside()) == (["a", "b", "c", "p"], [])
        assert len(lake.rows("failed_events")) == 2
        counted = totals(lake)
        assert counted.captured == counted.rows + counted.failed + counted.duplicates
        assert counted.captured == counted.acknowledged + counted.redelivered
        assert (counted.rows, counted.failed, counted.missing) == (4, 2, 0)


def test_two_retries_and_a_compaction_at_once_add_every_row_once(lake: Lake) -> None:
    for second in range(4):
        lake.capture(second, [event(f"a{second}"), poison(f"p{second}")], first_sequence=2 * second)
        lake.compact(FAULTY)
        lake.compact(FAULTY)
    lake.capture(4, [event("b")], first_sequence=8)
    with ThreadPoolExecutor(3) as pool:
        retries = [pool.submit(lake.retry) for _ in range(2)]
        pool.submit(lake.compact).result()
        for each in retries:
            each.result()
    lake.retry()
    lake.compact()
    assert lake.ids() == sorted([*(f"{kind}{second}" for kind in "ap" for second in range(4)), "b"])
    assert (lake.aside(), totals(lake).difference) == ([], 0)


def test_state_that_somebody_has_damaged_is_begun_anew(lake: Lake) -> None:
    container = lake.service.get_container_client(lake.settings.lake_container)
    for damaged_state in (b"", b"no JSON", b"[]", b'{"events": 5}', orjson.dumps({"events": {"tries": None}})):
        container.upload_blob("state/compaction.json", damaged_state, overwrite=True)
        lake.compact()
        assert state(lake)["events"].works
