"""What maintenance does to one Delta table: merge files, delete rows, checkpoint, clean the log, vacuum.

None of it changes what a reader of the newest version sees, but for the rows that are deleted. Rows are read and
written in pieces, so memory does not grow with files. See docs/maintenance.md for what happens beside a compactor.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from clickstream.errors import Conflict, Unavailable
from clickstream.lake.actions import Action, addition, commit, data_files, discarding, new_path, removal
from clickstream.lake.data_files import ROW_GROUP_ROWS, write_file
from clickstream.lake.delta import TableSpec
from clickstream.lake.merging import merged
from clickstream.lake.storage import StorageAccount, table_uri
from clickstream.maintaining.planning import Cleaned, DataFile, Expired

if TYPE_CHECKING:
    from obstore.store import AzureStore

PARALLEL_READS = 4
CHUNK_BYTES = 8_388_608
BATCH_ROWS = 8_192
LAST_CHECKPOINT = "_delta_log/_last_checkpoint"


class MaintainedTable:
    """A handle on one table at one version. Its commits fail where another one rewrote files meanwhile."""

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str, table: DeltaTable) -> None:
        self.spec = spec
        self._table = table
        self._files: AzureStore = account.container(container)

    @classmethod
    def open(cls, spec: TableSpec, account: StorageAccount, container: str) -> Self | None:
        """The table as it is now; None where there is none yet. Raise Unavailable."""
        try:
            uri = table_uri(container, spec.name)
            return cls(spec, account, container, DeltaTable(uri, storage_options=account.delta_options()))
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise Unavailable(f"the table {spec.name} cannot be opened: {error}") from error

    def files(self) -> Sequence[DataFile]:
        """Every file of this version. Raise Unavailable."""
        with self._working():
            return data_files(self._table, self.spec.partition)

    def merge(self, files: Sequence[DataFile]) -> int:
        """Put one sorted file, with the same rows, in place of files of one day. Returns its bytes.

        Raise Conflict when another one rewrote files meanwhile, and Unavailable.
        """
        with self._working(), TemporaryDirectory() as folder:
            paths = self._download(files, Path(folder))
            rows = merged(paths, self._schema, [name for name in self.spec.sort_by if name != self.spec.partition])
            written = self._write(files[0].day, rows, Path(folder) / "merged.parquet", changes_rows=False)
            assert written is not None, "files of a table hold rows"
            self._commit([*(self._removal(file, changes_rows=False) for file in files), written], {})
            return written.size

    def delete(self, expired: Expired) -> int:
        """Delete the sites' rows from the files, all in one commit; none where there are none. Returns how many.

        Raise Conflict when another one rewrote files meanwhile, and Unavailable.
        """
        count = 0
        actions: list[Action] = []
        doomed = pc.field("site").isin(pa.array(sorted(expired.sites), pa.string()))
        for file in expired.files:
            with self._working(), TemporaryDirectory() as folder:
                paths = self._download([file], Path(folder))
                found = ds.dataset(paths, schema=self._schema).count_rows(filter=doomed)
                if not found:
                    continue
                count += found
                kept = row_groups(self._read(paths, ~doomed | pc.field("site").is_null()).to_batches())
                written = self._write(expired.day, kept, Path(folder) / "kept.parquet", changes_rows=True)
                actions += [self._removal(file, changes_rows=True), *([] if written is None else [written])]
        if actions:
            with self._working():
                self._commit(actions, {"expired": count})
        return count

    # --- how far retention is ----------------------------------------------------------------------------------------

    def cleaned(self, sites: Iterable[str]) -> Mapping[str, Cleaned]:
        """What `note_cleaned` was told last of each of these sites. Raise Unavailable."""
        found: dict[str, Cleaned] = {}
        with self._working():
            for site in sites:
                until = self._table.transaction_version(f"retention/{site}/until")
                at = self._table.transaction_version(f"retention/{site}/at")
                if until is not None and at is not None:
                    found[site] = Cleaned(date.fromordinal(until), datetime.fromtimestamp(at, UTC))
        return found

    def note_cleaned(self, cleaned: Mapping[str, Cleaned]) -> None:
        """Keep, as application versions of the table itself, how far its sites are cleaned.

        Raise Conflict when another one noted it meanwhile, and Unavailable.
        """
        marks = [
            transaction
            for site, mark in cleaned.items()
            for transaction in (
                Transaction(f"retention/{site}/until", mark.until.toordinal()),
                Transaction(f"retention/{site}/at", int(mark.at.timestamp())),
            )
        ]
        with self._working():
            self._commit([], {}, marks)

    # --- the log and files of no version -----------------------------------------------------------------------------

    def checkpoint(self, after_commits: int) -> bool:
        """Write a checkpoint if there were so many commits since the last, and delete the log that has expired.

        A log lives thirty days unless the table's property `delta.logRetentionDuration` says otherwise; application
        versions stand in the checkpoint and outlive it. Returns whether it did. Raise Unavailable.
        """
        with self._working():
            try:
                note = json.loads(bytes(obstore.get(self._files, f"{self.spec.name}/{LAST_CHECKPOINT}").bytes()))
            except FileNotFoundError:
                note = {"version": 0}
            if self._table.version() - int(note["version"]) < after_commits:
                return False
            self._table.create_checkpoint()
            self._table.cleanup_metadata()
            return True

    def vacuum(self, retention: timedelta) -> int:
        """Delete files that for so long have been part of no version, and those of commits that never came about.

        Returns how many. Raise Unavailable.
        """
        hours = int(retention / timedelta(hours=1))
        with self._working():
            # A look first: a vacuum leaves two commits in the log even where it finds nothing.
            if not self._table.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True):
                return 0
            return len(self._table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True))

    # --- files -------------------------------------------------------------------------------------------------------

    @property
    def _schema(self) -> pa.Schema:
        """The table's own columns, whatever this program's are, but for the one it is partitioned by."""
        schema = pa.schema(self._table.schema().to_arrow())
        return schema.remove(schema.get_field_index(self.spec.partition))

    def _download(self, files: Sequence[DataFile], folder: Path) -> Sequence[str]:
        def download(at: int) -> str:
            path = folder / f"{at}.parquet"
            with path.open("wb") as local:
                for chunk in obstore.get(self._files, f"{self.spec.name}/{files[at].path}").stream(CHUNK_BYTES):
                    local.write(chunk)
            return str(path)

        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            return list(pool.map(download, range(len(files))))

    def _read(self, paths: Sequence[str], filter: ds.Expression | None = None) -> ds.Scanner:
        return ds.dataset(paths, schema=self._schema).scanner(
            filter=filter, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        )

    def _write(self, day: date, groups: Iterator[pa.Table], local: Path, *, changes_rows: bool) -> AddAction | None:
        """Write the rows, in their order, as one file and upload it; None where there are none."""
        if (first := next(groups, None)) is None:
            return None
        with local.open("wb") as target:
            told = write_file((rows.cast(self._schema) for rows in chain([first], groups)), self._schema, target)
        path = new_path(self.spec.partition, day)
        obstore.put(self._files, f"{self.spec.name}/{path}", local)
        return addition(path, local.stat().st_size, self.spec.partition, day, told, changes_rows=changes_rows)

    def _removal(self, file: DataFile, *, changes_rows: bool) -> RemoveAction:
        return removal(file.path, file.size_bytes, self.spec.partition, file.day, changes_rows=changes_rows)

    def _commit(
        self, actions: Sequence[Action], counts: Mapping[str, Any], transactions: Sequence[Transaction] = ()
    ) -> None:
        with discarding(self._table, self._files, self.spec.name, actions):
            commit(self._table, self._table.schema(), self.spec.partition, actions, counts, transactions)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        try:
            yield
        except CommitFailedError as error:
            raise Conflict(f"another one rewrote files of {self.spec.name}: {error}") from error
        except FileNotFoundError as error:
            raise Conflict(f"a file of {self.spec.name} is there no more: {error}") from error
        except (DeltaError, OSError, obstore.exceptions.BaseError, pa.ArrowException) as error:
            raise Unavailable(f"{self.spec.name} cannot be maintained: {error}") from error


def row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches joined to tables of about ROW_GROUP_ROWS; no empty one."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        waiting.append(batch)
        count += batch.num_rows
        if count >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, count = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
