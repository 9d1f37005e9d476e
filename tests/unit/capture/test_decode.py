"""Capture's Avro: whole files, and what damage does."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.capture.decode import Captured, Unreadable, decode_file, decode_files
from clickstream.capture.spill import SCHEMA
from local.event_hubs.avro import Record, write_file

ENQUEUED_MS = 1_773_144_000_123
RECORDS = [
    Record(n, n * 100, ENQUEUED_MS + n, {"x-opt-enqueued-time": ENQUEUED_MS + n}, {}, b"body %d" % n) for n in range(20)
]
FILE = write_file(RECORDS, b"\x07" * 16)
EMPTY = write_file([], b"\x07" * 16)
NOTHING: tuple[list[int], list[int], list[bytes]] = ([], [], [])


def columns(captured: Captured) -> tuple[list[int], list[int], list[bytes]]:
    return captured.sequence_numbers.tolist(), captured.enqueued_us.tolist(), captured.bodies.to_pylist()


def as_fastavro_reads(files: Sequence[bytes]) -> tuple[list[int], list[int], list[bytes]]:
    """The same from another reader, for records that tell the exact moment."""
    records: list[Any] = [record for file in files for record in fastavro.reader(BytesIO(file))]
    return (
        [record["SequenceNumber"] for record in records],
        [record["SystemProperties"]["x-opt-enqueued-time"] * 1000 for record in records],
        [record["Body"] or b"" for record in records],
    )


def test_a_whole_file_is_its_events() -> None:
    numbers, enqueued_us, bodies = columns(decode_file(FILE))
    assert numbers == list(range(20))
    assert bodies == [record.body for record in RECORDS]
    assert enqueued_us == [(ENQUEUED_MS + n) * 1000 for n in range(20)]


def test_a_file_without_events_has_none() -> None:
    assert columns(decode_file(b"")) == columns(decode_file(EMPTY)) == NOTHING


def test_without_the_exact_moment_the_stated_second_counts() -> None:
    records = [Record(0, 0, ENQUEUED_MS, {}, {}, b"")]
    seconds = ENQUEUED_MS // 1000 * 1_000_000
    assert decode_file(write_file(records, b"\x07" * 16)).enqueued_us.tolist() == [seconds]
    many = decode_files([write_file(records, b"\x07" * 16)] * 60)
    assert many.enqueued_us.tolist() == [seconds] * 60


@pytest.mark.parametrize("copies", [1, 60], ids=["few blocks", "many blocks"])
@pytest.mark.parametrize("place", ["property", "name of a property", "system property"])
def test_a_sender_whose_property_is_no_utf_8_makes_no_captured_file_unreadable(place: str, copies: int) -> None:
    by_place: dict[str, dict[str, Any]] = {"property": {"page": "STRANGE"}, "name of a property": {"STRANGE": 1}}
    strange = by_place.get(place, {})
    system = {"x-opt-enqueued-time": ENQUEUED_MS} | ({"x-opt-page": "STRANGE"} if place == "system property" else {})
    records = [Record(n, n, ENQUEUED_MS, system, strange if n == 1 else {}, b"body %d" % n) for n in range(3)]
    file = write_file(records, b"\x07" * 16).replace(b"STRANGE", b"\xff\xfeANGE\x80")
    assert columns(decode_files([file] * copies)) == (
        [0, 1, 2] * copies,
        [ENQUEUED_MS * 1000] * 3 * copies,
        [b"body 0", b"body 1", b"body 2"] * copies,
    )


def test_avro_of_another_schema_is_refused() -> None:
    other = BytesIO()
    schema = {"type": "record", "name": "Other", "fields": [{"name": "Body", "type": "bytes"}]}
    fastavro.writer(other, fastavro.parse_schema(schema), [{"Body": b"x"}])
    with pytest.raises(Unreadable):
        decode_file(other.getvalue())


def test_a_moment_that_is_none_makes_the_file_unreadable() -> None:
    with pytest.raises(Unreadable):
        decode_file(write_file([Record(0, 0, 0, {"x-opt-enqueued-time": 2**62}, {}, b"")], b"\x07" * 16))


# A cut behind the header leaves a file without blocks, which is a sound one.
@given(st.integers(1, len(FILE) - 1).filter(lambda length: length != len(EMPTY) - 18))
def test_a_cut_file_is_refused_whole(length: int) -> None:
    with pytest.raises(Unreadable):
        decode_file(FILE[:length])


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_read_but_never_loses_a_row(at: int, flip: int) -> None:
    damaged = FILE[:at] + bytes([FILE[at] ^ flip]) + FILE[at + 1 :]
    for files in ([damaged], [EMPTY, damaged, *[FILE] * 59]):
        captured = decode_files(files)
        numbers, enqueued_us, bodies = columns(captured)
        assert len(numbers) == len(enqueued_us) == len(bodies) == sum(captured.counts)
        if captured.unreadable:
            assert [*captured.unreadable] == [files.index(damaged)]
            assert len(bodies) == 20 * files.count(FILE)
        else:
            assert len(bodies) == 20 * (files.count(FILE) + 1)


def test_a_damaged_file_is_refused_alone() -> None:
    captured = decode_files([FILE[:100], FILE, FILE[:-20], b"no avro", *[FILE] * 60])
    assert sorted(captured.unreadable) == [0, 2, 3]
    assert captured.counts == [0, 20, 0, 0, *[20] * 60]
    assert captured.bodies.to_pylist() == [record.body for record in RECORDS] * 61


def test_records_behind_the_last_that_a_block_counts_make_the_file_unreadable() -> None:
    at = EMPTY.index(b"\x07" * 16) + 16
    assert FILE[at] == 40
    with pytest.raises(Unreadable):
        decode_file(FILE[:at] + bytes([38]) + FILE[at + 1 :])


PROPERTIES = st.dictionaries(
    st.text(max_size=4),
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=70) | st.binary(max_size=70),
    max_size=4,
)
MOMENTS = st.integers(-62_135_596_800_000, 253_402_300_799_000).map(lambda ms: {"x-opt-enqueued-time": ms})
FIELDS = st.fixed_dictionaries(
    {
        "SequenceNumber": st.integers(-(2**63), 2**63 - 1),
        "Offset": st.text(max_size=5),
        "EnqueuedTimeUtc": st.text(max_size=5),
        "SystemProperties": st.builds(
            lambda some, moment, more: {**some, **moment, **more}, PROPERTIES, MOMENTS, PROPERTIES
        ),
        "Properties": PROPERTIES | st.dictionaries(st.text(max_size=4), st.none(), max_size=2),
        "Body": st.none() | st.binary(max_size=40) | st.binary(min_size=200, max_size=20_000),
    }
)


@given(
    st.lists(FIELDS, min_size=1, max_size=5),
    st.sampled_from([1, 300, 16_000]),
    st.sampled_from(["null", "null", "deflate"]),
    st.integers(1, 60),
)
@settings(max_examples=150)
def test_any_file_is_read_as_fastavro_reads_it(
    records: list[dict[str, Any]], block_bytes: int, codec: str, times: int
) -> None:
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(SCHEMA), records * times, codec=codec, sync_interval=block_bytes)
    files = [file.getvalue(), EMPTY, file.getvalue(), *[FILE] * 60]
    captured = decode_files(files)
    assert captured.unreadable == {}
    assert columns(captured) == as_fastavro_reads(files)
    assert captured.counts == [len(records) * times, 0, len(records) * times, *[20] * 60]


def long(value: int) -> bytes:
    encoded = BytesIO()
    fastavro.schemaless_writer(encoded, "long", value)
    return encoded.getvalue()


def text(value: bytes) -> bytes:
    return long(len(value)) + value


def test_maps_in_counted_runs_are_read() -> None:
    # Avro allows several runs, and a negative count with the run's bytes.
    def item(key: bytes, value: bytes) -> bytes:
        return text(key) + value

    moment = item(b"x-opt-enqueued-time", long(0) + long(ENQUEUED_MS))
    other = item(b"x-opt-partition-key", long(2) + text(b"key"))
    runs = long(1) + other + long(-2) + long(len(moment + other)) + moment + other + long(0)
    record = long(7) + text(b"1") + text(b"") + runs + long(0) + long(1) + text(b"the body of the event")
    header = EMPTY[: EMPTY.index(b"\x07" * 16) + 16]
    block = long(2) + long(len(record) * 2) + record * 2 + b"\x07" * 16
    for files in ([header + block], [header + block * 60]):
        assert columns(decode_files(files)) == as_fastavro_reads(files)
        assert set(decode_files(files).enqueued_us.tolist()) == {ENQUEUED_MS * 1000}
