"""Which captured files wait, and in which chunks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.compacting.files import CaptureFile, HubPartition, Watermark, parse_name, plan, prefixes_to_list

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
        unique_by=lambda made: (made[0], made[2]),
    ),
    st.dictionaries(st.sampled_from("012"), st.integers(-1, 50)),
    st.integers(1, 600),
)
def test_every_waiting_file_is_planned_once_and_each_partition_in_order(
    made: list[tuple[int, int, str]], marks: dict[str, int], limit: int
) -> None:
    files = [file(second, size, partition) for second, size, partition in made]
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
