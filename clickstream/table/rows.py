"""Reads columns of some files of a table, in tables of a bounded number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.dataset as ds

from clickstream.table.data_files import DataFile
from clickstream.table.delta import Table
from clickstream.table.translation import translated

ROWS_AT_ONCE = 262_144


def rows_of(
    table: Table, files: Sequence[DataFile], columns: Sequence[str], condition: ds.Expression | None = None
) -> Iterator[pa.Table]:
    """These columns of the files' rows that meet the condition, about ROWS_AT_ONCE at once; no table is empty.

    Raise Unavailable, also during iteration.
    """
    if not files:  # opening the store takes longer than reading a small file
        return
    day = ds.field(table.spec.partition)
    format_ = ds.ParquetFileFormat()
    waiting: list[pa.RecordBatch] = []
    with translated(table.spec.name):
        stored = table.filesystem({file.path: file.size_bytes for file in files})
        fragments = [format_.make_fragment(file.path, stored, day == pa.scalar(file.day)) for file in files]
        dataset = ds.FileSystemDataset(fragments, table.spec.schema, format_, stored)
        scanner = dataset.scanner(list(columns), condition, batch_readahead=2, fragment_readahead=1)
        for batch in scanner.to_batches():
            if batch.num_rows:
                waiting.append(batch)
            if sum(each.num_rows for each in waiting) >= ROWS_AT_ONCE:
                yield pa.Table.from_batches(waiting)
                waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def all_rows_of(
    table: Table, files: Sequence[DataFile], columns: Sequence[str], condition: ds.Expression | None = None
) -> pa.Table:
    """The same in one table. Raise Unavailable."""
    empty = pa.schema([table.spec.schema.field(name) for name in columns]).empty_table()
    return pa.concat_tables([empty, *rows_of(table, files, columns, condition)])


def rows_of_file(table: Table, file: DataFile, columns: Sequence[str]) -> pa.Table:
    """These columns of a small file's rows, by one request. Raise Unavailable."""
    with translated(table.spec.name):
        day = ds.field(table.spec.partition) == pa.scalar(file.day)
        fragment = ds.ParquetFileFormat().make_fragment(pa.BufferReader(table.content(file.path)), None, day)
        return fragment.to_table(table.spec.schema, columns=list(columns), use_threads=False)


def lost_rows_since(table: Table, version: int, kinds: Sequence[str]) -> bool:
    """Whether a commit after the version counts removed rows under any of these names. Raise Unavailable."""
    return any(counts.get(kind) for counts in table.counts_since(version) for kind in kinds)
