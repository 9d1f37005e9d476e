"""Maintenance on real tables in Azurite: the same rows before and after, whoever writes beside it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clickstream.compacting.compactor import Compactor
from clickstream.errors import Conflict
from clickstream.maintaining.planning import MANY_FILES
from clickstream.table.data_files import Expired
from clickstream.table.delta import Table
from clickstream.table.maintenance import checkpoint, delete_expired, merge
from clickstream.table.specs import FAILED_TABLE
from local.azurite import Azurite
from tests.integration.compacting.lake import START, event, failed_event
from tests.integration.maintaining.maintained_lake import DAY, LATER, MaintainedLake, row, rows

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> Iterator[MaintainedLake]:
    lake = MaintainedLake(azurite)
    yield lake
    lake.service.close()


def multiset(lake: MaintainedLake, table: str = "events") -> Counter[str]:
    return Counter(repr(sorted(each.items())) for each in lake.rows(table))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ROWS = st.lists(
    st.builds(
        lambda number, site, name, title, seconds, width, bot: row(
            str(number),
            START + timedelta(microseconds=seconds),
            site=site,
            event_name=name,
            page_title=title,
            screen_width=width,
            clock_clamped=bot,
        ),
        st.integers(),
        st.sampled_from(["a", "shop", "Ünï"]),
        TEXTS,
        st.none() | TEXTS,
        st.integers(-(10**12), 10**12),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@given(st.lists(ROWS, min_size=2, max_size=4))
@settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
def test_merging_keeps_every_row_and_tells_true_bounds(azurite: Azurite, commits: list[list[dict[str, Any]]]) -> None:
    lake = MaintainedLake(azurite)
    try:
        for commit in commits:
            lake.writer().append(rows(*commit), {}, {})
        before = multiset(lake)
        report = lake.maintain(datetime(2027, 1, 1, tzinfo=UTC))
        assert multiset(lake) == before
        assert report.finished
        assert report.tables["events"].conflicts == 0
        files = pa.table(lake.delta().get_add_actions(flatten=True)).to_pylist()
        assert len({file["partition.event_date"] for file in files}) == len(files)
        for file in files:
            stored = [each for each in lake.rows() if each["event_date"] == file["partition.event_date"]]
            assert file["num_records"] == len(stored)
            for name in ("event_name", "occurred_at", "event_id", "site", "batch"):
                values = [each[name] for each in stored if each[name] is not None]
                assert file.get(f"null_count.{name}") == len(stored) - len(values)
                low, high = file.get(f"min.{name}"), file.get(f"max.{name}")
                assert not values or low is None or low <= min(values)
                assert not values or high is None or high >= max(values)
    finally:
        lake.service.close()


def test_a_merged_file_is_sorted_by_site_name_and_time(lake: MaintainedLake) -> None:
    for number in range(MANY_FILES):
        at = START + timedelta(seconds=-number)
        lake.writer().append(rows(row(f"a{number}", at, site="b"), row(f"b{number}", at, site="a")), {}, {})
    report = lake.maintain(START)
    assert (report.tables["events"].merged_files, report.tables["events"].written_files) == (MANY_FILES, 1)
    keys = [(each["site"], each["event_name"], each["occurred_at"]) for each in lake.rows()]
    assert keys == sorted(keys)


def test_a_merge_and_an_append_come_through_both_whichever_is_first(lake: MaintainedLake) -> None:
    for name in "ab":
        lake.writer().append(rows(row(name)), {"p": 1}, {})
    merging, appending = lake.events(), lake.writer()
    appending.append(rows(row("c")), {"p": 2}, {})
    merge(merging, merging.files())
    merging, appending = lake.events(), lake.writer()
    merge(merging, merging.files())
    appending.append(rows(row("d")), {"p": 3}, {})
    assert lake.ids() == ["a", "b", "c", "d"]
    assert lake.writer().application_version("p") == 3


def test_of_a_merge_and_a_removal_of_rows_only_one_comes_through(lake: MaintainedLake) -> None:
    for name in "abc":
        lake.writer().append(rows(row(name)), {}, {})
    merging, removing = lake.events(), lake.writer()
    merge(merging, merging.files())
    with pytest.raises(Conflict):
        removing.remove("event_id", {DAY: ["a"]})
    assert lake.ids() == ["a", "b", "c"]
    lake.writer().append(rows(row("d")), {}, {})
    merging, deleting = lake.events(), lake.events()
    assert lake.writer().remove("event_id", {DAY: ["a"]}) == 1
    with pytest.raises(Conflict):
        merge(merging, merging.files())
    with pytest.raises(Conflict):
        delete_expired(deleting, Expired(DAY, frozenset({"shop"}), deleting.files()))
    assert lake.ids() == ["b", "c", "d"]
    container = lake.service.get_container_client(lake.settings.lake_container)
    stored = {name for name in container.list_blob_names(name_starts_with="events/event_date=")}
    assert len(stored) == 6  # those of a, b, c and d; the merge, and again without a; none of the second merge


def test_what_was_written_for_a_commit_that_failed_is_deleted(lake: MaintainedLake) -> None:
    first, second = lake.writer(), lake.writer()
    first.append(rows(row("a")), {"p": 1}, {})
    with pytest.raises(Conflict):
        second.append(rows(row("b"), row("c", LATER)), {"p": 1}, {})
    container = lake.service.get_container_client(lake.settings.lake_container)
    assert len(list(container.list_blob_names(name_starts_with="events/event_date="))) == 1
    assert lake.ids() == ["a"]


def test_compactors_that_run_beside_maintenance_lose_and_double_nothing(lake: MaintainedLake) -> None:
    lake.site("shop", 3650)
    expected = []
    stop = threading.Event()
    failures: list[BaseException] = []

    def maintain() -> None:
        while not stop.is_set():
            try:
                lake.maintain()
            except BaseException as error:
                failures.append(error)
                return

    thread = threading.Thread(target=maintain)
    thread.start()
    try:
        for number in range(12):
            name = f"e{number:02}"
            expected.append(name)
            lake.capture(number, [event(name), event("shared"), b"no event"], first_sequence=number * 3)
            lake.compact()
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert lake.ids() == [*expected, "shared"]
    assert len(lake.rows("failed_events")) == 12
    assert lake.compact().captured == 0


def test_watermarks_outlive_merging_checkpoints_and_the_log(lake: MaintainedLake) -> None:
    for second in range(6):
        lake.capture(second, [event(f"e{second}")], first_sequence=second)
        lake.compact()
    before = lake.ids()
    report = lake.maintain()
    assert report.tables["events"].merged_files == 6
    assert not report.tables["events"].checkpointed
    table = lake.events()
    assert checkpoint(table, after_commits=1)
    container = lake.service.get_container_client(lake.settings.lake_container)
    for name in list(container.list_blob_names(name_starts_with="events/_delta_log/")):
        if name.endswith(".json") and int(name.rpartition("/")[2][:20]) < lake.delta().version():
            container.delete_blob(name)
    assert lake.compact().captured == 0
    lake.capture(20, [event("e0"), event("new")], first_sequence=6)
    done = lake.compact()
    assert (done.captured, done.rows, done.duplicates, done.gaps) == (2, 1, 1, [])
    assert lake.ids() == sorted([*before, "new"])


def test_a_checkpoint_is_written_once_enough_was_committed(lake: MaintainedLake) -> None:
    lake.writer().append(rows(row("a")), {}, {})
    assert checkpoint(lake.events(), after_commits=1)
    assert not checkpoint(lake.events(), after_commits=1)


def test_vacuum_keeps_what_is_young_and_what_a_version_needs(lake: MaintainedLake) -> None:
    for name in "ab":
        lake.writer().append(rows(row(name)), {}, {})
    lake.account.container(lake.settings.lake_container).write("events/event_date=2026-03-10/orphan.parquet", b"never")
    table = lake.events()
    merge(table, table.files())
    version = lake.delta().version()
    assert lake.events().vacuum(timedelta(days=7)) == 0
    assert lake.delta().version() == version
    assert lake.events().vacuum(timedelta(0)) == 3
    assert lake.ids() == ["a", "b"]


def test_rows_past_their_sites_limit_are_deleted_and_counted(lake: MaintainedLake) -> None:
    lake.site("shop", 10)
    lake.site("blog", None)
    now = datetime.now(UTC).replace(hour=12)  # a limit is reached at midnight, which is not to come meanwhile
    old, edge = now - timedelta(days=11), now - timedelta(days=10)
    lake.writer().append(rows(row("shop old", old), row("blog old", old, site="blog"), row("edge", edge)), {}, {})
    lake.writer().append(rows(row("alone", old)), {}, {})
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.compact()
    report = lake.maintain(now)
    counted = {name: table.expired_rows for name, table in report.tables.items() if table.expired_rows}
    assert counted == {"events": 2, "failed_events": 1}
    assert lake.ids() == ["blog old", "edge"]
    assert lake.rows("failed_events") == []
    counts = [commit["expired"] for commit in lake.writer().counts_since(-1) if "expired" in commit]
    assert counts == [2]
    lake.maintain(now + timedelta(hours=2))
    version = lake.delta().version()
    assert lake.maintain(now + timedelta(hours=4)).tables["events"].expired_rows == 0
    assert lake.delta().version() == version


def test_old_rows_that_come_late_are_deleted_too(lake: MaintainedLake) -> None:
    now = datetime.now(UTC)
    lake.site("shop", 10)
    lake.writer().append(rows(row("new", now)), {}, {})
    lake.maintain(now)
    lake.writer().append(rows(row("imported", now - timedelta(days=400))), {}, {})
    assert lake.maintain(now).tables["events"].expired_rows == 1
    assert lake.ids() == ["new"]


def test_a_site_whose_document_is_broken_keeps_its_rows(lake: MaintainedLake) -> None:
    lake.site("shop", 10)
    lake.service.get_blob_client(lake.settings.config_container, "sites/shop.yaml").upload_blob(
        "site: shop\nretention_days: 10", overwrite=True
    )
    lake.writer().append(rows(row("a")), {}, {})
    assert lake.maintain().tables["events"].expired_rows == 0


def test_captured_files_are_deleted_when_they_are_old_and_compacted_but_the_last(lake: MaintainedLake) -> None:
    committed = [lake.capture(second, [event(f"e{second}")], first_sequence=second) for second in range(3)]
    lake.capture(0, [failed_event("f")], hub="failed-events")
    lake.compact()
    waiting = lake.capture(3, [event("e3")], first_sequence=3)
    other = lake.capture(0, [event("e4")], partition="1")
    assert lake.maintain(START + timedelta(days=6)).capture_files == 0
    assert lake.maintain().capture_files == 2
    left = [path for path in lake.captured() if "failed" not in path]
    assert left == sorted([committed[2], waiting, other])
    assert lake.compact().rows == 2
    assert lake.ids() == ["e0", "e1", "e2", "e3", "e4"]


def test_how_far_the_table_is_complete_stays_known_when_a_quiet_partitions_files_are_deleted(
    lake: MaintainedLake,
) -> None:
    lake.capture(0, [event("a")])
    lake.hubs.last = {"events": {"0": 0}}
    known = lake.compact().complete_until
    lake.maintain()
    later = Compactor(lake.account, lake.settings, lake.suppression, lake.hubs, lambda: LATER).run(
        LATER + timedelta(hours=1)
    )
    assert known is not None and later.complete_until is not None
    assert later.complete_until > known + timedelta(days=29)


def test_a_run_whose_time_is_up_says_so_and_the_next_goes_on(lake: MaintainedLake) -> None:
    lake.site("shop", 10)
    for second in range(2):
        lake.capture(second, [event(f"e{second}")], first_sequence=second)
        lake.compact()
    report = lake.maintain(minutes=0)
    assert not report.finished
    assert report.capture_files == 0
    assert lake.ids() == ["e0", "e1"]
    assert lake.maintain().finished
    assert lake.ids() == []


def test_a_lake_without_tables_or_files_has_nothing_to_maintain(lake: MaintainedLake) -> None:
    report = lake.maintain()
    assert report.finished
    assert report.capture_files == 0
    assert Table.open(replace(FAILED_TABLE, name="none"), lake.account, lake.settings.lake_container) is None
