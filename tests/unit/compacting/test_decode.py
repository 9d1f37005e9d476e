"""Capture's Avro: whole files, and what damage does."""

from __future__ import annotations

from io import BytesIO

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.compacting.decode import Captured, Unreadable, decode_file
from local.event_hubs.avro import Record, write_file

ENQUEUED_MS = 1_773_144_000_123
RECORDS = [
    Record(n, n * 100, ENQUEUED_MS + n, {"x-opt-enqueued-time": ENQUEUED_MS + n}, {}, b"body %d" % n) for n in range(20)
]
FILE = write_file(RECORDS, b"\x07" * 16)


def test_a_whole_file_is_its_events() -> None:
    captured = decode_file(FILE)
    assert captured.sequence_numbers == list(range(20))
    assert captured.bodies == [record.body for record in RECORDS]
    assert captured.enqueued_us == [(ENQUEUED_MS + n) * 1000 for n in range(20)]


def test_a_file_without_events_has_none() -> None:
    assert decode_file(b"") == decode_file(write_file([], b"\x07" * 16)) == Captured()


def test_without_the_exact_moment_the_stated_second_counts() -> None:
    stated = [Record(0, 0, ENQUEUED_MS, {}, {}, b"")]
    assert decode_file(write_file(stated, b"\x07" * 16)).enqueued_us == [ENQUEUED_MS // 1000 * 1_000_000]


def test_avro_of_another_schema_is_refused() -> None:
    other = BytesIO()
    schema = {"type": "record", "name": "Other", "fields": [{"name": "Body", "type": "bytes"}]}
    fastavro.writer(other, fastavro.parse_schema(schema), [{"Body": b"x"}])
    with pytest.raises(Unreadable):
        decode_file(other.getvalue())


def test_a_moment_that_is_none_makes_the_file_unreadable() -> None:
    with pytest.raises(Unreadable):
        decode_file(write_file([Record(0, 0, 0, {"x-opt-enqueued-time": 2**62}, {}, b"")], b"\x07" * 16))


@given(st.integers(1, len(FILE) - 1))
def test_a_cut_file_is_refused_whole(length: int) -> None:
    with pytest.raises(Unreadable):
        decode_file(FILE[:length])


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_read_but_never_breaks_out(at: int, flip: int) -> None:
    damaged = FILE[:at] + bytes([FILE[at] ^ flip]) + FILE[at + 1 :]
    try:
        captured = decode_file(damaged)
    except Unreadable:
        return
    assert len(captured.bodies) == len(captured.sequence_numbers) == len(captured.enqueued_us)
