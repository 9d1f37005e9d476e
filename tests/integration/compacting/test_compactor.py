"""Compaction against a real storage account: every event once, whatever happens."""

from __future__ import annotations

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from clickstream.compacting.totals import Totals, read_totals
from clickstream.storage.account import table_uri
from clickstream.storage.progress import read_progress
from local.azurite import Azurite
from tests.integration.compacting.lake import NOW, START, Lake, event, failed_event

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


def test_captured_events_become_rows_with_their_lineage(lake: Lake) -> None:
    path = lake.capture(5, [event("a", page_path="/x"), event("b")], first_sequence=41, partition="3")
    report = lake.compact()
    assert (report.captured, report.rows, report.failed, report.duplicates) == (2, 2, 0, 0)
    first, second = sorted(lake.rows(), key=lambda row: row["event_id"])
    assert (first["page_path"], first["event_date"], first["hub_partition"]) == ("/x", date(2026, 3, 10), "3")
    assert (first["sequence_number"], second["sequence_number"], first["capture_file"]) == (41, 42, path)
    assert first["enqueued_at"] == START + timedelta(seconds=5)


def test_with_nothing_captured_both_tables_are_there_and_empty(lake: Lake) -> None:
    assert lake.compact().captured == 0
    assert lake.rows("events") == lake.rows("failed_events") == []


def test_the_same_files_again_add_nothing_and_make_no_commit(lake: Lake) -> None:
    lake.capture(0, [event("a")])
    lake.compact()
    before = lake.rows()
    report = lake.compact()
    assert (report.files, report.captured) == (0, 0)
    assert lake.rows() == before


@pytest.mark.parametrize("empty", [None, b""], ids=["one empty block", "no bytes"])
def test_an_empty_file_is_normal(lake: Lake, empty: bytes | None) -> None:
    lake.capture(0, [], raw=empty)
    lake.capture(1, [event("a")])
    report = lake.compact()
    assert (report.files, report.rows, report.quarantined) == (2, 1, [])


def test_copies_are_dropped_within_a_run_between_runs_and_over_midnight(lake: Lake) -> None:
    late = datetime(2026, 3, 9, 23, 59, 59, tzinfo=UTC)
    lake.capture(0, [event("a"), event("a"), event("m", occurred_at=late)])
    assert lake.compact().duplicates == 1
    lake.capture(10, [event("a"), event("b"), event("m", occurred_at=late + timedelta(seconds=2))], first_sequence=3)
    report = lake.compact()
    assert (report.rows, report.duplicates) == (1, 2)
    assert lake.ids() == ["a", "b", "m"]


def test_of_copies_the_earliest_stays(lake: Lake) -> None:
    lake.capture(0, [event("a", page_path="/late")], partition="0")
    lake.capture(-5, [event("a", page_path="/early")], partition="1")
    lake.compact()
    assert [row["page_path"] for row in lake.rows()] == ["/early"]


def test_bodies_that_are_no_events_are_kept_and_their_neighbours_land(lake: Lake) -> None:
    path = lake.capture(0, [event("a"), b"garbage", b'{"event_id":"x","site":"shop"}', event("b")])
    report = lake.compact()
    assert (report.rows, report.failed) == (2, 2)
    rows = sorted(lake.rows("failed_events"), key=lambda row: row["sequence_number"])
    assert [(row["payload"], row["failure_class"], row["site"]) for row in rows] == [
        (b"garbage", "payload_format", None),
        (b'{"event_id":"x","site":"shop"}', "schema_violation", "shop"),
    ]
    assert {(row["stage"], row["hub"], row["capture_file"]) for row in rows} == {("compact", "events", path)}


def test_failed_events_of_the_collector_land_in_their_table_once(lake: Lake) -> None:
    lake.capture(0, [failed_event("f1"), failed_event("f1"), failed_event("f2"), b"junk"], hub="failed-events")
    report = lake.compact()
    assert (report.failed, report.duplicates) == (3, 1)
    rows = {row["failed_event_id"]: row for row in lake.rows("failed_events")}
    assert len(rows) == 3
    assert (rows["f1"]["payload"], rows["f1"]["stage"]) == (b"\xff\x00", "collect")


@pytest.mark.parametrize(
    "damaged", [b"Obj\x01 no avro", b"\x00" * 600, b'{"json": true}'], ids=["header", "zeros", "another format"]
)
def test_a_file_that_cannot_be_read_is_put_aside_and_the_rest_proceeds(
    lake: Lake, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    lake.capture(0, [event("a")])
    path = lake.capture(1, [], raw=damaged)
    lake.capture(2, [event("b")], first_sequence=1)
    with caplog.at_level(logging.ERROR):
        report = lake.compact()
    assert (lake.ids(), report.quarantined) == (["a", "b"], [path])
    assert path in caplog.text
    aside = lake.service.get_container_client(lake.settings.lake_container)
    assert aside.download_blob(f"quarantine/{path}").readall() == damaged
    assert json.loads(aside.download_blob(f"quarantine/{path}.json").readall())["path"] == path
    assert lake.compact().files == 0


def test_a_truncated_file_adds_none_of_its_rows(lake: Lake) -> None:
    path = lake.capture(0, [event(f"e{n}", page_title="x" * 2000) for n in range(100)])
    blob = lake.service.get_blob_client(lake.settings.capture_container, path)
    whole = blob.download_blob().readall()
    blob.upload_blob(whole[: len(whole) * 2 // 3], overwrite=True)
    report = lake.compact()
    assert (report.quarantined, lake.rows()) == ([path], [])


def test_a_gap_in_the_numbers_is_logged(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    lake.capture(0, [event("a")], first_sequence=0)
    lake.compact()
    lake.capture(1, [event("b")], first_sequence=5)
    with caplog.at_level(logging.WARNING):
        report = lake.compact()
    assert [(gap.after, gap.before) for gap in report.gaps] == [(0, 5)]
    assert "no file holds the events between 0 and 5" in caplog.text


def test_a_hub_made_anew_starts_its_numbers_over_and_loses_nothing(lake: Lake) -> None:
    lake.capture(0, [event("a"), event("b")], first_sequence=100)
    lake.compact()
    lake.capture(60, [event("c"), event("b")], first_sequence=0)
    report = lake.compact()
    assert (lake.ids(), report.duplicates) == (["a", "b", "c"], 1)
    assert [(gap.after, gap.before, gap.renumbered, gap.missing) for gap in report.gaps] == [(101, 0, True, 0)]
    assert (lake.totals().renumbered, lake.totals().missing, lake.totals().difference) == (1, 0, 0)


def test_a_backlog_is_taken_in_chunks_each_one_commit_and_each_reported(azurite: Azurite) -> None:
    from clickstream.compacting.compactor import Compactor

    lake = Lake(azurite, max_bytes=3_000)
    for second in range(12):
        lake.capture(second, [event(f"e{second}", page_title="x" * 700)], first_sequence=second)
    lines: list[str] = []
    compactor = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: NOW, say=lines.append)
    report = compactor.run(NOW + timedelta(hours=1))
    assert (report.files, report.rows) == (12, 12)
    assert report.bytes > 12 * 700 and report.seconds > 0
    assert re.fullmatch(r"\d files, \d rows, [\d.]+ MB/s; \d+ files wait, 0:00:\d\d left", lines[0])
    assert re.fullmatch(r"12 files, 12 rows, [\d.]+ MB/s; 0 files wait, 0:00:00 left", lines[-1])
    uri = table_uri(lake.settings.lake_container, "events")
    table = DeltaTable(uri, storage_options=lake.account.delta_options())
    assert 4 <= table.version() <= 12
    assert len(lake.ids()) == 12


def test_a_run_ends_at_its_deadline_and_the_next_goes_on(azurite: Azurite) -> None:
    from clickstream.compacting.compactor import Compactor

    lake = Lake(azurite, max_bytes=1_024)
    for second in range(5):
        lake.capture(second, [event(f"e{second}", page_title="x" * 900)], first_sequence=second)
    cut = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: NOW).run(
        NOW - timedelta(seconds=1)
    )
    assert (cut.finished, cut.files) == (False, 1)
    assert lake.compact().finished
    assert len(lake.ids()) == 5


def test_several_compactors_at_once_leave_every_event_once(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=2_000)
    for second in range(8):
        for partition in "01":
            bodies = [event(f"p{partition}-{second}"), event(f"shared-{second}")]
            lake.capture(second, bodies, first_sequence=second * 2, partition=partition)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: lake.compact(), range(4)))
    expected = [f"p{p}-{s}" for p in "01" for s in range(8)] + [f"shared-{s}" for s in range(8)]
    assert lake.ids() == sorted(expected)
    assert sum(report.captured for report in reports) == 32
    totals = read_totals(lake.account, lake.settings.lake_container)
    assert totals == Totals(acknowledged=24, captured=32, redelivered=8, rows=24, duplicates=8)


def test_counts_add_up_over_all_commits(lake: Lake) -> None:
    lake.capture(0, [event("a"), event("a"), b"x"])
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.compact()
    later = START + timedelta(minutes=1)
    lake.capture(1, [event("a", received_at=later), event("c")], first_sequence=4)
    lake.answer(3, 2)
    lake.compact()
    assert read_totals(lake.account, lake.settings.lake_container) == Totals(
        answered=5,
        acknowledged=5,
        captured=6,
        redelivered=1,
        rows=2,
        failed=2,
        duplicates=2,
        missing=1,
    )


def test_complete_until_is_noted_and_never_moves_back(lake: Lake) -> None:
    lake.capture(0, [event("a")], first_sequence=0)
    lake.hubs.last = {"events": {"0": 1}, "failed-events": {"0": -1}}
    waiting = lake.compact().complete_until
    assert waiting is not None and waiting < START
    lake.capture(1, [event("b")], first_sequence=1)
    done = lake.compact().complete_until
    assert done is not None and NOW - timedelta(seconds=10) < done < NOW
    lake.hubs.last["events"]["0"] = 2
    assert lake.compact().complete_until == done
    noted = read_progress(lake.account.container(lake.settings.lake_container))
    assert (noted.complete_until, noted.enqueued_at["events/0"]) == (done, START + timedelta(seconds=1))


def test_any_engine_reads_the_table_and_statistics_prune_without_hiding_rows(lake: Lake, tmp_path: Path) -> None:
    bodies = [
        event(
            f"e{n}", occurred_at=START - timedelta(days=n % 3, microseconds=n), page_title="ü" * 40, user_id=f"{n:040}"
        )
        for n in range(300)
    ]
    lake.capture(0, bodies)
    lake.compact()
    uri = table_uri(lake.settings.lake_container, "events")
    table = DeltaTable(uri, storage_options=lake.account.delta_options())
    dataset = table.to_pyarrow_dataset()
    day = dataset.to_table(filter=(pc.field("event_date") == date(2026, 3, 9)) & (pc.field("site") == "shop"))
    assert day.num_rows == 100
    moment = START - timedelta(days=1, microseconds=1)
    assert dataset.to_table(filter=pc.field("occurred_at") == moment).num_rows == 1
    assert dataset.to_table(filter=pc.field("user_id") == f"{299:040}").num_rows == 1
    with duckdb.connect() as connection:
        connection.register("events", dataset)
        sql = "SELECT count(*), count(DISTINCT event_id), sum(CAST(user_id AS INT)) FROM events"
        assert connection.sql(sql).fetchall() == [(300, 300, sum(range(300)))]
