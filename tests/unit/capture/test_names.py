"""Which captured files wait, and in which chunks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.capture.names import CaptureFile, HubPartition, Watermark, parse_name, plan, prefixes_to_list

SOURCE = HubPartition("ns", "events", "0")
START = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


def file(second: int, size: int = 100, partition: str = "0") -> CaptureFile:
    source = HubPartition("ns", "events", partition)
    return CaptureFile(f"{partition}-{second}", source, START + timedelta(seconds=second), size)


def test_a_name_tells_partition_and_window() -> None:
    assert parse_name("ns/events/3/2026/03/10/12/00/07.avro", 508) == CaptureFile(
        "ns/events/3/2026/03/10/12/00/07.avro", HubPartition("ns", "events", "3"), START + timedelta(seconds=7), 508
    )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "ns/events/3/2026/03/10/12/00.avro",
        "ns/events/3/2026/13/10/12/00/07.avro",
        "a/ns/events/3/2026/03/10/12/00/07.avro",
        "ns/events/3/2026/03/10/12/00/07.json",
    ],
)
def test_another_name_is_no_captured_file(path: str) -> None:
    assert parse_name(path, 1) is None


def test_only_files_after_the_watermark_wait_in_order_of_time() -> None:
    marks = {SOURCE: Watermark(START + timedelta(seconds=2), 40)}
    chunks = list(plan([file(3), file(1), file(2), file(9), file(4, partition="1")], marks, 10_000))
    assert [[each.path for each in chunk] for chunk in chunks] == [["0-3", "1-4", "0-9"]]


def test_a_file_over_the_limit_is_a_chunk_of_its_own() -> None:
    chunks = list(plan([file(1), file(2, size=500), file(3), file(4)], {}, 250))
    assert [[each.path for each in chunk] for chunk in chunks] == [["0-1"], ["0-2"], ["0-3", "0-4"]]


def test_nothing_waits_in_an_empty_listing() -> None:
    assert list(plan([], {}, 100)) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 300), st.sampled_from("012")),
        max_size=40,
        unique_by=lambda entry: (entry[0], entry[2]),
    ),
    st.dictionaries(st.sampled_from("012"), st.integers(-1, 50)),
    st.integers(1, 600),
)
def test_every_waiting_file_is_planned_once_and_each_partition_in_order(
    listing: list[tuple[int, int, str]], marks: dict[str, int], limit: int
) -> None:
    files = [file(second, size, partition) for second, size, partition in listing]
    watermarks = {
        HubPartition("ns", "events", partition): Watermark(START + timedelta(seconds=second))
        for partition, second in marks.items()
    }
    chunks = list(plan(files, watermarks, limit))
    planned = [each for chunk in chunks for each in chunk]
    expected = [f for f in files if not watermarks.get(f.source, Watermark()).covers(f)]
    assert sorted(planned, key=lambda f: f.path) == sorted(expected, key=lambda f: f.path)
    for partition in "012":
        moments = [each.started_at for each in planned if each.source.partition == partition]
        assert moments == sorted(moments)
    assert all(sum(f.size_bytes for f in chunk) <= limit or len(chunk) == 1 for chunk in chunks)


def test_listing_is_bounded_by_the_time_since_the_watermark() -> None:
    assert prefixes_to_list(SOURCE, Watermark(), date(2026, 3, 10)) == ["ns/events/0/"]
    assert prefixes_to_list(SOURCE, Watermark(START), date(2026, 3, 11)) == [
        "ns/events/0/2026/03/10/",
        "ns/events/0/2026/03/11/",
        "ns/events/0/2026/03/12/",
    ]


def test_after_a_long_time_whole_months_are_listed() -> None:
    assert prefixes_to_list(SOURCE, Watermark(START), date(2027, 2, 28)) == [
        *(f"ns/events/0/2026/{month:02}/" for month in range(3, 13)),
        *(f"ns/events/0/2027/{month:02}/" for month in range(1, 4)),
    ]


@given(st.dates(date(2020, 1, 1), date(2026, 3, 10)), st.integers(0, 400), st.integers(-1, 90_000))
def test_every_file_since_the_watermark_lies_under_exactly_one_listed_prefix(
    day: date, days: int, seconds: int
) -> None:
    watermark = Watermark(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC))
    today = day + timedelta(days)
    moment = min(
        datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC) + timedelta(days, seconds),
        datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(1, 86_399),
    )
    path = f"ns/events/0/{moment:%Y/%m/%d/%H/%M/%S}.avro"
    prefixes = prefixes_to_list(SOURCE, watermark, today)
    assert len([prefix for prefix in prefixes if path.startswith(prefix)]) == 1
    assert len(prefixes) <= 33


def test_late_files_and_partitions_added_later_wait_and_what_is_covered_does_not() -> None:
    marks = {SOURCE: Watermark(START + timedelta(seconds=9), 40)}
    late, added, done = file(10), file(1, partition="1"), file(9)
    assert [list(chunk) for chunk in plan([late, added, done], marks, 10_000)] == [[added, late]]


def test_a_hub_made_anew_goes_on_where_its_files_do_whatever_its_numbers_are() -> None:
    marks = {SOURCE: Watermark(START, 1_000_000)}
    assert [list(chunk) for chunk in plan([file(60), file(0)], marks, 10_000)] == [[file(60)]]


def test_a_backlog_of_fifty_thousand_tiny_files_is_planned_once_in_chunks() -> None:
    files = [file(second, 508 if second % 2 else 60_000, partition) for second in range(12_500) for partition in "0123"]
    chunks = list(plan(files, {}, 256 * 2**20))
    assert [each for chunk in chunks for each in chunk] == sorted(files, key=lambda f: (f.started_at, f.source))
    assert len(chunks) == 13


def test_empty_files_fill_no_chunk_but_are_planned() -> None:
    assert [len(chunk) for chunk in plan([file(second, 508) for second in range(1000)], {}, 256 * 2**20)] == [1000]


def test_one_file_of_half_a_gigabyte_is_a_chunk_between_its_neighbours() -> None:
    files = [file(1), file(2, 500_000_000), file(3)]
    assert [list(chunk) for chunk in plan(files, {}, 256 * 2**20)] == [[files[0]], [files[1]], [files[2]]]
