"""One Delta table of the lake, as readers see it: the newest version, pruned by date."""

from __future__ import annotations

import threading
from datetime import date

import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from clickstream.errors import Unavailable
from clickstream.lake.delta import TableSpec
from clickstream.lake.storage import StorageAccount, table_uri


class TableReader:
    """Keeps one handle and brings it up to date before each read. Safe to share between threads."""

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str) -> None:
        self.spec = spec
        self._account = account
        self._uri = table_uri(container, spec.name)
        self._table: DeltaTable | None = None
        self._lock = threading.Lock()

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
