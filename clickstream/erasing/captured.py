"""A person's events in captured files and spilled blobs: found by the rules of compaction, changed record by record."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import orjson
import pyarrow as pa

from clickstream.compacting.chunk import Chunk, event_rows, failed_event_rows
from clickstream.compacting.decode import decode_file
from clickstream.compacting.files import CaptureFile
from clickstream.erasing.avro import Record, rewrite
from clickstream.erasing.changing import Change
from clickstream.erasing.erased import mark_of
from clickstream.erasing.naming import TELLING_LENGTH


class Finder(Protocol):
    """Says of each row whether it is to go."""

    def in_events(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each event, true where it is."""

    def in_failed(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of each failed event, true where it is."""


@dataclass(frozen=True, slots=True)
class Found:
    """Sequence numbers of records in one file: of events, of failed events, and of what is neither."""

    events: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    others: frozenset[int] = frozenset()

    @property
    def all(self) -> frozenset[int]:
        """Every number."""
        return self.events | self.failed | self.others


def find_records(finder: Finder, file: CaptureFile, data: bytes, *, failed_hub: bool) -> Found:
    """The records of a file that the finder means. Raise Unreadable."""
    chunk = Chunk([file], decode_file(data))
    if failed_hub:
        rows = failed_event_rows(chunk).failed
        meant = rows.filter(finder.in_failed(rows)).select(["sequence_number", "stage"])
        told = [(number, stage) for number, stage in zip(*meant.to_pydict().values(), strict=True)]
        return Found(
            failed=frozenset(number for number, stage in told if stage != "compact"),
            others=frozenset(number for number, stage in told if stage == "compact"),
        )
    made = event_rows(chunk)
    events = made.events.filter(finder.in_events(made.events))["sequence_number"]
    others = made.failed.filter(finder.in_failed(made.failed))["sequence_number"]
    return Found(events=frozenset(events.to_pylist()), others=frozenset(others.to_pylist()))


def change_records(data: bytes, found: Found, change: Change) -> bytes:
    """The file with these records changed. Raise Unreadable.

    A mark stands in for a record of which nothing is left: a missing number would tell of a lost event.
    """

    def changed(record: Record) -> Record:
        body, number = record["Body"] or b"", record["SequenceNumber"]
        left = change.event_body(body) if number in found.events else None
        left = change.failed_body(body) if number in found.failed else left
        if left is not None:
            return {**record, "Body": left}
        return {**record, "Properties": {}, "Body": mark_of(body)}

    return rewrite(data, found.all, changed)


def may_hold(data: bytes, ids: Iterable[str]) -> bool:
    """Whether a file of events can name one of the ids at all. False is certain, unless the file is packed."""
    # An id may be spelled with escapes that JSON does not ask for.
    if b"deflate" in data[:1024] or b"\\u" in data or b"\\/" in data:
        return True
    return any(_spelled(id) in data for id in ids)


def names_in_bytes(data: bytes, ids: Iterable[str]) -> bool:
    """Whether damaged bytes of captured events name one of the ids, plainly or within base64."""
    for id in ids:
        spelled = _spelled(id)
        if any(b'"%b":"%b"' % (name, spelled) in data for name in (b"user_id", b"anonymous_id", b"previous_id")):
            return True
        if len(id) >= TELLING_LENGTH and any(part in data for part in (spelled, *_in_base64(spelled))):
            return True
    return False


def _spelled(id: str) -> bytes:
    return orjson.dumps(id)[1:-1]


def _in_base64(text: bytes) -> Iterable[bytes]:
    """What base64 makes of the text at each of three offsets, without the ends that depend on its neighbours."""
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + text)
        first = 0 if offset == 0 else 4
        last = len(encoded) - (4 if (offset + len(text)) % 3 else 0)
        yield encoded[first:last]
