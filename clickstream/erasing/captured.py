"""Finds a person's events in captured files and spilled blobs by compaction's rules, and rewrites their records."""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.capture.chunk import Chunk, event_rows, failed_event_rows
from clickstream.capture.decode import decode_file
from clickstream.capture.marks import Mark, Marks, hour
from clickstream.capture.names import CaptureFile
from clickstream.capture.narrowing import failing_records
from clickstream.capture.rewriting import Record, bodies_of, rewrite
from clickstream.erasing.changing import Change
from clickstream.erasing.damaged import UNKNOWN_SITE
from clickstream.erasing.naming import bounded, is_telling
from clickstream.erasing.person import Person

log = logging.getLogger(__name__)


class Finder(Protocol):
    """Selects the rows to erase."""

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask of the rows to erase, one boolean per event, without nulls."""

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Mask of the rows to erase, one boolean per failed event, without nulls."""


@dataclass(frozen=True, slots=True)
class MatchedRecords:
    """The matching records of one file: `marks` maps a sequence number to the mark that may replace the record.

    `events` and `failed` are the numbers of the events and failed events that the collector wrote; other records are
    neither.
    """

    marks: Mapping[int, bytes]
    events: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()


def find_records(
    finder: Finder, person: Person, file: CaptureFile, data: bytes, marks: Marks, *, failed_hub: bool
) -> MatchedRecords:
    """The records of a file that the finder selects. Raise Unreadable.

    A record that cannot be compacted is searched as bytes: it matches if it names the person, and no other site.
    """
    chunk = Chunk([file], decode_file(data))
    find = _find_failed if failed_hub else _find_events
    try:
        return find(finder, chunk, marks)
    except Exception:  # one bad record must not keep the others from erasure
        log.exception("%s has records that cannot be compacted", file.path)

    def check(left_out: Collection[int]) -> None:
        find(finder, chunk.without({file.path: left_out}), marks)

    places = failing_records(chunk.event_count, check, lambda: True)
    matches = find(finder, chunk.without({file.path: places}), marks)
    bodies, numbers = chunk.captured.bodies, chunk.captured.sequence_numbers
    naming = [int(numbers[place]) for place in sorted(places) if _names(bodies[place].as_py(), person)]
    extra_marks = {number: marks.write(Mark(None, hour(file.started_at)), file.path, number) for number in naming}
    return MatchedRecords({**matches.marks, **extra_marks}, matches.events, matches.failed)


def _names(body: bytes, person: Person) -> bool:
    return _site_of(body) in (person.site, UNKNOWN_SITE) and names_in_bytes(body, person.ids)


def _find_events(finder: Finder, chunk: Chunk, marks: Marks) -> MatchedRecords:
    split = event_rows(chunk, marks)
    events = split.events.filter(finder.in_events(split.events))
    others = split.failed.filter(finder.in_failed(split.failed))
    numbers = frozenset(events["sequence_number"].to_pylist())
    return MatchedRecords({**marks.of_rows(others), **marks.of_rows(events)}, events=numbers)


def _find_failed(finder: Finder, chunk: Chunk, marks: Marks) -> MatchedRecords:
    rows = failed_event_rows(chunk, marks).failed
    matches = rows.filter(finder.in_failed(rows))
    collected = matches.filter(pc.not_equal(matches["stage"], "compact"))["sequence_number"]
    return MatchedRecords(marks.of_rows(matches), failed=frozenset(collected.to_pylist()))


def change_records(data: bytes, matches: MatchedRecords, change: Change) -> bytes:
    """The file with these records rewritten by `change`. Raise Unreadable.

    A record of which nothing is left is replaced by its mark, because a missing number would be counted as a lost
    event.
    """

    def changed(record: Record) -> Record:
        body, number = record["Body"] or b"", record["SequenceNumber"]
        replacement = change.event_body(body) if number in matches.events else None
        replacement = change.failed_body(body) if number in matches.failed else replacement
        if replacement is not None:
            return {**record, "Body": replacement}
        return {**record, "Properties": {}, "Body": matches.marks[number]}

    return rewrite(data, frozenset(matches.marks), changed)


def sites_of(data: bytes, numbers: Collection[int]) -> Mapping[str, int]:
    """The number of these records by the site that their bodies name."""
    return Counter(_site_of(body) for body in bodies_of(data, numbers))


def _site_of(body: bytes) -> str:
    try:
        document = orjson.loads(body)
    except ValueError:
        return UNKNOWN_SITE
    site = document.get("site") if isinstance(document, dict) else None
    return site if isinstance(site, str) else UNKNOWN_SITE


def may_hold(data: bytes, ids: Iterable[str]) -> bool:
    """Whether a file of events can contain one of the ids. False is certain. Always True for a deflated file."""
    # An id may be written with escapes that JSON does not require.
    if b"deflate" in data[:1024] or b"\\u" in data or b"\\/" in data:
        return True
    return any(_spelled(id) in data for id in ids)


def names_in_bytes(data: bytes, ids: Iterable[str]) -> bool:
    """Whether damaged bytes of captured events name one of the ids, plainly or within base64."""
    for id in ids:
        spelled = _spelled(id)
        if any(b'"%b":"%b"' % (name, spelled) in data for name in (b"user_id", b"anonymous_id", b"previous_id")):
            return True
        if is_telling(id) and (_is_value(spelled, data) or any(part in data for part in _in_base64(spelled))):
            return True
    return False


def _is_value(spelled: bytes, data: bytes) -> bool:
    return spelled in data and re.search(bounded([spelled.decode()]).encode(), data) is not None


def _spelled(id: str) -> bytes:
    return orjson.dumps(id)[1:-1]


def _in_base64(text: bytes) -> Iterable[bytes]:
    """The text in base64 at each of three byte offsets, without the ends that depend on neighbouring bytes."""
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + text)
        first = 0 if offset == 0 else 4
        last = len(encoded) - (4 if (offset + len(text)) % 3 else 0)
        yield encoded[first:last]
