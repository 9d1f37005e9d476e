"""One Delta table of the lake, as readers see it: the newest version, pruned by date."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pf
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler

from clickstream.errors import Unavailable
from clickstream.lake.actions import data_files
from clickstream.lake.delta import TableSpec
from clickstream.lake.storage import StorageAccount, table_uri
from clickstream.maintaining.planning import DataFile


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one version of a table; of version -1 where no table is yet."""

    version: int
    files: Sequence[DataFile]


class TableReader:
    """Keeps one handle and brings it up to date before each read. Safe to share between threads."""

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str) -> None:
        self.spec = spec
        self._account = account
        self._uri = table_uri(container, spec.name)
        self._table: DeltaTable | None = None
        self._snapshot = Snapshot(-1, ())
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        """The files of the newest version. Raise Unavailable."""
        try:
            with self._lock:
                table = self._newest()
                if table is not None and table.version() != self._snapshot.version:
                    self._snapshot = Snapshot(table.version(), data_files(table, self.spec.partition))
                return self._snapshot
        except (DeltaError, OSError) as error:
            raise Unavailable(f"the table {self.spec.name} cannot be read: {error}") from error

    def dataset_of(self, files: Sequence[DataFile]) -> ds.Dataset:
        """The rows of these files, read from storage while the dataset is scanned; that raises OSError."""
        sizes = {file.path: file.size_bytes for file in files}
        stored = pf.PyFileSystem(DeltaStorageHandler(self._uri, self._account.delta_options(), sizes))
        format_ = ds.ParquetFileFormat()
        day = ds.field(self.spec.partition)
        fragments = [format_.make_fragment(file.path, stored, day == pa.scalar(file.day)) for file in files]
        return ds.FileSystemDataset(fragments, self.spec.schema, format_, stored)

    def dataset(self, first: date | None = None, last: date | None = None) -> ds.Dataset:
        """The rows whose partition's date lies within `first` and `last`, both included; none where no table is yet.

        Opens no data file: that is done while the dataset is scanned. Raise Unavailable.
        """
        bounds = [(">=", first), ("<=", last)]
        dates = [(self.spec.partition, sign, day.isoformat()) for sign, day in bounds if day is not None]
        try:
            with self._lock:
                table = self._newest()
                if table is None:
                    return ds.dataset(self.spec.schema.empty_table())
                return table.to_pyarrow_dataset(file_pruning_predicate=dates or None, schema=self.spec.schema)
        except (DeltaError, OSError) as error:
            raise Unavailable(f"the table {self.spec.name} cannot be read: {error}") from error

    def _newest(self) -> DeltaTable | None:
        if self._table is not None:
            self._table.update_incremental()
            return self._table
        try:
            self._table = DeltaTable(self._uri, storage_options=self._account.delta_options())
        except TableNotFoundError:
            return None
        return self._table
