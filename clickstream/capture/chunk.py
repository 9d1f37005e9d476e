"""Turns a chunk of captured files into rows with lineage, and into failed events."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from clickstream.capture.body_columns import Parsed, parse_events
from clickstream.capture.body_fallback import Failure, read_moment
from clickstream.capture.decode import Captured
from clickstream.capture.marks import COLUMNS as COUNTED_COLUMNS
from clickstream.capture.marks import Marks
from clickstream.capture.names import CaptureFile, HubPartition, Watermark
from clickstream.model.event import FailedEvent
from clickstream.model.schema import EVENT_COLUMNS, FAILED_COLUMNS, TIMESTAMP, arrow_schema

MAX_PAYLOAD_BYTES = 32_768
_FAILED_FIELDS = tuple(name for name in FailedEvent.__dataclass_fields__)
_ERASED_SCHEMA = pa.schema([field for field in arrow_schema(FAILED_COLUMNS) if field.name in COUNTED_COLUMNS])


@dataclass(frozen=True, slots=True)
class Chunk:
    """Captured files that were read together, and their events, both in order."""

    files: Sequence[CaptureFile] = ()
    captured: Captured = field(default_factory=Captured)

    @property
    def event_count(self) -> int:
        """The number of events in all files."""
        return sum(self.captured.counts)

    @staticmethod
    def joined(chunks: Sequence[Chunk]) -> Chunk:
        """Concatenate chunks, without their bodies."""
        captured = [chunk.captured for chunk in chunks]
        return Chunk(
            [file for chunk in chunks for file in chunk.files],
            Captured(
                [count for each in captured for count in each.counts],
                np.concatenate([Captured().sequence_numbers, *(each.sequence_numbers for each in captured)]),
                np.concatenate([Captured().enqueued_us, *(each.enqueued_us for each in captured)]),
            ),
        )

    def without_bodies(self) -> Chunk:
        """The same chunk without bodies, to free their memory."""
        return replace(self, captured=replace(self.captured, bodies=pa.chunked_array([], pa.binary_view())))

    def without(self, places: Mapping[str, Collection[int]]) -> Chunk:
        """The same files without the records at these places (from 0), by path of the file."""
        mask = np.ones(self.event_count, np.bool_)
        counts = []
        for file, events in self.per_file():
            left_out = list(places.get(file.path, ()))
            mask[events][left_out] = False
            counts.append(events.stop - events.start - len(left_out))
        captured = self.captured
        return Chunk(
            self.files,
            Captured(
                counts,
                captured.sequence_numbers[mask],
                captured.enqueued_us[mask],
                captured.bodies.cast(pa.binary()).filter(pa.array(mask)),
            ),
        )

    def lineage(self) -> pa.Table:
        """One row per event, in order: hub, hub_partition, capture_file, sequence_number, enqueued_at.

        `hub` is a column of failed events only.
        """
        places = pa.array(np.repeat(np.arange(len(self.files), dtype=np.int32), self.captured.counts))

        def per_event(values: Sequence[str]) -> pa.Array:
            return pa.array(values, pa.string()).take(places)

        return pa.table(
            {
                "hub": per_event([file.source.hub for file in self.files]),
                "hub_partition": per_event([file.source.partition for file in self.files]),
                "capture_file": per_event([file.path for file in self.files]),
                "sequence_number": self.captured.sequence_numbers,
                "enqueued_at": pa.array(self.captured.enqueued_us).cast(TIMESTAMP),
            }
        )

    def per_file(self) -> Iterator[tuple[CaptureFile, slice]]:
        """Every file with the slice of its events."""
        ends = list(accumulate(self.captured.counts))
        for file, count, end in zip(self.files, self.captured.counts, ends, strict=True):
            yield file, slice(end - count, end)

    def watermarks(self, before: Mapping[HubPartition, Watermark]) -> dict[HubPartition, Watermark]:
        """The watermarks of the chunk's partitions after its commit, never lower than before."""
        after = {file.source: before.get(file.source, Watermark()) for file in self.files}
        for file, events in self.per_file():
            if after[file.source].covers(file):
                continue
            numbers = self.captured.sequence_numbers[events]
            reached = int(numbers[-1]) if len(numbers) else after[file.source].sequence_number
            after[file.source] = Watermark(file.started_at, reached)
        return after


@dataclass(frozen=True, slots=True)
class FileNumbers:
    """Sequence numbers of one captured file: the first, the last, and adjacent pairs that are not consecutive."""

    first: int
    last: int
    breaks: Sequence[tuple[int, int]]


def file_numbers(chunk: Chunk) -> Mapping[str, FileNumbers]:
    """By path of the file; files without events are left out."""
    by_path: dict[str, FileNumbers] = {}
    for file, events in chunk.per_file():
        numbers = chunk.captured.sequence_numbers[events]
        if len(numbers):
            at = np.flatnonzero(np.diff(numbers) != 1)
            breaks = list(zip(numbers[at].tolist(), numbers[at + 1].tolist(), strict=True))
            by_path[file.path] = FileNumbers(int(numbers[0]), int(numbers[-1]), breaks)
    return by_path


@dataclass(frozen=True, slots=True)
class Gap:
    """Two adjacent sequence numbers of a partition in the captured files that are not consecutive.

    If `before` is higher than `after`, events are in no file. Otherwise the hub numbers anew: it was created again, or
    lost its events.
    """

    source: HubPartition
    after: int
    before: int

    @property
    def renumbered(self) -> bool:
        """Whether the numbers began anew. How many events the hub lost, if any, is unknown then."""
        return self.before <= self.after

    @property
    def missing(self) -> int:
        """The number of sequence numbers that are in no file; 0 if renumbered."""
        return 0 if self.renumbered else self.before - self.after - 1

    def __str__(self) -> str:
        if self.renumbered:
            return f"{self.source.prefix}: numbers began anew with {self.before} after {self.after}"
        return f"{self.source.prefix}: no file holds the events between {self.after} and {self.before}"


def gaps(
    files: Sequence[CaptureFile], numbers: Mapping[str, FileNumbers], before: Mapping[HubPartition, Watermark]
) -> Sequence[Gap]:
    """Gaps in these files' numbers, in order, and to the watermarks `before` them. `numbers` are by path."""
    result: list[Gap] = []
    last = {source: mark.sequence_number for source, mark in before.items() if mark.file_started_at is not None}
    for file in files:
        if (own := numbers.get(file.path)) is None:
            continue
        previous = last.get(file.source, own.first - 1)
        pairs = [(previous, own.first), *own.breaks]
        result += [Gap(file.source, after, before) for after, before in pairs if before != after + 1]
        last[file.source] = own.last
    return result


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a chunk, with copies.

    `events` has the columns of bodies, those of `Chunk.lineage` except `hub`, and `event_date`. `failed` has
    FAILED_COLUMNS. `erased` has site, hub_partition and received_at, one row per mark of an erasure.
    """

    events: pa.Table
    failed: pa.Table
    erased: pa.Table

    @staticmethod
    def joined(rows: Sequence[Rows]) -> Rows:
        """Concatenate the rows of a chunk's parts."""
        return Rows(
            pa.concat_tables([each.events for each in rows]),
            pa.concat_tables([each.failed for each in rows]),
            pa.concat_tables([each.erased for each in rows]),
        )


def event_rows(chunk: Chunk, marks: Marks, parse: Callable[[pa.ChunkedArray], Parsed] = parse_events) -> Rows:
    """The rows of a chunk of the hub of events: events, failed events for other bodies, and marks of erasures."""
    bodies = chunk.captured.bodies
    lineage = chunk.lineage()
    parsed = parse(bodies)
    events = _beside(parsed.events, lineage.take(parsed.events["row"])).drop_columns(["row", "hub"])
    dates = events["occurred_at"].cast(pa.date32())
    failed, erased = _failed_at_compaction(parsed.failures, bodies, lineage, marks)
    return Rows(events.append_column("event_date", dates), failed, erased)


def failed_event_rows(chunk: Chunk, marks: Marks) -> Rows:
    """The rows of a chunk of the hub of failed events. Any other body becomes a failed event of the stage `compact`."""
    bodies = chunk.captured.bodies
    lineage = chunk.lineage()
    good: list[dict[str, Any]] = []
    at: list[int] = []
    failures: list[Failure] = []
    for row, body in enumerate(bodies.to_pylist()):
        try:
            good.append(_read_failed(body))
            at.append(row)
        except (ValueError, TypeError, KeyError) as error:
            failures.append(Failure(row, "schema_violation", "", f"no failed event: {error}"))
    collected = _failed_table(good, lineage.take(pa.array(at, pa.int64())))
    failed, erased = _failed_at_compaction(failures, bodies, lineage, marks)
    return Rows(arrow_schema(EVENT_COLUMNS).empty_table(), pa.concat_tables([collected, failed]), erased)


def _read_failed(body: bytes) -> dict[str, Any]:
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    row = {name: value.get(name) for name in _FAILED_FIELDS}
    row["payload"] = b64decode(value["payload"], validate=True)
    row["received_at"] = read_moment(value["received_at"])
    row["payload_truncated"] = bool(value.get("payload_truncated", False))
    row["pointer"] = value.get("pointer", "")
    row["seen"] = orjson.dumps(value.get("seen") or {}).decode()
    for name in ("failed_event_id", "stage", "failure_class", "message"):
        if not isinstance(row[name], str) or not row[name]:
            raise TypeError(f"{name} is required")
    for name in ("site", "dialect", "pointer", "key_kind", "stream"):
        if not isinstance(row[name], str | None):
            raise TypeError(f"{name} must be text")
    return row


def _failed_at_compaction(
    failures: Sequence[Failure], bodies: pa.ChunkedArray, lineage: pa.Table, marks: Marks
) -> tuple[pa.Table, pa.Table]:
    """Failed events for the failures, and the marks of erasures among them.

    The id of such a failed event is its file and number, so that reading it again gives the same id.
    """
    rows, at, erased = [], [], []
    origins = lineage.take(pa.array([failure.row for failure in failures], pa.int64())).to_pylist()
    for failure, origin in zip(failures, origins, strict=True):
        body = bodies[failure.row].as_py()
        mark = marks.read(body, origin["capture_file"], origin["sequence_number"])
        if mark is not None:
            erased.append({**asdict(mark), "hub_partition": origin["hub_partition"]})
            continue
        at.append(failure.row)
        rows.append(
            {
                "failed_event_id": f"{origin['capture_file']}#{origin['sequence_number']}",
                "site": _site_of(body),
                "received_at": origin["enqueued_at"],
                "stage": "compact",
                "failure_class": failure.failure_class,
                "pointer": failure.pointer,
                "message": failure.message,
                "dialect": None,
                "payload": body[:MAX_PAYLOAD_BYTES],
                "payload_truncated": len(body) > MAX_PAYLOAD_BYTES,
            }
        )
    failed = _failed_table(rows, lineage.take(pa.array(at, pa.int64())))
    return failed, pa.Table.from_pylist(erased, schema=_ERASED_SCHEMA)


def _site_of(body: bytes) -> str | None:
    try:
        site = orjson.loads(body).get("site")
    except (ValueError, AttributeError):
        return None
    return site if isinstance(site, str) else None


def _failed_table(rows: Sequence[Mapping[str, Any]], lineage: pa.Table) -> pa.Table:
    own = arrow_schema(tuple(column for column in FAILED_COLUMNS if column.name in _FAILED_FIELDS))
    table = pa.Table.from_pylist(rows, schema=own)
    table = table.append_column("failed_date", table["received_at"].cast(pa.date32()))
    return _beside(table, lineage)


def _beside(left: pa.Table, right: pa.Table) -> pa.Table:
    for name in right.column_names:
        left = left.append_column(name, right[name])
    return left


def last_enqueued(chunk: Chunk) -> dict[tuple[str, str], datetime]:
    """When the chunk's last event was enqueued, by hub and partition."""
    return {
        (file.source.hub, file.source.partition): datetime.fromtimestamp(
            int(chunk.captured.enqueued_us[events][-1]) / 1_000_000, UTC
        )
        for file, events in chunk.per_file()
        if events.stop > events.start
    }
