"""Reads the newest version of one Delta table of the lake, pruned by date."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pf
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.actions import data_files, stored_files
from clickstream.table.data_files import DataFile
from clickstream.table.local_copy import copy, ranges_of
from clickstream.table.specs import TableSpec
from clickstream.table.translation import translated

# How much of each column of a local file is read at once.
BUFFER_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one version of a table; version -1 if there is no table yet."""

    version: int
    files: Sequence[DataFile]

    def of_site(self, site_id: str) -> Sequence[DataFile]:
        """The files that may hold rows of the site."""
        return [file for file in self.files if file.may_hold(site_id)]

    def days(self, site_id: str) -> Sequence[date]:
        """The dates (values of the partition column) that may have rows of the site, in order."""
        return sorted({file.day for file in self.of_site(site_id)})


class TableReader:
    """Keeps one handle and updates it before each read. Safe to share between threads."""

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str) -> None:
        self.spec = spec
        self._account = account
        self._uri = table_uri(container, spec.name)
        self._table: DeltaTable | None = None
        self._snapshot = Snapshot(-1, ())
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """The files of the newest version. Raise Unavailable."""
        with translated(self.spec.name), self._lock:
            table = self._newest()
            if table is not None and table.version() != self._snapshot.version:
                self._snapshot = Snapshot(table.version(), data_files(table, self.spec.partition))
            return self._snapshot

    def dataset_of(self, files: Sequence[DataFile]) -> ds.Dataset:
        """The rows of these files, read from storage while the dataset is scanned; that raises OSError."""
        stored, format_ = self._stored(files), ds.ParquetFileFormat()
        day = ds.field(self.spec.partition)
        fragments = [format_.make_fragment(file.path, stored, day == pa.scalar(file.day)) for file in files]
        return ds.FileSystemDataset(fragments, self.spec.schema, format_, stored)

    def decoded(
        self, files: Sequence[DataFile], schema: pa.Schema, condition: ds.Expression, rows_at_once: int
    ) -> Iterator[pa.Table]:
        """The rows of these files that meet the condition, `rows_at_once` at most; no table is empty. Raise OSError.

        `schema` has columns of the table, also all of the condition; no others are read. A scan of `dataset_of` decodes
        a whole row group, and the next one beside it. Here a row group is copied to the disk, and only the rows of one
        table are decoded, so memory does not grow with the files.
        """
        stored, format_ = self._stored(files), ds.ParquetFileFormat()
        for file in files:
            chosen = format_.make_fragment(file.path, stored).subset(condition, schema=self.spec.schema)
            metadata, fitted = chosen.metadata, partial(self._fitted, schema, file.day, condition)
            for group in chosen.row_groups:
                with tempfile.NamedTemporaryFile() as local, stored.open_input_file(file.path) as opened:
                    copy(opened, local, ranges_of(metadata.row_group(group.id), schema.names))
                    with pq.ParquetFile(local.name, metadata=metadata, buffer_size=BUFFER_BYTES) as encoded:
                        batches = encoded.iter_batches(rows_at_once, [group.id], schema.names, use_threads=False)
                        # Unlike a loop, this keeps no rows while the next ones are decoded.
                        yield from filter(len, map(fitted, batches))

    def _fitted(self, schema: pa.Schema, day: date, condition: ds.Expression, rows: pa.RecordBatch) -> pa.Table:
        """The rows that meet the condition, with the columns of the schema; one that the file lacks is null."""
        return pa.table(
            [
                pa.repeat(pa.scalar(day, field.type), len(rows))
                if field.name == self.spec.partition
                else rows[field.name].cast(field.type)
                if field.name in rows.schema.names
                else pa.nulls(len(rows), field.type)
                for field in schema
            ],
            schema=schema,
        ).filter(condition)

    def _stored(self, files: Sequence[DataFile]) -> pf.FileSystem:
        return stored_files(self._uri, self._account.delta_options(), {file.path: file.size_bytes for file in files})

    def dataset(self, first: date | None = None, last: date | None = None) -> ds.Dataset:
        """The rows whose partition date is from `first` to `last`, both included; none if there is no table yet.

        Opens no data file: scanning the dataset does that. Raise Unavailable.
        """
        bounds = [(">=", first), ("<=", last)]
        dates = [(self.spec.partition, sign, day.isoformat()) for sign, day in bounds if day is not None]
        with translated(self.spec.name), self._lock:
            table = self._newest()
            if table is None:
                return ds.dataset(self.spec.schema.empty_table())
            return table.to_pyarrow_dataset(file_pruning_predicate=dates or None, schema=self.spec.schema)

    def batches(
        self, columns: Sequence[str], condition: ds.Expression, first: date | None, last: date | None, rows_at_once: int
    ) -> Iterator[list[dict[str, Any]]]:
        """These columns of the rows under the dates that meet the condition, `rows_at_once` at most.

        Only one batch is held at a time. Raise Unavailable, also during iteration.
        """
        with translated(self.spec.name):
            rows = self.dataset(first, last)
            scanner = rows.scanner(list(columns), condition, rows_at_once, batch_readahead=2, fragment_readahead=1)
            for batch in scanner.to_batches():
                yield batch.to_pylist()

    def _newest(self) -> DeltaTable | None:
        if self._table is not None:
            self._table.update_incremental()
            return self._table
        try:
            self._table = DeltaTable(self._uri, storage_options=self._account.delta_options())
        except TableNotFoundError:
            return None
        return self._table
