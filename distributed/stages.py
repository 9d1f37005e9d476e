"""What the engine's workers run: our own decoding, typing, dedupe, enrichment and writing, on Arrow.

Rows travel beside what the stages tell the driver: a row's `told` is null, and of what is told all else is null.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.compacting.chunk import Chunk, event_rows
from clickstream.compacting.compactor import new_rows, wanted_rows
from clickstream.compacting.counting import HourCounts
from clickstream.compacting.files import CaptureFile
from clickstream.compacting.reading import read_events
from clickstream.compacting.report import Counts
from clickstream.erasing.late import LateEvents
from clickstream.lake.capture_files import CaptureFiles
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.lake.enrichment_files import Enrichment
from clickstream.lake.pipeline_hours import hours_to_json
from clickstream.lake.prepared import PreparedTable
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Settings

Stage = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
TOLD = pa.schema([pa.field("told", pa.string())])
BATCH_ROWS = 8_192
_SPARK_TYPES = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.int32(): "int",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp",
}


@dataclass(frozen=True, slots=True)
class Job:
    """What all workers know: names of containers and hubs, the tasks' files, how many files each day becomes.

    All other settings each worker reads from its own environment, so that no secret travels.
    """

    names: Mapping[str, str]
    tasks: Sequence[Sequence[CaptureFile]]
    failures_committed: frozenset[str]
    files_of_day: Mapping[date, int]

    def lake(self) -> WorkersLake:
        """What a worker reaches. Raise SettingsError."""
        settings = Settings.from_env({**os.environ, **self.names})
        return WorkersLake(StorageAccount.from_connection(settings.lake), settings)


@dataclass(frozen=True, slots=True)
class WorkersLake:
    """The storage account as one worker reaches it."""

    account: StorageAccount
    settings: Settings

    def table(self, spec: TableSpec) -> PreparedTable:
        """A table as it is now. Raise Unavailable."""
        return PreparedTable.open_or_create(spec, self.account, self.settings.lake_container)

    def files(self) -> CaptureFiles:
        """The captured files."""
        containers = (self.settings.capture_container, self.settings.lake_container)
        return CaptureFiles(*map(self.account.container, containers))

    def late(self) -> LateEvents:
        """Who was erased. The driver has opened the table before, so an erasure from now on makes its commit fail."""
        return LateEvents.of(self.account, self.settings)

    def enrichment(self) -> Enrichment:
        """The lists of now."""
        return Enrichment(self.account.container(self.settings.config_container))


def read_schema() -> pa.Schema:
    """Rows as they are read, and what is told."""
    return _beside_told(event_rows(Chunk()).events.schema)


def kept_schema() -> pa.Schema:
    """Rows as they are kept, the file they go to, and what is told."""
    return _beside_told(EVENTS_TABLE.schema.append(pa.field("part", pa.string())))


def ddl(schema: pa.Schema) -> str:
    """A schema as Spark says it. Raise KeyError for a type that no column has."""
    return ", ".join(f"`{field.name}` {_SPARK_TYPES[field.type]}" for field in schema)


def reading(job: Job) -> Stage:
    """From numbers of tasks to rows; what is no event is written as a file of failed events, and told."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        schema = read_schema()
        lake = job.lake()
        files = lake.files()
        for batch in batches:
            for number in batch.column(0).to_pylist():
                task = job.tasks[number]
                found = read_events(files, files.fetch, task)
                chunk, made = found.chunk, found.rows
                yield from _rows(made.events, schema)
                counts, done = HourCounts(lake.settings.event_hub_name), Counts()
                counts.add_quarantined(found.quarantined)
                failed_table = lake.table(FAILED_TABLE)
                failed = wanted_rows(made.failed, failed_table, lake.late(), counts, done)
                counts.add("captured", failed)
                counts.add("failed", failed)
                committed = pc.is_in(failed["capture_file"], pa.array(job.failures_committed, pa.string()))
                fresh = failed.filter(pc.invert(committed))
                yield _told(
                    schema,
                    captured=chunk.event_count,
                    failed=failed.num_rows,
                    erased=done.erased,
                    quarantined=[file.path for file in found.quarantined],
                    numbers=dict(_numbers(chunk)),
                    failed_files=failed_table.write(fresh) if fresh.num_rows else [],
                    **hours_to_json(counts.hours()),
                )

    return read


def keeping(job: Job) -> Stage:
    """From rows, all copies of an id among them, to those that the table has not yet, enriched."""

    def keep(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows, told = _apart(batches, read_schema())
        yield from _retold(told, kept_schema())
        if not rows.num_rows:
            return
        # As one compactor would read them; of copies that were enqueued at once the first so read is kept.
        rows = rows.sort_by([(name, "ascending") for name in ("hub_partition", "capture_file", "sequence_number")])
        lake = job.lake()
        counts, done = HourCounts(lake.settings.event_hub_name), Counts()
        kept = new_rows(rows, lake.table(EVENTS_TABLE), lake.late(), counts, done).new
        enriched = lake.enrichment().enrich(kept)
        parts = [
            f"{day}/{crc32(event_id.encode()) % job.files_of_day.get(day, 1)}"
            for day, event_id in zip(enriched["event_date"].to_pylist(), enriched["event_id"].to_pylist(), strict=True)
        ]
        yield from _rows(enriched.append_column("part", pa.array(parts, pa.string())), kept_schema())
        yield _told(
            kept_schema(),
            rows=kept.num_rows,
            duplicates=rows.num_rows - kept.num_rows - done.erased,
            erased=done.erased,
            unsearched=done.unsearched,
            **hours_to_json(counts.hours()),
        )

    return keep


def writing(job: Job) -> Stage:
    """From rows of one or more parts to sorted files, and all that was told."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows, told = _apart(batches, kept_schema())
        yield from _retold(told, TOLD)
        for part in pc.unique(rows["part"]).to_pylist():
            files = job.lake().table(EVENTS_TABLE).write(rows.filter(pc.equal(rows["part"], part)))
            yield _told(TOLD, files=files)

    return write


def _numbers(chunk: Chunk) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """By file, the first and the last sequence number, and the holes between; none of a file without events."""
    for file, events in chunk.per_file():
        numbers = chunk.captured.sequence_numbers[events]
        if len(numbers):
            before = np.flatnonzero(np.diff(numbers) > 1)
            holes = [[int(numbers[at]), int(numbers[at + 1])] for at in before]
            yield file.path, {"first": int(numbers[0]), "last": int(numbers[-1]), "holes": holes}


# --- rows and what is told -------------------------------------------------------------------------------------------


def _beside_told(schema: pa.Schema) -> pa.Schema:
    fields = [pa.field(field.name, field.type) for field in schema]
    return pa.schema([*fields, *TOLD])


def _rows(rows: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    rows = rows.append_column("told", pa.nulls(rows.num_rows, pa.string()))
    yield from rows.select(schema.names).cast(schema).to_batches(BATCH_ROWS)


def _told(schema: pa.Schema, **told: Any) -> pa.RecordBatch:
    return next(_retold([json.dumps(told, ensure_ascii=False)], schema))


def _retold(told: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if told:
        nothing = [pa.nulls(len(told), field.type) for field in schema if field.name != "told"]
        yield pa.RecordBatch.from_arrays([*nothing, pa.array(told, pa.string())], schema=schema)


def _apart(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> tuple[pa.Table, Sequence[str]]:
    everything = pa.Table.from_batches([batch.cast(schema) for batch in batches], schema=schema)
    is_told = pc.is_valid(everything["told"])
    rows = everything.filter(pc.invert(is_told)).drop_columns(["told"])
    return rows, everything["told"].filter(is_told).to_pylist()
