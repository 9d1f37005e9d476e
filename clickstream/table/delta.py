"""One Delta table of the lake. Rows and watermarks are added in one atomic commit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any, Self

import deltalake
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pf
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from clickstream.errors import Conflict
from clickstream.model.schema import BATCH_COLUMN
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.table.actions import Action, addition, data_files, new_path, removal, removed_file, stored_files
from clickstream.table.data_files import DataFile
from clickstream.table.id_prefilter import rows_with
from clickstream.table.log import DeltaLog
from clickstream.table.parquet_files import ROW_GROUP_ROWS, Places, sorted_order, write_file
from clickstream.table.specs import TableSpec
from clickstream.table.translation import translated

PARALLEL_WRITES = 2
# A third of the group size that files are merged to later, because each file being written holds one group twice in
# memory.
APPENDED_GROUP_ROWS = ROW_GROUP_ROWS // 3
# The name of the column by which a scan returns the index of the file that a row is from.
FILE_NUMBER = "__fragment_index"
# Every commit of a compactor carries this application id, so that one of two concurrent commits fails and retries.
COMPACTOR = "compactor"
# Every commit that removes files carries this application id. Without it delta-rs sees no conflict between two commits
# that remove the same file if the first changed no rows, as in maintenance, and the second would duplicate the rows.
REWRITER = "rewriter"
# The member of a commit's metadata that has its counts.
COUNTS = "clickstream"


class Table:
    """A handle on one table at one version. Every commit to a table is made by this class.

    A commit fails if, after that version, another process committed the same application id, or removed files and this
    commit removes some, too. So appends and merges do not disturb each other, and two compactors do.
    """

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str, table: DeltaTable) -> None:
        self.spec = spec
        self.blobs = account.container(container)
        self._table = table
        self._location = table_uri(container, spec.name), account.delta_options()
        self._log = DeltaLog(self.blobs, spec.name)
        self._transactions: tuple[int, Mapping[str, int] | None] | None = None
        # The COMPACTOR version of the last commit by this handle.
        self._committed: int | None = None

    @classmethod
    def open(cls, spec: TableSpec, account: StorageAccount, container: str) -> Self | None:
        """The table's newest version; None if there is no table yet. Raise Unavailable."""
        with translated(spec.name):
            try:
                uri = table_uri(container, spec.name)
                return cls(spec, account, container, DeltaTable(uri, storage_options=account.delta_options()))
            except TableNotFoundError:
                return None

    @classmethod
    def open_or_create(cls, spec: TableSpec, account: StorageAccount, container: str) -> Self:
        """The table's newest version. Create an empty table if there is none; add missing columns and properties.

        Raise Unavailable.
        """
        uri, options = table_uri(container, spec.name), account.delta_options()
        with translated(spec.name):
            try:
                table = DeltaTable(uri, storage_options=options)
            except TableNotFoundError:
                with contextlib.suppress(CommitFailedError):  # another process has just created it
                    DeltaTable.create(
                        uri,
                        spec.schema,
                        mode="ignore",
                        partition_by=[spec.partition],
                        storage_options=options,
                        configuration=dict(spec.properties),
                    )
                table = DeltaTable(uri, storage_options=options)
            if not spec.properties.items() <= table.metadata().configuration.items():
                with contextlib.suppress(CommitFailedError):  # another process has just set them
                    table.alter.set_table_properties(dict(spec.properties))
                table = DeltaTable(uri, storage_options=options)
            if missing := _missing(spec, table):
                with contextlib.suppress(CommitFailedError):  # another process has just added them
                    table.alter.add_columns(list(deltalake.Schema.from_arrow(pa.schema(missing)).fields))
                table = DeltaTable(uri, storage_options=options)
        return cls(spec, account, container, table)

    # --- what this version holds -------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The table version that this handle reads."""
        return self._table.version()

    def update(self) -> None:
        """Read the newest version from now on. Raise Unavailable."""
        with translated(self.spec.name):
            self._table.update_incremental()

    def application_version(self, app_id: str) -> int | None:
        """The last version committed for this application id; None if there is none. Raise Unavailable."""
        with translated(self.spec.name):
            at = self.version
            if self._transactions is None or self._transactions[0] != at:
                self._transactions = at, self._log.transactions(at, self._transactions)
            versions = self._transactions[1]
            # The library would read the log again for each application id.
            version: int | None = self._table.transaction_version(app_id) if versions is None else versions.get(app_id)
            return version

    def counts_since(self, version: int) -> Sequence[Mapping[str, Any]]:
        """The counts of every commit after a version, oldest first, as far as the log goes back. Raise Unavailable.

        Reads the log itself, because the library's `history` blocks the whole process while it reads.
        """
        infos = self._log.commit_infos(version + 1, self.version)
        return [json.loads(info[COUNTS]) for info in infos if COUNTS in info]

    def dates(self) -> Collection[date]:
        """Every partition's date. Raise Unavailable."""
        with translated(self.spec.name):
            return {date.fromisoformat(part[self.spec.partition]) for part in self._table.partitions()}

    def files(self) -> Sequence[DataFile]:
        """Every file of this version. Raise Unavailable."""
        with translated(self.spec.name):
            return data_files(self._table, self.spec.partition)

    def replaced_since(self, version: int) -> Sequence[DataFile] | None:
        """Files of an earlier version that are no longer in this one, without their bounds. They may be deleted. None
        if the log does not go back so far. Raise Unavailable.
        """
        actions = self._log.replaced(version + 1, self.version)
        return None if actions is None else [removed_file(each, self.spec.partition) for each in actions]

    @property
    def schema_of_files(self) -> pa.Schema:
        """This program's columns without the partition column, which files do not hold."""
        return self.spec.schema.remove(self.spec.schema.get_field_index(self.spec.partition))

    @property
    def stored_schema(self) -> pa.Schema:
        """The columns stored in the table, which may differ from this program's, without the partition column."""
        schema = pa.schema(self._table.schema().to_arrow())
        return schema.remove(schema.get_field_index(self.spec.partition))

    def dataset(self) -> ds.Dataset:
        """All rows of this version, read while the dataset is scanned. Raise Unavailable."""
        with translated(self.spec.name):
            return self._table.to_pyarrow_dataset(schema=self.spec.schema)

    def filesystem(self, sizes: Mapping[str, int]) -> pf.FileSystem:
        """The table's files, with known sizes by path, as `stored_files`."""
        return stored_files(*self._location, sizes)

    def content(self, path: str) -> bytes:
        """The bytes of a file of the table. Raise FileNotFoundError, Unavailable."""
        blob = self.blobs.read(self.path_of(path))
        if blob is None:
            raise FileNotFoundError(path)
        return blob.data

    def path_of(self, path: str) -> str:
        """The path in the container of a path in the table."""
        return f"{self.spec.name}/{path}"

    def find(self, column: str, wanted: pa.Table, dates: Sequence[date], columns: Sequence[str]) -> pa.Table:
        """Columns of the rows under these dates that have a wanted value in `column`, and a wanted site.

        `wanted` has that column and `site`. A row may match by the value of one wanted row and the site of another. No
        other column is read of files without such a value. Raise Unavailable.
        """
        nothing = pa.schema([self.spec.schema.field(name) for name in columns]).empty_table()
        days = [(self.spec.partition, "in", [day.isoformat() for day in dates])]
        with translated(self.spec.name):
            if not dates or not self._table.file_uris(file_pruning_predicate=days):
                return nothing
            dataset = self._table.to_pyarrow_dataset(file_pruning_predicate=days)
            scanner = dataset.scanner(columns=[column, FILE_NUMBER])
            matches = rows_with(scanner.to_batches(), scanner.projected_schema, column, wanted[column])
            fragments = list(dataset.get_fragments())
            matching = [fragments[number] for number in pc.unique(matches[FILE_NUMBER]).to_pylist()]
            if not matching:
                return nothing
            files = ds.FileSystemDataset(matching, dataset.schema, dataset.format, dataset.filesystem)
            same = pc.field(column).isin(pc.unique(matches[column])) & pc.field("site").isin(pc.unique(wanted["site"]))
            return files.to_table(columns=list(columns), filter=same)

    # --- batches of new rows -----------------------------------------------------------------------------------------

    def append(
        self,
        rows: pa.Table,
        versions: Mapping[str, int],
        counts: Mapping[str, Any],
        mask: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Commit rows, application versions and counts as one version, or nothing. With `mask`, only its true rows.

        Each row gets the commit's number as its `batch`, if the table has that column. No other writer sets or changes
        it: rewritten files keep the numbers of their rows.

        Raise Conflict if another writer committed meanwhile, Unavailable if storage fails. A file written for a failed
        commit is not part of the table; vacuum removes it.
        """
        self._see_own_commit()
        self._committed = self.commit_batch(self.stage(rows, mask), versions, counts)

    def stage(self, rows: pa.Table, mask: npt.NDArray[np.bool_] | None = None) -> Sequence[AddAction]:
        """Store files of rows for the next batch. They are in no version until `commit_batch`. Raise Unavailable."""
        parts = self._parts(self._in_batch(rows, self._next_batch()), mask)
        with ThreadPoolExecutor(PARALLEL_WRITES) as pool:
            return list(pool.map(lambda part: self.write(part[0], _row_groups(*part[1:])), parts))

    def commit_batch(self, files: Sequence[Action], versions: Mapping[str, int], counts: Mapping[str, Any]) -> int:
        """Commit files as a batch, as a compactor does. Returns the batch's number. Raise Conflict, Unavailable."""
        batch = self._next_batch()
        self.commit(files, counts, {**versions, COMPACTOR: batch})
        return batch

    def _next_batch(self) -> int:
        return (self.application_version(COMPACTOR) or 0) + 1

    def _see_own_commit(self) -> None:
        """Update to the version of this handle's last commit. Raise Conflict if a later one exists, Unavailable."""
        if self._committed is None:
            return
        self.update()
        if self.application_version(COMPACTOR) != self._committed:
            raise Conflict(f"another writer changed {self.spec.name} after this one")

    def check(self, rows: pa.Table, mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Encode the files that `append` would write, without storing them. Raise what encoding them raises."""
        for _, part, places in self._parts(self._in_batch(rows, 0), mask):
            write_file(_row_groups(part, places), self.schema_of_files, pa.BufferOutputStream())

    def _in_batch(self, rows: pa.Table, number: int) -> pa.Table:
        if BATCH_COLUMN not in self.spec.schema.names:
            return rows
        numbers = pa.repeat(pa.scalar(number, pa.int64()), rows.num_rows)
        at = rows.schema.get_field_index(BATCH_COLUMN)
        return rows.append_column(BATCH_COLUMN, numbers) if at < 0 else rows.set_column(at, BATCH_COLUMN, numbers)

    def _parts(self, rows: pa.Table, mask: npt.NDArray[np.bool_] | None) -> Sequence[tuple[date, pa.Table, Places]]:
        """One entry per date: the date, all rows, and the sorted indices of the date's rows."""
        rows = rows.select(self.spec.schema.names).cast(self.spec.schema)
        dates = rows[self.spec.partition]
        order = sorted_order(rows, self.spec.sort_by)
        if mask is not None:
            order = order[mask[order]]
        days = dates.cast(pa.int32()).to_numpy()[order]
        rows = rows.drop_columns([self.spec.partition])
        parts = np.split(order, np.flatnonzero(np.diff(days)) + 1)
        return [(dates[int(part[0])].as_py(), rows, part) for part in parts if len(part)]

    # --- files and commits -------------------------------------------------------------------------------------------

    def write(self, day: date, groups: Iterable[pa.Table]) -> AddAction:
        """Encode these row groups in memory and store them as one file. Returns the action that adds it.

        Raise Unavailable, and what encoding raises.
        """
        path = new_path(self.spec.partition, day)
        sink = pa.BufferOutputStream()
        statistics = write_file(groups, self.schema_of_files, sink)
        data = sink.getvalue()
        self.blobs.write(self.path_of(path), memoryview(data).cast("B"))
        return addition(path, data.size, self.spec.partition, day, statistics)

    def removal(self, file: DataFile, *, changes_rows: bool = True) -> RemoveAction:
        """The action that removes a file from the table; the file itself stays until vacuum."""
        return removal(file, self.spec.partition, changes_rows=changes_rows)

    def remove(
        self,
        column: str,
        ids: Mapping[date, Collection[str]],
        counts: Callable[[pa.Table], Mapping[str, Any]] = lambda rows: {},
    ) -> int:
        """Remove the rows whose `column` has one of these ids. `ids` are by partition date. Returns the rows' number.

        Rewrites every file that holds such a row, so that every Delta reader sees the same, in one commit; there is no
        commit if nothing is removed. The commit carries `counts` of the removed rows. Replaced files stay for readers
        of older versions until vacuum. Raise Conflict if another writer committed first, Unavailable.
        """
        removed: list[pa.Table] = []
        actions: list[Action] = []
        with translated(self.spec.name, changes=True):
            for file in self.files():
                if file.day not in ids:
                    continue
                rows = pq.read_table(pa.BufferReader(self.content(file.path)), schema=self.schema_of_files)
                is_removed = pc.is_in(rows[column], pa.array(ids[file.day], pa.string()))
                remaining = rows.filter(pc.invert(is_removed))
                if remaining.num_rows == rows.num_rows:
                    continue
                removed.append(rows.filter(is_removed))
                actions.append(self.removal(file))
                if remaining.num_rows:
                    actions.append(self.write(file.day, [remaining]))
        if actions:
            self.commit(actions, counts(pa.concat_tables(removed)))
        return sum(rows.num_rows for rows in removed)

    def commit(
        self, actions: Sequence[Action], counts: Mapping[str, Any], versions: Mapping[str, int] | None = None
    ) -> None:
        """Commit all actions with application versions and counts as one version, or nothing.

        Files added by a failed commit are deleted: the commit that won may have been an erasure, so they could contain
        erased rows. A commit whose answer was lost fails, too, on its retry; files that it did add to the table stay.
        Raise Conflict if another process committed first, Unavailable.
        """
        with translated(self.spec.name, changes=True):
            transactions = [Transaction(app_id, version) for app_id, version in (versions or {}).items()]
            if any(isinstance(action, RemoveAction) for action in actions):
                transactions.append(Transaction(REWRITER, (self.application_version(REWRITER) or 0) + 1))
            try:
                self._table.create_write_transaction(
                    list(actions),
                    mode="append",
                    schema=self._table.schema(),
                    partition_by=[self.spec.partition],
                    commit_properties=CommitProperties(
                        custom_metadata={COUNTS: json.dumps(counts, separators=(",", ":"))},
                        app_transactions=transactions,
                    ),
                )
            except CommitFailedError:
                self._delete_added(actions)
                raise

    def _delete_added(self, actions: Sequence[Action]) -> None:
        self._table.update_incremental()
        live = set(pa.table(self._table.get_add_actions(flatten=True))["path"].to_pylist())
        for action in actions:
            if isinstance(action, AddAction) and action.path not in live:
                self.blobs.delete(self.path_of(action.path))

    # --- the log, and files in no version ----------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Store this version's state as a checkpoint of the log. Raise Unavailable."""
        with translated(self.spec.name):
            self._table.create_checkpoint()

    def clean_log(self) -> None:
        """Delete expired files of the log: after thirty days, or as the property `delta.logRetentionDuration` says.

        Raise Unavailable.
        """
        with translated(self.spec.name):
            self._table.cleanup_metadata()

    def vacuum(self, retention: timedelta) -> int:
        """Delete files that have been in no version for `retention`, and files of failed commits as old.

        Returns the files' number. Raise Unavailable.
        """
        hours = int(retention / timedelta(hours=1))
        with translated(self.spec.name):
            # A dry run first, because a vacuum adds two commits to the log even if it deletes nothing.
            if not self._table.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True):
                return 0
            return len(self._table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True))


def _row_groups(rows: pa.Table, places: Places) -> Iterator[pa.Table]:
    """The rows at these indices, one row group at a time, so that only one group is copied at once."""
    for start in range(0, len(places), APPENDED_GROUP_ROWS):
        yield rows.take(pa.array(places[start : start + APPENDED_GROUP_ROWS]))


def _missing(spec: TableSpec, table: DeltaTable) -> Sequence[pa.Field]:
    """The nullable columns that the table lacks because an earlier version created it. Others cannot be added."""
    existing = {field.name for field in table.schema().fields}
    return [field for field in spec.schema if field.nullable and field.name not in existing]
