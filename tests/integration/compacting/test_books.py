"""The books: what was answered is counted apart from what arrives, and a difference of 0 means that nothing is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from clickstream.collecting.answered import AnsweredCounts
from clickstream.compacting.totals import Totals, is_counted
from clickstream.errors import Unavailable
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.storage.answered_files import AnsweredFiles
from clickstream.storage.progress import read_progress
from clickstream.table.delta import Table
from clickstream.table.specs import PIPELINE_TABLE
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import NOW, START, Lake, event

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> Lake:
    return Lake(azurite)


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


def compact_over(lake: Lake, storage: FailingStorage, dies_at: int, does_the_last: bool = False) -> None:
    """Compact over storage that dies at a request."""
    account = lake.account
    lake.account = replace(account, blob_endpoint=storage.endpoint)
    storage.die_at(dies_at, does_the_last=does_the_last)
    try:
        lake.compact()
    except Unavailable:
        pass
    finally:
        lake.account = account
        storage.die_at(None)


def test_events_that_were_answered_and_are_lost_with_the_hub_are_a_difference(lake: Lake) -> None:
    lake.capture(0, [event(f"e{number}") for number in range(20)])
    lake.answer(120)
    lake.compact()
    assert lake.totals() == Totals(answered=120, acknowledged=20, captured=20, rows=20)
    assert (lake.totals().difference, lake.totals().uncounted) == (100, 0)


def test_a_request_that_is_refused_in_part_and_sent_again_is_no_difference(lake: Lake) -> None:
    """Of 40 events the hub took 30, and nobody knows of the others. All are sent again, and answered."""
    first = [event(f"e{number}") for number in range(40)]
    again = [event(f"e{number}", received_at=START + timedelta(seconds=5)) for number in range(40)]
    lake.capture(0, first[:30])
    lake.answer(0, unanswered=30, unresolved=10)
    lake.compact()
    lake.capture(1, again, first_sequence=30)
    lake.answer(40)
    lake.compact()
    totals = lake.totals()
    assert (totals.answered, totals.arrived, totals.rows, totals.duplicates) == (40, 70, 40, 30)
    assert (totals.difference, totals.uncounted) == (0, 0)


def test_events_of_which_nobody_knew_may_arrive_all_the_same(lake: Lake) -> None:
    lake.capture(0, [event(f"e{number}") for number in range(7)])
    lake.answer(0, unanswered=2, unresolved=5)
    lake.compact()
    assert (lake.totals().difference, lake.totals().uncounted) == (0, 0)
    lake.capture(1, [event("of another program")], first_sequence=7)
    lake.compact()
    assert (lake.totals().difference, lake.totals().uncounted) == (0, 1)


def test_a_message_that_a_client_says_twice_in_one_request_is_a_duplicate_and_no_difference(lake: Lake) -> None:
    lake.capture(0, [event("e", received_at=START + timedelta(microseconds=number)) for number in range(2)])
    lake.answer(2)
    lake.compact()
    totals = lake.totals()
    assert (totals.rows, totals.duplicates, totals.redelivered, totals.difference) == (1, 1, 0, 0)


def test_what_one_site_lost_is_not_made_up_by_what_came_to_another(lake: Lake) -> None:
    lake.capture(0, [event("e", site="blog")])
    lake.answer(1, site="shop")
    lake.compact()
    table = Table.open_or_create(PIPELINE_TABLE, lake.account, lake.settings.lake_container)
    assert table.version > 0
    rows = lake.rows("pipeline_hours")
    assert sorted((row["site"], row["request_accepted"], row["captured"]) for row in rows) == [
        ("blog", 0, 1),
        ("shop", 1, 0),
    ]


@pytest.mark.parametrize("dies_at", range(1, 40, 3))
@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
def test_counts_of_answers_are_added_once_wherever_the_compactor_ends(
    azurite: Azurite, storage: FailingStorage, dies_at: int, does_the_last: bool
) -> None:
    lake = Lake(azurite)
    lake.answer(5)
    lake.answer(2, 1)
    compact_over(lake, storage, dies_at, does_the_last)
    lake.answer(10)
    lake.compact()
    lake.compact()
    assert (lake.totals().answered, lake.answers()) == (18, [])


def test_a_blob_that_is_written_again_after_it_was_taken_is_not_counted_again(lake: Lake) -> None:
    """A collector that had no answer tries again, and the compactor may have taken and deleted the first one."""
    path = lake.answer(5)
    lake.compact()
    lake.answer(3)
    lake.compact()
    lake.answer(5, path=path)
    lake.compact()
    assert (lake.totals().answered, lake.answers()) == (8, [])


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"null", b'{"hours": [{"site": "shop"}]}', b'{"hours": [5]}'])
def test_a_blob_that_holds_no_counts_stops_neither_the_others_nor_compaction(
    lake: Lake, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = "_answered/2026/03/10/12/damaged.json"
    lake.service.get_blob_client(lake.settings.spill_container, path).upload_blob(content)
    lake.answer(5)
    lake.capture(0, [event("e")])
    with caplog.at_level(logging.ERROR):
        assert lake.compact().rows == 1
    assert (lake.totals().answered, lake.answers()) == (5, [path])
    assert f"{path} holds no counts" in caplog.text


def test_numbers_that_began_anew_are_a_finding_and_no_loss(lake: Lake) -> None:
    lake.capture(0, [event("a"), event("b")], first_sequence=100)
    lake.compact()
    lake.capture(60, [event("c")], first_sequence=0)
    lake.answer(3)
    lake.compact()
    totals = lake.totals()
    assert (totals.renumbered, totals.missing, totals.difference) == (1, 0, 0)


def test_totals_are_not_called_current_between_the_commit_of_rows_and_their_count(azurite: Azurite) -> None:
    """Whoever waits for the counts can wait for that instead of guessing."""
    lake = Lake(azurite)
    container = lake.settings.lake_container
    lake.capture(0, [event("a")])
    lake.compact()

    def is_current() -> bool:
        return is_counted(read_progress(lake.account.container(container)), lake.account, container)

    assert is_current()
    lake.spill([event("b")])
    with FailingStorage(azurite.blob_endpoint, only="/pipeline_hours/") as storage:
        compact_over(lake, storage, 1)
    assert (len(lake.rows()), lake.totals().captured, is_current()) == (2, 1, False)
    lake.compact()
    assert (lake.totals().captured - lake.totals().redelivered, is_current()) == (2, True)


# --- the collector's side -------------------------------------------------------------------------------------------


async def until_written(lake: Lake, count: int) -> None:
    async with asyncio.timeout(30):
        while len(lake.answers()) < count:
            await asyncio.sleep(0.01)


async def test_a_process_counts_by_site_and_hour_and_writes_one_blob(lake: Lake) -> None:
    files = AnsweredFiles(lake.account.container(lake.settings.spill_container))
    counts = AnsweredCounts(files, "events", 0.05, lambda: NOW)
    counts.answered("shop", START + timedelta(minutes=59), 3, 1)
    counts.answered("shop", START, 2, 0)
    counts.answered("blog", START, 1, 0)
    counts.refused("shop", START + timedelta(hours=1), 4, 2)
    counts.answered("blog", START, 0, 0)
    await until_written(lake, 1)
    (path,) = lake.answers()
    shop = {"hub": "events", "hub_partition": "collect", "site": "shop"}
    assert files.read([path]) == {
        path: [
            PipelineHour(**shop, hour=START, request_accepted=5, request_failed=1),  # type: ignore[arg-type]
            PipelineHour(**{**shop, "site": "blog"}, hour=START, request_accepted=1),  # type: ignore[arg-type]
            PipelineHour(**shop, hour=START + timedelta(hours=1), unanswered=4, unresolved=2),  # type: ignore[arg-type]
        ]
    }


@pytest.mark.parametrize("does_the_last", [False, True], ids=["refused", "answer lost"])
async def test_counts_that_storage_did_not_take_are_written_later_and_once(
    lake: Lake, storage: FailingStorage, does_the_last: bool
) -> None:
    account = replace(lake.account, blob_endpoint=storage.endpoint)
    counts = AnsweredCounts(
        AnsweredFiles(account.container(lake.settings.spill_container)), "events", 0.01, lambda: NOW
    )
    storage.die_at(1, does_the_last=does_the_last)
    counts.answered("shop", START, 3, 0)
    async with asyncio.timeout(30):
        while storage.seen < 3:
            await asyncio.sleep(0.01)
    counts.answered("shop", START, 4, 0)
    storage.die_at(None)
    await until_written(lake, 2)
    await asyncio.to_thread(lake.compact)
    assert lake.totals().answered == 7


def test_books_of_an_older_version_go_on(lake: Lake) -> None:
    """Their table has none of the newer columns."""
    newer = frozenset({"unanswered", "unresolved", "renumbered"})
    spec = replace(PIPELINE_TABLE, columns=tuple(c for c in PIPELINE_TABLE.columns if c.name not in newer))
    row = {name: 0 for name in spec.schema.names} | {
        "site": "shop",
        "hub": "events",
        "hub_partition": "0",
        "hour": START,
        "hour_date": START.date(),
        "request_accepted": 2,
        "captured": 2,
        "compacted": 2,
    }
    table = Table.open_or_create(spec, lake.account, lake.settings.lake_container)
    table.append(pa.Table.from_pylist([row], schema=spec.schema), {}, {})
    assert lake.totals() == Totals(answered=2, acknowledged=2, captured=2, rows=2)
    lake.answer(1, unanswered=1)
    lake.capture(0, [event("a"), event("b")])
    lake.compact()
    assert lake.totals() == Totals(answered=3, unanswered=1, acknowledged=4, captured=4, rows=4)
