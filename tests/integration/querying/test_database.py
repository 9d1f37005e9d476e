"""Where rows are read from changes nothing of what is answered; what is gone from the table is gone from the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream.errors import LimitExceeded
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying import visit_copies
from clickstream.querying.database import LakeDatabase
from clickstream.querying.statement import Statement
from clickstream.querying.visits import relations
from clickstream.storage.account import table_uri
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, Lake, event, failed_event, make_lake

pytestmark = pytest.mark.integration

FIRST, LAST = NOW.date() - timedelta(days=9), NOW.date()
EVERYTHING = Statement("SELECT * FROM events ORDER BY event_id", {})
COLUMNS = [column.name for column in EVENT_COLUMNS]


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> Lake:
    """Ten days of two sites, a file of about half a megabyte each."""
    lake = make_lake(azurite)
    chance = Random(5)
    for day in range(10):
        at = NOW - timedelta(days=day)
        sites = ["shop", "blog"] if day % 2 else ["shop"]
        lake.append(
            *(
                event(f"{day}-{number}", site, at, page_title=f"{site}'s", context=f'"{chance.randbytes(4000).hex()}"')
                for number in range(100)
                for site in sites
            )
        )
    return lake


def database(lake: Lake, tmp_path: Path, **settings: Any) -> LakeDatabase:
    chosen = {"query_files_folder": str(tmp_path), "query_timeout_seconds": 20, **settings}
    return LakeDatabase(lake.account, replace(lake.settings, **chosen), (EVENTS_TABLE, FAILED_TABLE))


def rows(database: LakeDatabase, site: str = "shop", first: date = FIRST) -> pa.Table:
    return database.run(EVENTS_TABLE, site, first, LAST, EVERYTHING)[0].select(COLUMNS)


def copies(folder: Path) -> set[Path]:
    return set(folder.rglob("*.parquet"))


def test_rows_are_the_same_from_the_disk_from_storage_and_from_both(lake: Lake, tmp_path: Path) -> None:
    expected = rows(database(lake, tmp_path, query_files_mb=0))
    assert expected.num_rows == 1000
    assert expected.cast(arrow_schema(EVENT_COLUMNS)).column("event_id").to_pylist()[:2] == ["0-0", "0-1"]
    assert not copies(tmp_path)
    for room in (2, 512):
        some = database(lake, tmp_path, query_files_mb=room)
        assert rows(some).equals(expected)
        assert 0 < len(copies(tmp_path)) <= (10 if room == 512 else 9)
        assert set(rows(some, site="blog")["site"].to_pylist()) == {"blog"}


def test_only_files_of_the_dates_and_of_the_site_are_copied(lake: Lake, tmp_path: Path) -> None:
    its = database(lake, tmp_path)
    assert rows(its, first=LAST - timedelta(days=2)).num_rows == 300
    assert len(copies(tmp_path)) == 3
    assert {path.parent.name for path in copies(tmp_path)} == {f"event_date=2026-10-{day}" for day in (26, 27, 28)}
    assert rows(its, site="blog").num_rows == 500
    assert len(copies(tmp_path)) == 3 + 4, "of the days that the blog has files of, one was there"
    assert rows(its, site="unknown").num_rows == 0


def test_a_copy_that_goes_while_it_is_read_is_asked_for_again(lake: Lake, tmp_path: Path) -> None:
    its = database(lake, tmp_path, query_answers_mb=0)
    over = threading.Event()

    def delete() -> None:
        while not over.is_set():
            for path in copies(tmp_path):
                path.unlink(missing_ok=True)

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        assert {rows(its).num_rows for _ in range(10)} == {1000}
    finally:
        over.set()
        thread.join()


def test_files_of_a_table_from_before_newer_columns_have_nulls_there(azurite: Azurite, tmp_path: Path) -> None:
    lake = make_lake(azurite)
    old = ["browser", "id_reused", "definition_version"]
    table = pa.Table.from_pylist([event("old", "shop", NOW)], schema=arrow_schema(EVENT_COLUMNS)).drop_columns(old)
    uri, options = table_uri(lake.settings.lake_container, "events"), lake.account.delta_options()
    write_deltalake(uri, table, partition_by=["event_date"], storage_options=options)
    its = database(lake, tmp_path)
    assert rows(its).select(old).to_pylist() == [dict.fromkeys(old)]
    newer = pa.Table.from_pylist(
        [event("new", "shop", NOW, browser="Firefox", id_reused=True)], schema=arrow_schema(EVENT_COLUMNS)
    )
    write_deltalake(
        uri, newer, mode="append", schema_mode="merge", partition_by=["event_date"], storage_options=options
    )
    assert rows(its).select(["event_id", *old]).to_pylist() == [
        {"event_id": "new", "browser": "Firefox", "id_reused": True, "definition_version": None},
        {"event_id": "old", **dict.fromkeys(old)},
    ]


@pytest.mark.parametrize("asked", [True, False])
def test_rows_that_are_erased_leave_the_disk_and_the_answers(asked: bool, azurite: Azurite, tmp_path: Path) -> None:
    lake = make_lake(azurite)
    lake.append(event("kept", "shop", NOW, user_id="somebody"), event("erased", "shop", NOW, user_id="erase-me"))
    lake.append(event("other", "shop", NOW - timedelta(days=1)))
    its, unasked = database(lake, tmp_path), database(lake, tmp_path)
    assert rows(its).num_rows == rows(unasked).num_rows == 3
    before = copies(tmp_path)
    assert len(before) == 2
    uri = table_uri(lake.settings.lake_container, "events")
    DeltaTable(uri, storage_options=lake.account.delta_options()).delete("user_id = 'erase-me'")
    if asked:
        assert rows(its)["event_id"].to_pylist() == ["kept", "other"]
    else:
        its.look_again()
    assert len(copies(tmp_path) & before) == 1
    assert not any(b"erase-me" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert rows(unasked)["event_id"].to_pylist() == ["kept", "other"], "another process' copy went"


def test_visits_are_read_from_visit_files_which_go_with_their_files(
    azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit_copies, "SMALLEST_BYTES", 0)
    lake = make_lake(azurite)
    for day in range(4):
        at = NOW - timedelta(days=day)
        lake.append(
            *(
                event(f"{day} {site} {person} {minutes}", site, at + timedelta(minutes=minutes), anonymous_id=person)
                for site, person, minutes in product(["shop", "blog"], "ab", (0, 10, 300))
            )
        )
    lake.append(event("late", "shop", NOW - timedelta(days=1, minutes=-15), anonymous_id="a"))
    begin = f"WITH {relations(of_visits=True)},\n"
    listed = "visitor, visit_begun, visit_ended, visit_acts"
    visits = (
        f"{begin}visits AS (SELECT DISTINCT visit, {listed} FROM visited)\nSELECT {listed} FROM visits ORDER BY ALL"
    )
    days = {"from": NOW - timedelta(days=4), "to": NOW + timedelta(days=1)}
    statement = Statement(visits, {"site": "shop", **{name: moment.isoformat() for name, moment in days.items()}})

    def asked(its: LakeDatabase) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = its.run(EVENTS_TABLE, "shop", FIRST, LAST, statement)[0].to_pylist()
        return rows

    def visit_files() -> int:
        return len(list(tmp_path.glob(f"*/{visit_copies.FOLDER}/**/*.parquet")))

    its, without = database(lake, tmp_path), database(lake, tmp_path, query_files_mb=0)
    answer = asked(its)
    assert answer == asked(without) and len(answer) == 4 * 2 * 2
    assert visit_files() == 2 * 5
    uri = table_uri(lake.settings.lake_container, "events")
    DeltaTable(uri, storage_options=lake.account.delta_options()).delete("event_id = 'late'")
    assert asked(its) == asked(without) != answer
    assert visit_files() == 2 * 4


def test_an_answer_is_kept_until_the_table_changes(azurite: Azurite, tmp_path: Path) -> None:
    lake = make_lake(azurite)
    random = Statement("SELECT random() AS number FROM events LIMIT 1", {})
    lake.append(event("a", "shop", NOW))

    def answers(its: LakeDatabase) -> Iterator[float]:
        for site, first in [("shop", FIRST), ("shop", FIRST), ("shop", LAST)]:
            yield its.run(EVENTS_TABLE, site, first, LAST, random)[0]["number"][0].as_py()

    its, forgetful = database(lake, tmp_path), database(lake, tmp_path, query_answers_mb=0)
    first, again, other_dates = answers(its)
    assert first == again != other_dates
    assert len(set(answers(forgetful))) == 3
    lake.append(event("b", "shop", NOW))
    assert first not in answers(its)


@pytest.mark.parametrize(("spill_mb", "answered"), [(512, True), (8, False)])
def test_reports_take_no_more_of_the_disk_than_their_budget(
    spill_mb: int, answered: bool, lake: Lake, tmp_path: Path
) -> None:
    sort = "SELECT count(n) FROM (SELECT row_number() OVER (ORDER BY t DESC) AS n FROM ("
    sort += "SELECT md5(r::VARCHAR) AS t FROM range(1500000) AS numbers(r))) WHERE n > (SELECT count(*) FROM events)"
    short_of_memory = database(lake, tmp_path, query_memory_mb=64, query_spill_mb=spill_mb)
    with nullcontext() if answered else pytest.raises(LimitExceeded):
        short_of_memory.run(EVENTS_TABLE, "shop", FIRST, LAST, Statement(sort, {}))


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"query_memory_mb": 64, "query_spill_mb": 8}, "needed too much memory"),
        ({"query_timeout_seconds": 0}, "ran longer"),
    ],
)
@pytest.mark.parametrize(
    ("first", "advice"),
    [
        (FIRST, "ask for fewer groups, or from 2026-10-24 on"),
        (LAST - timedelta(days=1), "ask for fewer groups, or from 2026-10-28 on"),
        (LAST, "ask for fewer groups"),
    ],
)
def test_who_asks_too_much_learns_which_days_are_half_of_it(
    settings: dict[str, int], limit: str, first: date, advice: str, lake: Lake, tmp_path: Path
) -> None:
    sort = "SELECT count(n) FROM (SELECT row_number() OVER (ORDER BY t DESC) AS n FROM ("
    sort += "SELECT md5(r::VARCHAR) AS t FROM range(1500000) AS numbers(r))) WHERE n > (SELECT count(*) FROM events)"
    limited = database(lake, tmp_path, **settings)
    with pytest.raises(LimitExceeded) as caught:
        limited.run(EVENTS_TABLE, "shop", first, LAST, Statement(sort, {}))
    assert limit in caught.value.message
    assert caught.value.message.endswith(f"; {advice}")


def test_other_tables_are_read_alike(lake: Lake, tmp_path: Path) -> None:
    its = database(lake, tmp_path)
    failed = Statement("SELECT failed_event_id, payload, failed_date FROM failed_events", {})
    assert its.run(FAILED_TABLE, "shop", FIRST, LAST, failed)[0].num_rows == 0
    lake.append_failed(failed_event("f1", "shop"), failed_event("f2", None))
    assert its.run(FAILED_TABLE, "shop", FIRST, LAST, failed)[0].to_pylist() == [
        {"failed_event_id": "f1", "payload": b"\x00\xff", "failed_date": NOW.date()}
    ]
    assert its.days(FAILED_TABLE, "shop") == [NOW.date()]
    assert its.days(EVENTS_TABLE, "blog") == [NOW.date() - timedelta(days=day) for day in (9, 7, 5, 3, 1)]


def test_moments_and_texts_of_any_kind_come_through(azurite: Azurite, tmp_path: Path) -> None:
    lake = make_lake(azurite)
    odd = ["it's", "a\u0000b", "\U0001f600", "%[*]{}?"]
    at = datetime.fromisoformat("2026-10-28T09:59:59.999999+00:00")
    lake.append(*(event(text, "it's [a] *site*", at, page_path=text) for text in odd))
    found = rows(database(lake, tmp_path), site="it's [a] *site*")
    assert sorted(found["page_path"].to_pylist()) == sorted(odd)
    assert set(found["occurred_at"].to_pylist()) == {at}
