"""Captured files in which some records are changed: all others stay as they are, byte for byte."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.capture.decode import Unreadable
from clickstream.capture.rewriting import Record, rewrite
from clickstream.capture.spill import SCHEMA
from local.event_hubs.avro import Record as Captured
from local.event_hubs.avro import write_file

VALUES = st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5) | st.binary(max_size=5) | st.floats(allow_nan=False)
BODIES = st.lists(st.tuples(st.binary(max_size=100) | st.just(b"x" * 40_000), VALUES), max_size=8)


def file_of(bodies: list[tuple[bytes, Any]], codec: str = "null") -> bytes:
    if codec == "null":
        records = [
            Captured(number, number, 1_000 + number, {"x-opt-enqueued-time": 1_000 + number}, {"value": value}, body)
            for number, (body, value) in enumerate(bodies)
        ]
        return write_file(records, b"\x07" * 16)
    file = io.BytesIO()
    rows = [
        {
            "SequenceNumber": number,
            "Offset": str(number),
            "EnqueuedTimeUtc": "1/1/2026 1:00:00 AM",
            "SystemProperties": {},
            "Properties": {"value": value},
            "Body": body,
        }
        for number, (body, value) in enumerate(bodies)
    ]
    fastavro.writer(file, fastavro.parse_schema(SCHEMA), rows, codec=codec, sync_interval=1000)
    return file.getvalue()


def read(data: bytes) -> list[Any]:
    return list(fastavro.reader(io.BytesIO(data)))


@given(BODIES, st.frozensets(st.integers(0, 9)), st.sampled_from(["null", "deflate"]))
def test_only_the_records_that_were_named_change(
    bodies: list[tuple[bytes, Any]], numbers: frozenset[int], codec: str
) -> None:
    data = file_of(bodies, codec)
    before = read(data)

    def emptied(record: Record) -> Record:
        return {**record, "Body": b"gone"}

    after = rewrite(data, numbers, emptied)
    assert read(after) == [{**row, "Body": b"gone"} if row["SequenceNumber"] in numbers else row for row in before]


@given(BODIES)
def test_a_file_in_which_nothing_is_meant_stays_byte_for_byte(bodies: list[tuple[bytes, Any]]) -> None:
    data = file_of(bodies)
    assert rewrite(data, frozenset(), lambda record: record) == data


def test_a_damaged_file_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        rewrite(file_of([(b"a", 1), (b"b", 2)])[:-20], frozenset({0}), lambda record: record)


def test_a_sender_whose_property_is_no_utf_8_keeps_nobody_from_being_erased() -> None:
    data = file_of([(b"a", "STRANGE"), (b"b", 2)]).replace(b"STRANGE", b"\xff\xfeANGE\x80")
    after = rewrite(data, frozenset({0}), lambda record: {**record, "Body": b"gone"})
    assert [row["Body"] for row in read(after)] == [b"gone", b"b"]
