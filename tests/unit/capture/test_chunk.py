"""Chunks of files: their gaps, and where they bring the watermarks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pyarrow as pa
import pytest

from clickstream.capture.chunk import Chunk, Gap, failed_event_rows, file_numbers, gaps
from clickstream.capture.decode import Captured
from clickstream.capture.marks import Marks
from clickstream.capture.names import CaptureFile, HubPartition, Watermark

MARKS = Marks(b"key of the operator")
SOURCE = HubPartition("ns", "events", "0")
START = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)


def chunk(*files: Sequence[int], bodies: Sequence[bytes] = ()) -> Chunk:
    """A chunk of files with events of these numbers."""
    numbers = [number for file in files for number in file]
    captured = Captured(
        [len(file) for file in files],
        np.array(numbers, np.int64),
        np.full(len(numbers), 1_773_144_000_000_000),
        pa.chunked_array([bodies or [b"x"] * len(numbers)], pa.binary()),
    )
    moments = [START + timedelta(seconds=second) for second in range(len(files))]
    return Chunk([CaptureFile(f"f{n}", SOURCE, moment, 100) for n, moment in enumerate(moments)], captured)


@pytest.mark.parametrize(
    ("files", "before", "expected"),
    [
        ([[0, 1], [2, 3]], None, []),
        ([[5, 6]], None, []),
        ([[5, 6]], 4, []),
        ([[5, 6]], 3, [(3, 5)]),
        ([[0, 1, 4], [5]], None, [(1, 4)]),
        ([[0], [], [3]], None, [(0, 3)]),
        ([[100, 101], [0, 1]], 99, [(101, 0)]),
        ([[0, 1, 1, 2, 0, 3]], None, [(1, 1), (2, 0), (0, 3)]),
        ([[0, 1]], 1, [(1, 0)]),
        ([[0], [4], [9]], 2, [(2, 0), (0, 4), (4, 9)]),
    ],
)
def test_every_hole_in_the_numbers_is_found_and_where_they_begin_anew(
    files: list[list[int]], before: int | None, expected: list[tuple[int, int]]
) -> None:
    marks = {} if before is None else {SOURCE: Watermark(START - timedelta(seconds=1), before)}
    read = chunk(*files)
    assert gaps(read.files, file_numbers(read), marks) == [Gap(SOURCE, *hole) for hole in expected]


def test_renumbering_of_a_hub_is_not_counted_as_missing_numbers() -> None:
    hole, anew = Gap(SOURCE, 3, 9), Gap(SOURCE, 9, 3)
    assert ((hole.missing, hole.renumbered), (anew.missing, anew.renumbered)) == ((5, False), (0, True))
    assert str(anew) == "ns/events/0: numbers began anew with 3 after 9"


def test_the_watermark_is_the_last_file_and_the_last_number_that_was_read() -> None:
    marks = chunk([0, 1], [2], []).watermarks({})
    assert marks == {SOURCE: Watermark(START + timedelta(seconds=2), 2)}
    assert chunk([]).watermarks({SOURCE: Watermark(START, 7)}) == {SOURCE: Watermark(START, 7)}


def test_a_watermark_does_not_move_back_over_what_is_committed() -> None:
    ahead = Watermark(START + timedelta(seconds=9), 50)
    assert chunk([0, 1], [2]).watermarks({SOURCE: ahead}) == {SOURCE: ahead}


GOOD = {
    "failed_event_id": "f1",
    "received_at": "2026-03-10T12:00:00Z",
    "stage": "collect",
    "failure_class": "schema_violation",
    "message": "wrong",
    "payload": "/wA=",
}


@pytest.mark.parametrize(
    "bad",
    [
        b"[]",
        b"",
        b"\xff",
        orjson.dumps({**GOOD, "payload": "no base64!"}),
        orjson.dumps({**GOOD, "payload": None}),
        orjson.dumps({**GOOD, "received_at": "0001-01-01T00:00:00+05:00"}),
        orjson.dumps({**GOOD, "received_at": "2026-03-10T12:00:00"}),
        orjson.dumps({**GOOD, "message": 1}),
        orjson.dumps({**GOOD, "site": ["a"]}),
    ],
)
def test_a_body_that_is_no_failed_event_is_kept_as_one(bad: bytes) -> None:
    both = chunk([7, 8], bodies=[orjson.dumps(GOOD), bad])
    first, second = failed_event_rows(both, MARKS).failed.to_pylist()
    assert (first["failed_event_id"], first["payload"], first["stage"]) == ("f1", b"\xff\x00", "collect")
    assert (second["failed_event_id"], second["payload"], second["stage"]) == ("f0#8", bad, "compact")
