"""Prepares files and records for quarantine, with the reason."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from clickstream.capture.decode import Captured, Content, decode_file
from clickstream.capture.names import CaptureFile, HubPartition, Watermark
from clickstream.capture.quarantine import Note
from clickstream.capture.spill import EPOCH, Record, encode_records
from clickstream.compacting.reading import Damaged

MICROSECOND = timedelta(microseconds=1)
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Aside:
    """Bytes and their note, as arguments of `Quarantine.put`."""

    data: bytes
    note: Note


def whole_file(damaged: Damaged, marks: Mapping[HubPartition, Watermark] | None, at: datetime) -> Aside:
    """A whole file, with the partition's watermark before it."""
    mark = (marks or {}).get(damaged.file.source)
    after = mark.sequence_number if mark is not None and mark.file_started_at is not None else None
    note = Note(damaged.file.path, damaged.problem, at.isoformat(), after=after)
    return Aside(bytes(damaged.content), note)


def some_records(file: CaptureFile, content: Content, places: Collection[int], reason: str, at: datetime) -> Aside:
    """An Avro file of the records at these places (from 0), with their bodies, numbers and times. Raise Unreadable."""
    data = encode_records(_record(decode_file(content), place) for place in sorted(places))
    return Aside(data, Note(file.path, reason, at.isoformat(), len(places)))


def _record(captured: Captured, place: int) -> Record:
    moment = EPOCH + int(captured.enqueued_us[place]) * MICROSECOND
    return Record(int(captured.sequence_numbers[place]), moment, captured.bodies[place].as_py())


def place_of(error: BaseException) -> str:
    """The error's type, file and line in this product. The message is left out because it may contain event data."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    where = f" at {Path(frames[-1].filename).relative_to(PACKAGE.parent)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
