"""Spilled blobs are the compactor's second input: each event once, whatever happens, and no blob is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import fastavro
import pytest

from clickstream.capture.decode import decode_files
from clickstream.capture.spill import encode_spill, parse_spill_name
from clickstream.compacting.compactor import Compactor
from clickstream.compacting.totals import Totals, read_totals
from clickstream.erasing.late import LateEvents
from clickstream.errors import Unavailable
from clickstream.model.message import Message
from local.azurite import Azurite
from local.event_hubs.avro import SCHEMA, Record, enqueued_text, write_file
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import NOW, START, Lake, event, failed_event

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


def totals(lake: Lake) -> Totals:
    return read_totals(lake.account, lake.settings.lake_container)


def compact_over(lake: Lake, storage: FailingStorage, dies_at: int, does_the_last: bool) -> None:
    """Compact over storage that dies at a request."""
    storage.die_at(dies_at, does_the_last=does_the_last)
    account = replace(lake.account, blob_endpoint=storage.endpoint)
    try:
        Compactor(account, lake.settings, LateEvents.of(account, lake.settings), lake.hubs, lambda: NOW).run(
            NOW + timedelta(hours=1)
        )
    except Unavailable:
        pass
    finally:
        storage.die_at(None)


@pytest.mark.parametrize("hour", [0, 1, 11, 12, 13, 23])
def test_a_spilled_blob_is_what_capture_would_have_written(hour: int) -> None:
    at = datetime(2026, 3, 1, hour, 4, 5, 678_000, tzinfo=UTC)
    enqueued_ms = int(at.timestamp() * 1000)
    messages = [Message(b"one", "v", {"site": "shop", "event_name": "x"}), Message(b"", "w", {})]
    ours = encode_spill(messages, at)
    captured = write_file(
        [
            Record(n, n, enqueued_ms, {"x-opt-enqueued-time": enqueued_ms}, message.properties, message.body)
            for n, message in enumerate(messages)
        ],
        b"\x01" * 16,
    )

    def read(data: bytes) -> tuple[list[Any], Any, str]:
        reader = fastavro.reader(BytesIO(data))
        return list(reader), fastavro.parse_schema(reader.writer_schema), reader.codec

    records, schema, codec = read(ours)
    assert (records, codec) == (read(captured)[0], "null")
    assert fastavro.schema.to_parsing_canonical_form(schema) == fastavro.schema.to_parsing_canonical_form(
        json.loads(SCHEMA)
    )
    assert records[0]["EnqueuedTimeUtc"] == enqueued_text(enqueued_ms)
    both = decode_files([ours, captured])
    assert both.sequence_numbers.tolist() == [0, 1, 0, 1]
    assert both.enqueued_us.tolist() == [enqueued_ms * 1000] * 4
    assert both.bodies.to_pylist() == [b"one", b"", b"one", b""]


@pytest.mark.parametrize(
    "path",
    [
        "events/2026/03/10/12/not-a-uuid.avro",
        "events/2026/13/10/12/3f0f7a52-9f0e-4c57-8d7b-2f6a4f1c9f11.avro",
        "2026/03/10/12/3f0f7a52-9f0e-4c57-8d7b-2f6a4f1c9f11.avro",
    ],
)
def test_a_blob_of_another_name_is_not_spill(path: str) -> None:
    assert parse_spill_name(path, 1) is None


def test_spilled_events_become_rows_with_their_lineage_and_the_blob_goes(lake: Lake) -> None:
    path = lake.spill([event("a", page_path="/x"), event("b")])
    report = lake.compact()
    assert (report.captured, report.spilled, report.rows, report.duplicates) == (2, 2, 2, 0)
    first, second = sorted(lake.rows(), key=lambda row: row["event_id"])
    assert (first["page_path"], first["hub_partition"], first["capture_file"]) == ("/x", "spill", path)
    assert (first["sequence_number"], second["sequence_number"], first["enqueued_at"]) == (0, 1, START)
    assert lake.spilled() == []


def test_an_event_in_the_hub_and_in_the_spill_is_one_row(lake: Lake) -> None:
    lake.capture(0, [event("a"), event("b")])
    lake.spill([event("b"), event("c"), event("c")])
    lake.compact()
    lake.spill([event("a")])
    lake.compact()
    assert lake.ids() == ["a", "b", "c"]
    assert totals(lake) == Totals(acknowledged=2, spilled=1, captured=6, redelivered=3, rows=3, duplicates=3)


def test_failed_events_and_bodies_that_are_no_events_are_kept_once(lake: Lake) -> None:
    path = lake.spill([event("a"), b"garbage"])
    lake.spill([failed_event("f"), failed_event("f"), b"junk"], hub="failed-events")
    lake.compact()
    failed = {row["failed_event_id"]: row for row in lake.rows("failed_events")}
    assert len(failed) == 3
    assert failed[f"{path}#1"]["payload"] == b"garbage"
    assert {failed["f"]["hub"], failed[f"{path}#1"]["hub"]} == {"events", "failed-events"}
    assert totals(lake) == Totals(spilled=4, captured=5, redelivered=1, rows=1, failed=3, duplicates=1)


def test_a_blob_that_cannot_be_read_is_put_aside_and_the_rest_proceeds(lake: Lake) -> None:
    path = lake.spill([event("lost")])
    blob = lake.service.get_blob_client(lake.settings.spill_container, path)
    damaged = blob.download_blob().readall()[:-30]
    blob.upload_blob(damaged, overwrite=True)
    lake.spill([event("a")])
    report = lake.compact()
    assert (report.quarantined, lake.ids(), lake.spilled()) == ([path], ["a"], [])
    aside = lake.service.get_container_client(lake.settings.lake_container)
    assert aside.download_blob(f"quarantine/{path}").readall() == damaged


def test_a_backlog_is_taken_in_chunks(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=3_000)
    for number in range(6):
        lake.spill([event(f"e{number}", page_title="x" * 900)])
    assert lake.compact().rows == 6
    assert (len(lake.ids()), lake.spilled()) == (6, [])


def test_what_still_waits_in_the_spill_is_not_called_complete(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=1_024)
    lake.compact()
    for number in range(3):
        lake.spill([event(f"e{number}", page_title="x" * 900)])
    before = lake.compact().complete_until
    for number in range(3, 6):
        lake.spill([event(f"e{number}", page_title="x" * 900)])
    later = NOW + timedelta(hours=1)
    cut = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: later).run(
        later - timedelta(seconds=1)
    )
    assert (cut.finished, cut.complete_until) == (False, before)
    done = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: later).run(
        later + timedelta(hours=1)
    )
    assert done.complete_until is not None and before is not None and done.complete_until > before


def test_several_compactors_at_once_leave_every_event_once(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=2_000)
    for number in range(8):
        lake.spill([event(f"e{number}"), event("shared"), b"no event"])
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: lake.compact(), range(3)))
    assert lake.ids() == sorted([f"e{number}" for number in range(8)] + ["shared"])
    assert (len(lake.rows("failed_events")), lake.spilled()) == (8, [])
    sums = totals(lake)
    assert sums.captured == sums.rows + sums.failed + sums.duplicates


@pytest.mark.parametrize("dies_at", range(8, 40, 4))
@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
def test_a_crash_at_any_request_loses_nothing_and_doubles_nothing(
    azurite: Azurite, storage: FailingStorage, dies_at: int, does_the_last: bool
) -> None:
    lake = Lake(azurite)
    lake.capture(0, [event("a"), event("both")])
    lake.spill([event("b"), event("both"), b"no event"])
    lake.spill([failed_event("f")], hub="failed-events")
    compact_over(lake, storage, dies_at, does_the_last)
    lake.spill([event("c")])
    lake.compact()
    assert lake.ids() == ["a", "b", "both", "c"]
    assert len(lake.rows("failed_events")) == 2
    assert lake.spilled() == []
    sums = totals(lake)
    assert (sums.rows, sums.failed) == (4, 2)
    assert sums.captured == sums.rows + sums.failed + sums.duplicates
