"""One Delta table of the lake: rows and watermarks go in by one atomic commit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Self

import deltalake
import numpy as np
import numpy.typing as npt
import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from clickstream.errors import Conflict, Unavailable
from clickstream.lake.actions import COUNTS, Action, addition, commit, data_files, discarding, new_path, removal
from clickstream.lake.data_files import ROW_GROUP_ROWS, Places, sorted_order, write_file
from clickstream.lake.delta_log import DeltaLog
from clickstream.lake.finding import rows_with
from clickstream.lake.schema import (
    EVENT_COLUMNS,
    EVENT_PARTITION,
    EVENTS,
    FAILED_COLUMNS,
    FAILED_EVENTS,
    FAILED_PARTITION,
    PIPELINE_COLUMNS,
    PIPELINE_HOURS,
    PIPELINE_PARTITION,
    Column,
    arrow_schema,
)
from clickstream.lake.storage import PIECE_BYTES, StorageAccount, table_uri

if TYPE_CHECKING:
    from obstore.store import AzureStore

PARALLEL_WRITES = 2
# A third of what files are merged to later on: so many rows of each file that is being written are in memory twice.
APPENDED_GROUP_ROWS = ROW_GROUP_ROWS // 3
# By this name a scan tells which of the dataset's files a row is from.
FILE_NUMBER = "__fragment_index"
# Every commit of a compactor carries this, so that of two at once, one fails and looks again.
COMPACTOR = "compactor"


@dataclass(frozen=True, slots=True)
class TableSpec:
    """What a table is made of."""

    name: str
    columns: tuple[Column, ...]
    partition: str
    sort_by: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        return arrow_schema(self.columns)


EVENTS_TABLE = TableSpec(EVENTS, EVENT_COLUMNS, EVENT_PARTITION, (EVENT_PARTITION, "site", "event_name", "occurred_at"))
FAILED_TABLE = TableSpec(FAILED_EVENTS, FAILED_COLUMNS, FAILED_PARTITION, (FAILED_PARTITION, "received_at"))
PIPELINE_TABLE = TableSpec(PIPELINE_HOURS, PIPELINE_COLUMNS, PIPELINE_PARTITION, (PIPELINE_PARTITION, "hour", "site"))


class LakeTable:
    """A handle on one table at one version. Commits name that version, so a writer in between makes them fail."""

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str, table: DeltaTable) -> None:
        self.spec = spec
        self._table = table
        self._files: AzureStore = account.container(container)
        self._log = DeltaLog(self._files, spec.name)
        self._transactions: tuple[int, Mapping[str, int] | None] | None = None

    @classmethod
    def open_or_create(cls, spec: TableSpec, account: StorageAccount, container: str) -> Self:
        """The table as it is now; an empty one is made where there is none, columns are added that it lacks.

        Raise Unavailable.
        """
        uri, options = table_uri(container, spec.name), account.delta_options()
        try:
            try:
                table = DeltaTable(uri, storage_options=options)
            except TableNotFoundError:
                with contextlib.suppress(CommitFailedError):  # another one made it at this moment
                    DeltaTable.create(
                        uri, spec.schema, mode="ignore", partition_by=[spec.partition], storage_options=options
                    )
                table = DeltaTable(uri, storage_options=options)
            if missing := _missing(spec, table):
                with contextlib.suppress(CommitFailedError):  # another one added them at this moment
                    table.alter.add_columns(list(deltalake.Schema.from_arrow(pa.schema(missing)).fields))
                table = DeltaTable(uri, storage_options=options)
        except (DeltaError, OSError) as error:
            raise Unavailable(f"the table {spec.name} cannot be opened: {error}") from error
        return cls(spec, account, container, table)

    def application_version(self, app_id: str) -> int | None:
        """The last version an application committed under this name. Raise Unavailable."""
        with self._readable():
            at = self.version
            if self._transactions is None or self._transactions[0] != at:
                self._transactions = at, self._log.transactions(at)
            known = self._transactions[1]
            # The library reads the log anew for each application.
            version: int | None = self._table.transaction_version(app_id) if known is None else known.get(app_id)
            return version

    def dates(self) -> Collection[date]:
        """Every date that rows stand under. Raise Unavailable."""
        with self._readable():
            return {date.fromisoformat(part[self.spec.partition]) for part in self._table.partitions()}

    def find(self, column: str, values: pa.ChunkedArray, dates: Sequence[date], columns: Sequence[str]) -> pa.Table:
        """Columns of the rows under these dates whose `column` has one of the values. Raise Unavailable.

        Of files without such a row no other column is read.
        """
        nothing = pa.schema([self.spec.schema.field(name) for name in columns]).empty_table()
        days = [(self.spec.partition, "in", [day.isoformat() for day in dates])]
        with self._readable():
            if not dates or not self._table.file_uris(file_pruning_predicate=days):
                return nothing
            dataset = self._table.to_pyarrow_dataset(file_pruning_predicate=days)
            scanner = dataset.scanner(columns=[column, FILE_NUMBER])
            found = rows_with(scanner.to_batches(), scanner.projected_schema, column, values)
            fragments = list(dataset.get_fragments())
            having = [fragments[number] for number in pc.unique(found[FILE_NUMBER]).to_pylist()]
            if not having:
                return nothing
            files = ds.FileSystemDataset(having, dataset.schema, dataset.format, dataset.filesystem)
            return files.to_table(columns=list(columns), filter=pc.field(column).isin(pc.unique(found[column])))

    def append(
        self,
        rows: pa.Table,
        versions: Mapping[str, int],
        counts: Mapping[str, Any],
        kept: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Commit rows, or those of them that are `kept`, application versions and counts as one, or nothing at all.

        Raise Conflict when another writer committed meanwhile, Unavailable when storage fails. A file written for a
        commit that failed is no part of the table; vacuum removes it.
        """
        generation = (self.application_version(COMPACTOR) or 0) + 1
        transactions = [Transaction(app_id, version) for app_id, version in {**versions, COMPACTOR: generation}.items()]
        with self._writable():
            with ThreadPoolExecutor(PARALLEL_WRITES) as pool:
                actions = list(pool.map(self._write_part, self._parts(rows, kept)))
            self._commit(actions, counts, transactions)

    def remove(self, column: str, ids: Mapping[date, Collection[str]], counted_as: str) -> int:
        """Take the rows of these ids, told by the date they stand under, out of the table. Returns how many.

        The commit counts them under the name `counted_as`.

        Every file that holds one is replaced by a file without it, so that any reader of Delta sees the same; all in
        one commit, and none where there is nothing to remove. Files that are there no more stay for readers of older
        versions until vacuum removes them. Raise Conflict when another writer committed meanwhile and must be looked
        at first, Unavailable.
        """
        count = 0
        actions: list[Action] = []
        with self._writable():
            for file in data_files(self._table, self.spec.partition):
                if file.day not in ids:
                    continue
                rows = self._read(file.path)
                kept = rows.filter(pc.invert(pc.is_in(rows[column], pa.array(ids[file.day], pa.string()))))
                if kept.num_rows == rows.num_rows:
                    continue
                count += rows.num_rows - kept.num_rows
                actions.append(removal(file.path, file.size_bytes, self.spec.partition, file.day))
                if kept.num_rows:
                    actions.append(self._write(file.day, kept))
            if actions:
                self._commit(actions, {counted_as: count}, [])
        return count

    @property
    def version(self) -> int:
        """The version that this handle reads."""
        return self._table.version()

    def counts_since(self, version: int) -> Sequence[Mapping[str, Any]]:
        """The counts of every commit after a version, oldest first, as far as the log goes back. Raise Unavailable.

        The log is read here: the library's `history` keeps the whole process waiting while it reads.
        """
        with self._readable():
            infos = self._log.commit_infos(version + 1, self.version)
            return [json.loads(info[COUNTS]) for info in infos if COUNTS in info]

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (DeltaError, OSError, obstore.exceptions.BaseError, pa.ArrowException) as error:
            raise Unavailable(f"the table {self.spec.name} cannot be read: {error}") from error

    @contextlib.contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except CommitFailedError as error:
            raise Conflict(f"another writer changed {self.spec.name}: {error}") from error
        except (DeltaError, OSError, obstore.exceptions.BaseError) as error:
            raise Unavailable(f"{self.spec.name} cannot be written: {error}") from error

    def _commit(
        self, actions: Sequence[Action], counts: Mapping[str, Any], transactions: Sequence[Transaction]
    ) -> None:
        schema = deltalake.Schema.from_arrow(self.spec.schema)
        with discarding(self._table, self._files, self.spec.name, actions):
            commit(self._table, schema, self.spec.partition, actions, counts, transactions)

    def _read(self, path: str) -> pa.Table:
        data = obstore.get(self._files, f"{self.spec.name}/{path}").bytes()
        return pq.read_table(pa.BufferReader(data), schema=self._schema_of_files)

    @property
    def _schema_of_files(self) -> pa.Schema:
        """A file does not hold the column that the table is partitioned by."""
        return self.spec.schema.remove(self.spec.schema.get_field_index(self.spec.partition))

    def _parts(self, rows: pa.Table, kept: npt.NDArray[np.bool_] | None) -> Sequence[tuple[date, pa.Table, Places]]:
        """By date, the rows and which of them are its own, in the order in which they stand in a file."""
        rows = rows.select(self.spec.schema.names).cast(self.spec.schema)
        dates = rows[self.spec.partition]
        order = sorted_order(rows, self.spec.sort_by)
        if kept is not None:
            order = order[kept[order]]
        days = dates.cast(pa.int32()).to_numpy()[order]
        rows = rows.drop_columns([self.spec.partition])
        parts = np.split(order, np.flatnonzero(np.diff(days)) + 1)
        return [(dates[int(part[0])].as_py(), rows, part) for part in parts if len(part)]

    def _write(self, day: date, rows: pa.Table) -> AddAction:
        return self._write_groups(day, [rows])

    def _write_part(self, part: tuple[date, pa.Table, Places]) -> AddAction:
        day, rows, places = part
        return self._write_groups(day, _row_groups(rows, places))

    def _write_groups(self, day: date, groups: Iterable[pa.Table]) -> AddAction:
        path = new_path(self.spec.partition, day)
        sink = pa.BufferOutputStream()
        told = write_file(groups, self._schema_of_files, sink)
        data = sink.getvalue()
        content = memoryview(data).cast("B")
        obstore.put(self._files, f"{self.spec.name}/{path}", content, chunk_size=PIECE_BYTES)
        return addition(path, data.size, self.spec.partition, day, told)


def _row_groups(rows: pa.Table, places: Places) -> Iterator[pa.Table]:
    """The rows at these places, a row group at a time, so that no more than one is copied at once."""
    for start in range(0, len(places), APPENDED_GROUP_ROWS):
        yield rows.take(pa.array(places[start : start + APPENDED_GROUP_ROWS]))


def _missing(spec: TableSpec, table: DeltaTable) -> Sequence[pa.Field]:
    """Columns that a table made by an earlier version lacks. Only those that may be null can be added."""
    there = {field.name for field in table.schema().fields}
    return [field for field in spec.schema if field.nullable and field.name not in there]
