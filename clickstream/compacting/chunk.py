"""One chunk of captured files as rows: decoded, typed, with lineage, and each failure beside them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from clickstream.compacting.decode import Captured
from clickstream.compacting.files import CaptureFile, HubPartition, Watermark
from clickstream.compacting.odd_bodies import Failure, read_moment
from clickstream.compacting.parsing import Parsed, parse_events
from clickstream.event import FailedEvent
from clickstream.lake.schema import EVENT_COLUMNS, FAILED_COLUMNS, TIMESTAMP, arrow_schema

MAX_PAYLOAD_BYTES = 32_768
_FAILED_FIELDS = tuple(name for name in FailedEvent.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Captured files that were read together, in order, and their events."""

    files: Sequence[CaptureFile] = ()
    captured: Captured = field(default_factory=Captured)

    @property
    def event_count(self) -> int:
        """Events in all files."""
        return sum(self.captured.counts)

    @staticmethod
    def joined(chunks: Sequence[Chunk]) -> Chunk:
        """Chunks that were read one after the other, without their bodies, as one."""
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
        """The same chunk once its bodies are rows: what is left of it, so that memory is free for what follows."""
        return replace(self, captured=replace(self.captured, bodies=pa.chunked_array([], pa.binary_view())))

    def lineage(self) -> pa.Table:
        """Where every event came from, in the order of the bodies; `hub` is no column of events."""
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
        """Every file, and which of the events are its own."""
        ends = list(accumulate(self.captured.counts))
        for file, count, end in zip(self.files, self.captured.counts, ends, strict=True):
            yield file, slice(end - count, end)

    def watermarks(self, before: Mapping[HubPartition, Watermark]) -> dict[HubPartition, Watermark]:
        """Where each partition stands once this chunk is committed: never before where it stood."""
        after = {file.source: before.get(file.source, Watermark()) for file in self.files}
        for file, events in self.per_file():
            if after[file.source].covers(file):
                continue
            numbers = self.captured.sequence_numbers[events]
            reached = int(numbers[-1]) if len(numbers) else after[file.source].sequence_number
            after[file.source] = Watermark(file.started_at, reached)
        return after


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that the hub numbered and no captured file holds."""

    source: HubPartition
    after: int
    before: int


def gaps(chunk: Chunk, before: Mapping[HubPartition, Watermark]) -> Sequence[Gap]:
    """Holes in the sequence numbers. Numbers that start over are no hole: the hub was made anew."""
    found: list[Gap] = []
    last = {source: watermark.sequence_number for source, watermark in before.items()}
    for file, events in chunk.per_file():
        numbers = chunk.captured.sequence_numbers[events]
        if not len(numbers):
            continue
        earlier = np.concatenate([[last.get(file.source, int(numbers[0]))], numbers[:-1]])
        for hole in np.flatnonzero(numbers > earlier + 1).tolist():
            found.append(Gap(file.source, int(earlier[hole]), int(numbers[hole])))
        last[file.source] = int(numbers[-1])
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """What a chunk becomes, before copies are dropped."""

    events: pa.Table
    failed: pa.Table

    @staticmethod
    def joined(rows: Sequence[Rows]) -> Rows:
        """Rows of parts of a chunk, in order."""
        return Rows(pa.concat_tables([each.events for each in rows]), pa.concat_tables([each.failed for each in rows]))


def event_rows(chunk: Chunk, parse: Callable[[pa.ChunkedArray], Parsed] = parse_events) -> Rows:
    """The rows of the hub of events: typed events, and what is none."""
    bodies = chunk.captured.bodies
    lineage = chunk.lineage()
    parsed = parse(bodies)
    events = _beside(parsed.events, lineage.take(parsed.events["row"])).drop_columns(["row", "hub"])
    dates = events["occurred_at"].cast(pa.date32())
    return Rows(events.append_column("event_date", dates), _failed_at_compaction(parsed.failures, bodies, lineage))


def failed_event_rows(chunk: Chunk) -> Rows:
    """The rows of the hub of failed events, no events; a body that is no failed event is one itself, of this stage."""
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
    told = _failed_table(good, lineage.take(pa.array(at, pa.int64())))
    failed = pa.concat_tables([told, _failed_at_compaction(failures, bodies, lineage)])
    return Rows(arrow_schema(EVENT_COLUMNS).empty_table(), failed)


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
    for name in ("site", "dialect", "pointer", "key_kind"):
        if not isinstance(row[name], str | None):
            raise TypeError(f"{name} must be text")
    for name in ("request_accepted", "request_failed"):
        if not isinstance(row[name], int | None) or isinstance(row[name], bool) or not 0 <= (row[name] or 0) < 2**31:
            raise TypeError(f"{name} must be a count")
    return row


def _failed_at_compaction(failures: Sequence[Failure], bodies: pa.ChunkedArray, lineage: pa.Table) -> pa.Table:
    """Failures found here. Their id says where they were found, so that finding them again is the same failure."""
    found = lineage.take(pa.array([failure.row for failure in failures], pa.int64()))
    rows = []
    for failure, origin in zip(failures, found.to_pylist(), strict=True):
        body = bodies[failure.row].as_py()
        rows.append(
            {
                "failed_event_id": f"{origin['capture_file']}#{origin['sequence_number']}",
                "site": _stated_site(body),
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
    return _failed_table(rows, found)


def _stated_site(body: bytes) -> str | None:
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
    """By hub and partition, when the chunk's last event was enqueued."""
    return {
        (file.source.hub, file.source.partition): datetime.fromtimestamp(
            int(chunk.captured.enqueued_us[events][-1]) / 1_000_000, UTC
        )
        for file, events in chunk.per_file()
        if events.stop > events.start
    }
