"""A person's records in a captured file, beside records at which compaction fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from clickstream.capture.decode import decode_file
from clickstream.capture.marks import Mark
from clickstream.capture.names import parse_name
from clickstream.capture.spill import Record, encode_records
from clickstream.erasing.captured import change_records, find_records
from clickstream.erasing.changing import Removal
from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.person import Person
from clickstream.model.event import Event

MARKS = ErasureKeys.derive("0123456789abcdef").marks
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
PATH = "ns/events/0/2026/03/10/12/00/00.avro"


@dataclass
class Faulty:
    """Finds a device, and raises at one title of a page."""

    device: str

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        if "poison" in rows["page_title"].to_pylist():
            raise ZeroDivisionError
        return pc.fill_null(pc.equal(rows["anonymous_id"], self.device), False)

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        return pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])


JANE = Person("shop", frozenset(), frozenset({"jane"}), START)


def event(device: str, title: str, site: str = "shop") -> bytes:
    return Event(
        event_id=f"{device}-{title}",
        site=site,
        event_type="page_view",
        event_name="page_view",
        received_at=START,
        occurred_at=START,
        consent="full",
        dialect="plain",
        fingerprint="f",
        anonymous_id=device,
        page_title=title,
    ).to_json()


def test_a_record_that_cannot_be_looked_at_is_erased_if_its_bytes_name_the_person_and_hides_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bodies = [
        event("jane", "a"),
        event("jane", "poison"),
        event("joe", "poison"),
        event("joe", "b"),
        event("jane", "c"),
    ]
    data = encode_records(Record(number, START, body) for number, body in enumerate(bodies))
    file = parse_name(PATH, len(data))
    assert file is not None
    with caplog.at_level(logging.ERROR):
        found = find_records(Faulty("jane"), JANE, file, data, MARKS, failed_hub=False)
    assert sorted(found.marks) == [0, 1, 4]
    assert "ZeroDivisionError" in caplog.text
    left = decode_file(change_records(data, found, Removal())).bodies.to_pylist()
    assert left[2:4] == bodies[2:4]
    assert [MARKS.read(left[number], PATH, number) for number in (0, 1, 4)] == [
        Mark("shop", START),
        Mark(None, START),
        Mark("shop", START),
    ]


def test_a_record_of_another_site_that_cannot_be_looked_at_stays_whoever_it_names() -> None:
    bodies = [event("jane", "poison", site="blog"), event("jane", "poison")]
    data = encode_records(Record(number, START, body) for number, body in enumerate(bodies))
    file = parse_name(PATH, len(data))
    assert file is not None
    assert sorted(find_records(Faulty("jane"), JANE, file, data, MARKS, failed_hub=False).marks) == [1]
