"""Marks of erasure: read where they were written for, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.capture.marks import Mark, Marks
from clickstream.erasing.erased import ErasureKeys

HOUR = datetime(2026, 3, 10, 12, tzinfo=UTC)
MARKS = ErasureKeys.derive("0123456789abcdef").marks
PATH = "ns/events/0/2026/03/10/12/00/00.avro"
MARK = Mark("shop", HOUR)
BODY = MARKS.write(MARK, PATH, 7)


@given(
    st.builds(
        Mark,
        st.none() | st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True),
        st.integers(-60_000, 60_000).map(lambda hours: HOUR + timedelta(hours=hours)),
    ),
    st.text(max_size=200).filter(lambda path: path.isprintable()),
    st.integers(-(2**63), 2**63 - 1),
)
def test_a_mark_is_read_as_it_was_written(mark: Mark, path: str, number: int) -> None:
    assert MARKS.read(MARKS.write(mark, path, number), path, number) == mark


@pytest.mark.parametrize(
    ("path", "number", "marks"),
    [
        (PATH, 8, MARKS),
        (PATH.replace("/0/", "/1/"), 7, MARKS),
        (f"{PATH}\x007", 7, MARKS),
        (PATH, 7, ErasureKeys.derive("another secret of ours").marks),
    ],
    ids=["another record", "another file", "another way to cut path and number", "another key"],
)
def test_a_mark_that_was_moved_or_made_with_another_key_is_a_body_like_any_other(
    path: str, number: int, marks: Marks
) -> None:
    assert MARKS.read(BODY, PATH, 7) == MARK
    assert marks.read(BODY, path, number) is None


@pytest.mark.parametrize(
    "content",
    [
        True,
        None,
        "x",
        5,
        [],
        {},
        {"site": 5},
        {"site": "Not A Site"},
        {"site": "a" * 64},
        {"site": {"a": 1}},
        {"received_at": "x"},
        {"received_at": 5},
        {"received_at": None},
        {"received_at": "2026-03-10T12:00:00"},
        {"received_at": "2026-03-10T12:30:00+00:00"},
        {"received_at": "0001-01-01T00:00:00+14:00"},
        {"request_accepted": 1},
        {"one": "more"},
    ],
    ids=repr,
)
def test_no_field_is_believed_unchecked_even_with_the_right_code(content: Any) -> None:
    good = {"site": "shop", "received_at": HOUR.isoformat()}
    forged = {**good, **content} if isinstance(content, dict) and content else content
    # `_code` is what an attacker lacks; here it is given away.
    body = orjson.dumps({"erased": forged, "code": MARKS._code(forged, PATH, 7)})
    assert MARKS.read(body, PATH, 7) is None


@given(st.binary(max_size=300), st.integers(0, len(BODY)))
def test_any_other_bytes_are_no_mark(noise: bytes, at: int) -> None:
    for body in (noise, b'{"erased":' + noise, BODY[:at] + noise, BODY[:at] + noise + BODY[at:]):
        if body != BODY:
            assert MARKS.read(body, PATH, 7) is None


def test_marks_of_rows_are_read_again_and_hold_what_is_counted() -> None:
    import pyarrow as pa

    zone = timezone(timedelta(hours=5, minutes=30))
    rows = pa.table(
        {
            "capture_file": [PATH] * 3,
            "sequence_number": [1, 2, 3],
            "site": ["shop", None, "No Site Of Ours"],
            "hub_partition": ["0"] * 3,
            "received_at": [datetime(2026, 3, 10, 17, 59, 59, 999, zone), HOUR, HOUR],
            "user_id": ["jane"] * 3,
        }
    )
    marks = MARKS.of_rows(rows)
    assert [MARKS.read(body, PATH, number) for number, body in marks.items()] == [
        Mark("shop", HOUR),
        Mark(None, HOUR),
        Mark(None, HOUR),
    ]
    assert not any(b"jane" in body for body in marks.values())
