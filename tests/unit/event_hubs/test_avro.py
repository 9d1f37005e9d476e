"""Capture's files, byte for byte and through an independent reader."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.event_hubs.avro import SCHEMA, Record, enqueued_text, write_file

SYNC = bytes(range(16))
VALUES: st.SearchStrategy[Any] = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=50)
    | st.binary(max_size=50)
)
RECORDS = st.builds(
    Record,
    st.integers(0, 2**62),
    st.integers(0, 2**62),
    st.integers(0, 4_000_000_000_000),
    st.dictionaries(st.text(max_size=20), VALUES.filter(lambda value: value is not None), max_size=4),
    st.dictionaries(st.text(max_size=20), VALUES, max_size=4),
    st.binary(max_size=20_000),
)


def test_the_schema_is_the_services_own_text() -> None:
    assert len(SCHEMA) == 438
    assert hashlib.sha256(SCHEMA.encode()).hexdigest().startswith("0b50d4fa33a961d5")


def test_an_empty_file_has_508_bytes_and_no_record() -> None:
    data = write_file([], SYNC)
    assert len(data) == 508
    assert data[474:490] == SYNC == data[-16:]
    assert list(fastavro.reader(BytesIO(data))) == []


@given(st.lists(RECORDS, max_size=12))
def test_what_is_written_is_read_back_by_an_independent_reader(records: list[Record]) -> None:
    read = list(fastavro.reader(BytesIO(write_file(records, SYNC))))
    assert read == [
        {
            "SequenceNumber": record.sequence,
            "Offset": str(record.offset),
            "EnqueuedTimeUtc": enqueued_text(record.enqueued_ms),
            "SystemProperties": dict(record.system_properties),
            "Properties": dict(record.properties),
            "Body": record.body,
        }
        for record in records
    ]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (1670604685999, "12/9/2022 4:51:25 PM"),
        (1704067200000, "1/1/2024 12:00:00 AM"),
        (1704110400000, "1/1/2024 12:00:00 PM"),
    ],
)
def test_the_enqueued_time_is_written_as_the_service_writes_it(milliseconds: int, text: str) -> None:
    assert enqueued_text(milliseconds) == text


@pytest.mark.parametrize(("value", "read"), [(True, "True"), (2**63, str(2**63)), ([1, "a"], "[1, 'a']")])
def test_a_value_avro_has_no_type_for_is_kept_as_text(value: object, read: str) -> None:
    record = Record(0, 0, 0, {}, {"value": value}, b"")
    (found,) = fastavro.reader(BytesIO(write_file([record], SYNC)))
    assert found["Properties"] == {"value": read}  # type: ignore[index, call-overload]
