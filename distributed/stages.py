"""The stages that the engine's workers run: our own decoding, typing, dedupe, enrichment and writing, on Arrow.

Rows and the stages' summaries for the driver travel in the same batches. Summaries are JSON texts in the column
`summary`, whose other columns are null; in a row of an event that column is null.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.capture.chunk import Chunk, event_rows, file_numbers
from clickstream.capture.marks import Marks
from clickstream.capture.names import CaptureFile, HubPartition, Watermark
from clickstream.capture.quarantine import Quarantine
from clickstream.capture.store import CaptureFiles
from clickstream.compacting.committing import dedupe, suppress_and_rewrite_files
from clickstream.compacting.ledger import Ledger
from clickstream.compacting.putting_aside import whole_file
from clickstream.compacting.reading import read_events
from clickstream.enriching.loader import Enrichment
from clickstream.erasing.late import LateEvents
from clickstream.model.pipeline_hour import hours_to_json
from clickstream.model.schema import BATCH_COLUMN
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE, TableSpec

Stage = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
SUMMARY = pa.schema([pa.field("summary", pa.string())])
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
    """The input of all workers: names of containers and hubs, the tasks' files, the number of files for each day.

    Each worker reads all other settings from its own environment, so that no secret is sent.
    """

    names: Mapping[str, str]
    tasks: Sequence[Sequence[CaptureFile]]
    failures_committed: frozenset[str]
    marks: Mapping[HubPartition, Watermark]
    files_of_day: Mapping[date, int]

    def lake(self) -> WorkersLake:
        """The storage for one worker. Raise SettingsError."""
        settings = Settings.from_env({**os.environ, **self.names})
        return WorkersLake(StorageAccount.from_connection(settings.lake), settings)


@dataclass(frozen=True, slots=True)
class WorkersLake:
    """The storage account, opened by one worker."""

    account: StorageAccount
    settings: Settings

    def table(self, spec: TableSpec) -> Table:
        """A table's newest version. Raise Unavailable."""
        return Table.open_or_create(spec, self.account, self.settings.lake_container)

    def files(self) -> CaptureFiles:
        """The captured files."""
        return CaptureFiles(self.account.container(self.settings.capture_container))

    def quarantine(self) -> Quarantine:
        """The quarantine in the lake's container."""
        return Quarantine(self.account.container(self.settings.lake_container))

    def late(self) -> LateEvents:
        """The suppression filter. The driver opened the table before, so a later erasure makes its commit fail."""
        return LateEvents.of(self.account, self.settings)

    def enrichment(self) -> Enrichment:
        """The current lists."""
        return Enrichment(self.account.container(self.settings.config_container))


def read_schema() -> pa.Schema:
    """The schema of rows as they are read, with the summary column."""
    return _with_summary(event_rows(Chunk(), Marks(b"")).events.schema)


def kept_schema() -> pa.Schema:
    """The schema of rows of the table, with the `part` (file) that they go to and the summary column."""
    columns = [field for field in EVENTS_TABLE.schema if field.name != BATCH_COLUMN]  # set when the file is written
    return _with_summary(pa.schema([*columns, pa.field("part", pa.string())]))


def ddl(schema: pa.Schema) -> str:
    """The schema in Spark's DDL. Raise KeyError for a type that no column has."""
    return ", ".join(f"`{field.name}` {_SPARK_TYPES[field.type]}" for field in schema)


def reading(job: Job) -> Stage:
    """Maps numbers of tasks to rows. Failed events are written to a file, which is named in the summary."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        schema = read_schema()
        lake = job.lake()
        files = lake.files()
        for batch in batches:
            for number in batch.column(0).to_pylist():
                task = job.tasks[number]
                late = lake.late()
                reading_result = read_events(files.fetch, task, late.marks)
                chunk, rows = reading_result.chunk, reading_result.rows
                for damaged in reading_result.damaged:
                    aside = whole_file(damaged, job.marks, datetime.now(UTC))
                    lake.quarantine().put(aside.data, aside.note)
                yield from _rows(rows.events, schema)
                ledger = Ledger(lake.settings.event_hub_name)
                ledger.add_quarantined([damaged.file for damaged in reading_result.damaged])
                ledger.add_erased(rows.erased)
                failed_table = lake.table(FAILED_TABLE)
                failed = suppress_and_rewrite_files(rows.failed, FAILED_TABLE, late, ledger)
                ledger.add("captured", failed)
                ledger.add("failed", failed)
                committed = pc.is_in(failed["capture_file"], pa.array(job.failures_committed, pa.string()))
                new_failed = failed.filter(pc.invert(committed))
                yield _summary(
                    schema,
                    captured=chunk.event_count,
                    failed=failed.num_rows,
                    erased=ledger.counts().erased,
                    quarantined=ledger.notes.quarantined,
                    numbers={path: asdict(numbers) for path, numbers in file_numbers(chunk).items()},
                    failed_files=_staged(failed_table, new_failed) if new_failed.num_rows else [],
                    **hours_to_json(ledger.hours()),
                )

    return read


def keeping(job: Job) -> Stage:
    """Maps rows, among them all copies of an id, to the enriched rows that are not yet in the table."""

    def keep(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows, summaries = _split(batches, read_schema())
        yield from _summaries(summaries, kept_schema())
        if not rows.num_rows:
            return
        # The order in which one compactor would read them; of copies enqueued at the same time the first one stays.
        rows = rows.sort_by([(name, "ascending") for name in ("hub_partition", "capture_file", "sequence_number")])
        lake = job.lake()
        ledger = Ledger(lake.settings.event_hub_name)
        rows = suppress_and_rewrite_files(rows, EVENTS_TABLE, lake.late(), ledger)
        enriched = lake.enrichment().enrich(dedupe(rows, lake.table(EVENTS_TABLE), ledger).new)
        counts = ledger.counts()
        parts = [
            f"{day}/{crc32(event_id.encode()) % job.files_of_day.get(day, 1)}"
            for day, event_id in zip(enriched["event_date"].to_pylist(), enriched["event_id"].to_pylist(), strict=True)
        ]
        yield from _rows(enriched.append_column("part", pa.array(parts, pa.string())), kept_schema())
        yield _summary(
            kept_schema(),
            rows=counts.rows,
            duplicates=counts.duplicates,
            erased=counts.erased,
            unsearched=counts.unsearched,
            **hours_to_json(ledger.hours()),
        )

    return keep


def writing(job: Job) -> Stage:
    """Maps rows of one or more parts to sorted files. Returns all summaries."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows, summaries = _split(batches, kept_schema())
        yield from _summaries(summaries, SUMMARY)
        for part in pc.unique(rows["part"]).to_pylist():
            files = _staged(job.lake().table(EVENTS_TABLE), rows.filter(pc.equal(rows["part"], part)))
            yield _summary(SUMMARY, files=files)

    return write


def _staged(table: Table, rows: pa.Table) -> Sequence[Mapping[str, Any]]:
    """Store files of rows that are in no version yet. Returns the members of their add actions. Raise Unavailable."""
    return [asdict(file) for file in table.stage(rows)]


# --- rows and summaries ----------------------------------------------------------------------------------------------


def _with_summary(schema: pa.Schema) -> pa.Schema:
    fields = [pa.field(field.name, field.type) for field in schema]
    return pa.schema([*fields, *SUMMARY])


def _rows(rows: pa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    rows = rows.append_column("summary", pa.nulls(rows.num_rows, pa.string()))
    yield from rows.select(schema.names).cast(schema).to_batches(BATCH_ROWS)


def _summary(schema: pa.Schema, **members: Any) -> pa.RecordBatch:
    return next(_summaries([json.dumps(members, ensure_ascii=False)], schema))


def _summaries(summaries: Sequence[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if summaries:
        nothing = [pa.nulls(len(summaries), field.type) for field in schema if field.name != "summary"]
        yield pa.RecordBatch.from_arrays([*nothing, pa.array(summaries, pa.string())], schema=schema)


def _split(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> tuple[pa.Table, Sequence[str]]:
    everything = pa.Table.from_batches([batch.cast(schema) for batch in batches], schema=schema)
    is_summary = pc.is_valid(everything["summary"])
    rows = everything.filter(pc.invert(is_summary)).drop_columns(["summary"])
    return rows, everything["summary"].filter(is_summary).to_pylist()
