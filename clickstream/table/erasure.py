"""Erase rows from every version of a table: from the newest by a commit, from older ones with the files.

`find` returns a boolean mask over rows; `columns` are the columns that it reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as pf
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from clickstream.errors import Conflict
from clickstream.table.actions import Action
from clickstream.table.data_files import DataFile
from clickstream.table.delta import Table
from clickstream.table.translation import translated

LOG = "_delta_log/"
Find = Callable[[pa.Table], pa.ChunkedArray]
Change = Callable[[pa.Table], pa.Table]
_COMMIT = re.compile(r"\d{20}\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint[\w.-]*\.parquet")


@dataclass(slots=True)
class Rewritten:
    """The result of a rewrite: `removed` files as path to SHA-256 of what they held, `written` ones by path."""

    version_before: int
    version_after: int
    rows: int = 0
    removed: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file with matching rows: their number, the file's SHA-256, and the file written in its place, if any."""

    rows: int
    sha256: str
    written: AddAction | None


def rewrite(
    table: Table,
    columns: Sequence[str],
    find: Find,
    change: Change,
    counted_as: str,
    examined: dict[str, Replaced | None],
    *,
    always: bool,
) -> Rewritten:
    """Replace the matching rows by what `change` returns for them, the same number or none. One commit.

    With `always` it commits even if no row matches. This makes a concurrent compactor's commit fail, so that it reads
    the suppression list again. Files never change, so `examined` maps a file's path to its result, for the retry after
    a Conflict. Rewritten files are dropped from it, because a failed commit deletes what was written. Raise Conflict if
    another writer committed meanwhile, Unavailable.
    """
    result = Rewritten(table.version, table.version)
    actions: list[Action] = []
    live = table.files()
    with translated(table.spec.name, changes=True):
        files = _filesystem(table, live)
        for file in live:
            if file.path not in examined:
                examined[file.path] = _replace(table, files, file, columns, find, change)
            if (replaced := examined[file.path]) is None:
                continue
            result.rows += replaced.rows
            result.removed[file.path] = replaced.sha256
            actions.append(table.removal(file))
            if replaced.written is not None:
                actions.append(replaced.written)
                result.written.append(replaced.written.path)
    if actions or always:
        try:
            table.commit_batch(actions, {}, {counted_as: result.rows})
        except Conflict:
            for path in result.removed:
                del examined[path]
            raise
        table.update()
    result.version_after = table.version
    return result


def forget(table: Table, columns: Sequence[str], find: Find, clean: set[str]) -> Mapping[str, str]:
    """Delete files that hold matching rows and are not in the newest version. Then remove from the log the bounds
    of values in files that are not in it, and older checkpoints.

    A reader of an older version may fail while it reads. Files never change, so those without matching rows are
    added to `clean` and not read again. Returns the deleted files, path to SHA-256. Raise Unavailable.
    """
    deleted: dict[str, str] = {}
    folder = table.path_of("")
    sizes = {blob.path.removeprefix(folder): blob.size_bytes for blob in table.blobs.list(folder)}
    table.update()  # after the listing, so that no file newer than the handle was listed
    live = {file.path for file in table.files()}
    with translated(table.spec.name):
        files = table.filesystem(sizes)
        for path in sizes:
            if path.startswith(LOG) or not path.endswith(".parquet") or path in live or path in clean:
                continue
            try:
                if not _any(find(_columns_of(table, files, path, columns))):
                    clean.add(path)
                    continue
                data = table.content(path)
            except FileNotFoundError:  # vacuum deleted it first
                continue
            if table.blobs.delete(table.path_of(path)):
                deleted[path] = sha256(data).hexdigest()
        names = [path.removeprefix(LOG) for path in sizes if path.startswith(LOG)]
        _forget_bounds(table, [name for name in names if _COMMIT.fullmatch(name)], live)
        _forget_checkpoints(table, [name for name in names if _CHECKPOINT.fullmatch(name)])
    return deleted


def select(table: Table, columns: Sequence[str], find: Find) -> Iterator[pa.Table]:
    """These columns of the matching rows, one table per file. Raise Unavailable, also during iteration."""
    live = table.files()
    files = _filesystem(table, live)
    for file in live:
        with translated(table.spec.name):
            rows = _columns_of(table, files, file.path, columns)
        yield rows.filter(find(rows))


def whole_rows(table: Table, columns: Sequence[str], find: Find) -> Iterator[pa.Table]:
    """All columns of the matching rows, one table per file with any. `columns` are those that `find` reads.

    Raise Unavailable, also during iteration.
    """
    live = table.files()
    files = _filesystem(table, live)
    for file in live:
        with translated(table.spec.name):
            if not _any(find(_columns_of(table, files, file.path, columns))):
                continue
            rows = _rows_in(table, table.content(file.path))
        yield rows.filter(find(rows))


def _replace(
    table: Table, files: pf.FileSystem, file: DataFile, columns: Sequence[str], find: Find, change: Change
) -> Replaced | None:
    if not _any(find(_columns_of(table, files, file.path, columns))):
        return None
    data = table.content(file.path)
    rows = _rows_in(table, data)
    mask = find(rows)
    remaining = _replaced(rows, mask, change)
    written = table.write(file.day, [remaining]) if remaining.num_rows else None
    return Replaced(pc.sum(mask).as_py(), sha256(data).hexdigest(), written)


def _filesystem(table: Table, files: Sequence[DataFile]) -> pf.FileSystem:
    return table.filesystem({file.path: file.size_bytes for file in files})


def _columns_of(table: Table, files: pf.FileSystem, path: str, columns: Sequence[str]) -> pa.Table:
    dataset = ds.dataset([path], filesystem=files, format="parquet", schema=table.schema_of_files)
    return dataset.to_table(columns=list(columns))


def _rows_in(table: Table, data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data), schema=table.schema_of_files)


def _forget_bounds(table: Table, commits: Sequence[str], live: set[str]) -> None:
    for name in commits:
        text = table.content(LOG + name).decode()
        cleaned = "\n".join(_without_bounds(line, live) for line in text.split("\n"))
        if cleaned != text:
            table.blobs.write(table.path_of(LOG + name), cleaned.encode())


def _forget_checkpoints(table: Table, names: Sequence[str]) -> None:
    older = [name for name in names if int(name[:20]) < table.version]
    if older:
        table.checkpoint()
    for name in older:
        table.blobs.delete(table.path_of(LOG + name))


def _any(mask: pa.ChunkedArray) -> bool:
    return bool(pc.any(mask).as_py())


def _replaced(rows: pa.Table, mask: pa.ChunkedArray, change: Change) -> pa.Table:
    """The rows in their order, with those in the mask changed or, if `change` returns none, removed."""
    changed = change(rows.filter(mask))
    if not changed.num_rows:
        return rows.filter(pc.invert(mask))
    rest = pc.invert(mask)
    places = pa.concat_arrays([pc.indices_nonzero(rows_of) for rows_of in (mask, rest)])
    return pa.concat_tables([changed, rows.filter(rest)]).take(pc.sort_indices(places))


def _without_bounds(line: str, live: set[str]) -> str:
    """A line of the log; if its file is not in `live`, of its statistics only the number of rows is left."""
    action = json.loads(line) if line.strip() else {}
    file = action.get("add") or action.get("remove")
    if not file or not file.get("stats") or unquote(file["path"]) in live:
        return line
    stats = json.loads(file["stats"])
    if stats.keys() == {"numRecords"}:
        return line
    file["stats"] = json.dumps({"numRecords": stats["numRecords"]})
    return json.dumps(action, separators=(",", ":"))
