"""A table whose rows can be taken out of every version: of the newest by a commit, of older ones with their files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from urllib.parse import unquote

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pf
import pyarrow.parquet as pq
from deltalake import DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction

from clickstream.lake.actions import Action, data_files, removal
from clickstream.lake.delta import COMPACTOR, LakeTable, TableSpec
from clickstream.lake.storage import StorageAccount, table_uri

LOG = "_delta_log/"
Find = Callable[[pa.Table], pa.ChunkedArray]
Change = Callable[[pa.Table], pa.Table]
_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint[\w.-]*\.parquet")


@dataclass(slots=True)
class Rewritten:
    """What was done to a table. Files are told by path and, of those that held rows which are gone, SHA-256."""

    version_before: int
    version_after: int
    rows: int = 0
    removed: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that held rows which are meant: how many, its SHA-256, and what was written in its place, if anything."""

    rows: int
    sha256: str
    written: AddAction | None


class ErasableTable(LakeTable):
    """A handle on one table. `columns` are what `find` looks at; it says of each row whether it is meant."""

    def __init__(self, spec: TableSpec, account: StorageAccount, container: str, table: DeltaTable) -> None:
        super().__init__(spec, account, container, table)
        self._location = table_uri(container, spec.name), account.delta_options()

    def rewrite(
        self,
        columns: Sequence[str],
        find: Find,
        change: Change,
        counted_as: str,
        looked_at: dict[str, Replaced | None],
        *,
        always: bool,
    ) -> Rewritten:
        """Replace the rows that are meant by what `change` makes of them: as many, or none. One commit.

        With `always` there is a commit where nothing is found, too: a compactor that is under way must look again,
        since it may not know yet whom it has to leave out. Files never change, so `looked_at` keeps what was found in
        each, for the next try after a Conflict; but for those that were written anew, since what was written is deleted
        then. Raise Conflict when another writer committed meanwhile, Unavailable.
        """
        made = Rewritten(self.version, self.version)
        actions: list[Action] = []
        with self._writable():
            live = list(self._live())
            files = self._filesystem({path: size for _, path, size in live})
            for day, path, size in live:
                if path not in looked_at:
                    looked_at[path] = self._replace(files, day, path, columns, find, change)
                if (replaced := looked_at[path]) is None:
                    continue
                made.rows += replaced.rows
                made.removed[path] = replaced.sha256
                actions.append(removal(path, size, self.spec.partition, day))
                if replaced.written is not None:
                    actions.append(replaced.written)
                    made.written.append(replaced.written.path)
            if actions or always:
                generation = (self.application_version(COMPACTOR) or 0) + 1
                try:
                    self._commit(actions, {counted_as: made.rows}, [Transaction(COMPACTOR, generation)])
                except CommitFailedError:
                    for path in made.removed:
                        del looked_at[path]
                    raise
                self._table.update_incremental()
        made.version_after = self.version
        return made

    def forget(self, columns: Sequence[str], find: Find) -> Mapping[str, str]:
        """Delete files that hold rows which are meant and are no part of the newest version; then what the log tells of
        files that are gone: bounds of their values, and older checkpoints.

        A reader that is in the middle of an older version may find it gone. Returns path and SHA-256 of what was
        deleted. Raise Unavailable.
        """
        deleted: dict[str, str] = {}
        with self._writable():
            blobs = [blob for blobs in obstore.list(self._files, f"{self.spec.name}/") for blob in blobs]
            sizes = {blob["path"].removeprefix(f"{self.spec.name}/"): blob["size"] for blob in blobs}
            files = self._filesystem(sizes)
            self._table.update_incremental()  # after the listing, so that the newest version knows all that was listed
            live = {path for _, path, _ in self._live()}
            for path in sizes:
                if path.startswith(LOG) or not path.endswith(".parquet") or path in live:
                    continue
                try:
                    if _any(find(self._columns_of(files, path, columns))):
                        data = self._bytes_of(path)
                        obstore.delete(self._files, f"{self.spec.name}/{path}")
                        deleted[path] = sha256(data).hexdigest()
                except FileNotFoundError:  # vacuum was quicker
                    continue
            names = [path.removeprefix(LOG) for path in sizes if path.startswith(LOG)]
            self._forget_bounds([name for name in names if _COMMIT.fullmatch(name)], live)
            self._forget_checkpoints([name for name in names if _CHECKPOINT.fullmatch(name)])
        return deleted

    def dataset(self) -> ds.Dataset:
        """All rows of this version, read while it is scanned. Raise Unavailable."""
        with self._readable():
            return self._table.to_pyarrow_dataset(schema=self.spec.schema)

    def select(self, columns: Sequence[str], find: Find) -> Iterator[pa.Table]:
        """These columns of the rows that are meant, file by file. Raise Unavailable, also while they are read."""
        with self._readable():
            live = list(self._live())
            files = self._filesystem({path: size for _, path, size in live})
            for _, path, _ in live:
                rows = self._columns_of(files, path, columns)
                yield rows.filter(find(rows))

    def rows(self, columns: Sequence[str], find: Find) -> Iterator[pa.Table]:
        """The same rows, whole. Raise Unavailable, also while they are read."""
        with self._readable():
            live = list(self._live())
            files = self._filesystem({path: size for _, path, size in live})
            for _, path, _ in live:
                if _any(find(self._columns_of(files, path, columns))):
                    rows = pq.read_table(pa.BufferReader(self._bytes_of(path)), schema=self._schema_of_files)
                    yield rows.filter(find(rows))

    def _replace(
        self, files: pf.FileSystem, day: date, path: str, columns: Sequence[str], find: Find, change: Change
    ) -> Replaced | None:
        if not _any(find(self._columns_of(files, path, columns))):
            return None
        data = self._bytes_of(path)
        rows = pq.read_table(pa.BufferReader(data), schema=self._schema_of_files)
        meant = find(rows)
        left = _replaced(rows, meant, change)
        count = pc.sum(meant).as_py()
        return Replaced(count, sha256(data).hexdigest(), self._write(day, left) if left.num_rows else None)

    def _live(self) -> Iterator[tuple[date, str, int]]:
        """Date, path and bytes of every file of this version."""
        for file in data_files(self._table, self.spec.partition):
            yield file.day, file.path, file.size_bytes

    def _filesystem(self, sizes: Mapping[str, int]) -> pf.FileSystem:
        """The table's files, of known sizes: asking for one would hold the interpreter until storage answers."""
        return pf.PyFileSystem(DeltaStorageHandler(*self._location, dict(sizes)))

    def _columns_of(self, files: pf.FileSystem, path: str, columns: Sequence[str]) -> pa.Table:
        dataset = ds.dataset([path], filesystem=files, format="parquet", schema=self._schema_of_files)
        return dataset.to_table(columns=list(columns))

    def _bytes_of(self, path: str) -> bytes:
        return bytes(obstore.get(self._files, f"{self.spec.name}/{path}").bytes())

    def _forget_bounds(self, commits: Sequence[str], live: set[str]) -> None:
        for name in commits:
            path = f"{self.spec.name}/{LOG}{name}"
            text = bytes(obstore.get(self._files, path).bytes()).decode()
            told = "\n".join(_without_bounds(line, live) for line in text.split("\n"))
            if told != text:
                obstore.put(self._files, path, told.encode())

    def _forget_checkpoints(self, names: Sequence[str]) -> None:
        version = self._table.version()
        older = [name for name in names if int(name[:20]) < version]
        if older:
            self._table.create_checkpoint()
        for name in older:
            obstore.delete(self._files, f"{self.spec.name}/{LOG}{name}")


def _any(mask: pa.ChunkedArray) -> bool:
    return bool(pc.any(mask).as_py())


def _replaced(rows: pa.Table, meant: pa.ChunkedArray, change: Change) -> pa.Table:
    """The rows in their order, those that are meant changed."""
    changed = change(rows.filter(meant))
    if not changed.num_rows:
        return rows.filter(pc.invert(meant))
    kept = pc.invert(meant)
    places = pa.concat_arrays([pc.indices_nonzero(mask) for mask in (meant, kept)])
    return pa.concat_tables([changed, rows.filter(kept)]).take(pc.sort_indices(places))


def _without_bounds(line: str, live: set[str]) -> str:
    """A line of the log; of a file that is no part of the table any more only its number of rows is told."""
    action = json.loads(line) if line.strip() else {}
    told = action.get("add") or action.get("remove")
    if not told or not told.get("stats") or unquote(told["path"]) in live:
        return line
    stats = json.loads(told["stats"])
    if stats.keys() == {"numRecords"}:
        return line
    told["stats"] = json.dumps({"numRecords": stats["numRecords"]})
    return json.dumps(action, separators=(",", ":"))
