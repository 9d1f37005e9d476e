"""Maintenance of one Delta table: merge files, delete rows, note the progress of retention, checkpoint.

Except for deleted rows, none of it changes what a reader of the newest version sees. Rows are read and written in
pieces, so memory does not grow with file size. See docs/maintenance.md for how it runs next to a compactor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.transaction import AddAction

from clickstream.table.actions import Action, addition, new_path
from clickstream.table.data_files import Cleaned, DataFile, Expired
from clickstream.table.delta import Table
from clickstream.table.parquet_files import ROW_GROUP_ROWS, write_file
from clickstream.table.sorted_merge import merged
from clickstream.table.translation import translated

PARALLEL_READS = 4
BATCH_ROWS = 8_192
LAST_CHECKPOINT = "_delta_log/_last_checkpoint"


def merge(table: Table, files: Sequence[DataFile]) -> int:
    """Replace files of one day by one sorted file with the same rows. Returns its bytes.

    Raise Conflict if another process rewrote files meanwhile, Unavailable.
    """
    spec = table.spec
    with translated(spec.name, changes=True), TemporaryDirectory() as folder:
        paths = download(table, files, Path(folder))
        rows = merged(paths, table.stored_schema, [name for name in spec.sort_by if name != spec.partition])
        written = write(table, files[0].day, rows, Path(folder) / "merged.parquet", changes_rows=False)
        assert written is not None, "files of a table hold rows"
        table.commit([*(table.removal(file, changes_rows=False) for file in files), written], {})
        return written.size


def delete_expired(table: Table, expired: Expired) -> int:
    """Delete the sites' rows from the files, all in one commit. Returns the rows' number; no commit if it is 0.

    Raise Conflict if another process rewrote files meanwhile, Unavailable.
    """
    count = 0
    actions: list[Action] = []
    expired_rows = pc.field("site").isin(pa.array(sorted(expired.sites), pa.string()))
    for file in expired.files:
        with translated(table.spec.name, changes=True), TemporaryDirectory() as folder:
            paths = download(table, [file], Path(folder))
            matches = ds.dataset(paths, schema=table.stored_schema).count_rows(filter=expired_rows)
            if not matches:
                continue
            count += matches
            remaining = row_groups(table, paths, ~expired_rows | pc.field("site").is_null())
            written = write(table, expired.day, remaining, Path(folder) / "kept.parquet")
            actions += [table.removal(file), *([] if written is None else [written])]
    if actions:
        table.commit(actions, {"expired": count})
    return count


def read_cleaned(table: Table, sites: Iterable[str]) -> Mapping[str, Cleaned]:
    """The last mark that `note_cleaned` stored, by site; sites without one are missing. Raise Unavailable."""
    marks: dict[str, Cleaned] = {}
    for site in sites:
        until = table.application_version(f"retention/{site}/until")
        at = table.application_version(f"retention/{site}/at")
        if until is not None and at is not None:
            marks[site] = Cleaned(date.fromordinal(until), datetime.fromtimestamp(at, UTC))
    return marks


def note_cleaned(table: Table, cleaned: Mapping[str, Cleaned]) -> None:
    """Store up to which date each site is cleaned, as application versions of the table.

    Raise Conflict if another process stored it meanwhile, Unavailable.
    """
    until = {f"retention/{site}/until": mark.until.toordinal() for site, mark in cleaned.items()}
    at = {f"retention/{site}/at": int(mark.at.timestamp()) for site, mark in cleaned.items()}
    table.commit([], {}, {**until, **at})


def checkpoint(table: Table, after_commits: int) -> bool:
    """Write a checkpoint if there were `after_commits` commits since the last, and delete expired log files.

    Application versions are in the checkpoint, so they outlive the log. Returns whether it wrote one. Raise
    Unavailable.
    """
    blob = table.blobs.read(table.path_of(LAST_CHECKPOINT))
    last = 0 if blob is None else int(json.loads(blob.data)["version"])
    if table.version - last < after_commits:
        return False
    table.checkpoint()
    table.clean_log()
    return True


# --- files on the local disk -----------------------------------------------------------------------------------------


def download(table: Table, files: Sequence[DataFile], folder: Path) -> Sequence[str]:
    """Copy files of the table to a local folder. Raise FileNotFoundError, OSError, Unavailable."""

    def download_one(at: int) -> str:
        path = folder / f"{at}.parquet"
        with path.open("wb") as local:
            if table.blobs.download(table.path_of(files[at].path), local) is None:
                raise FileNotFoundError(files[at].path)
        return str(path)

    with ThreadPoolExecutor(PARALLEL_READS) as pool:
        return list(pool.map(download_one, range(len(files))))


def write(
    table: Table, day: date, groups: Iterator[pa.Table], local: Path, *, changes_rows: bool = True
) -> AddAction | None:
    """Write the rows in their order as one local file, and upload it. None if there are no rows.

    Raise Unavailable, OSError, and pyarrow's errors.
    """
    if (first := next(groups, None)) is None:
        return None
    schema = table.stored_schema
    with local.open("wb") as target:
        statistics = write_file((rows.cast(schema) for rows in chain([first], groups)), schema, target)
    path = new_path(table.spec.partition, day)
    table.blobs.write(table.path_of(path), local)
    return addition(path, local.stat().st_size, table.spec.partition, day, statistics, changes_rows=changes_rows)


def row_groups(table: Table, paths: Sequence[str], filter: ds.Expression | None = None) -> Iterator[pa.Table]:
    """The rows of local files, joined to tables of about ROW_GROUP_ROWS rows; none of them is empty."""
    scanner = ds.dataset(paths, schema=table.stored_schema).scanner(
        filter=filter, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1
    )
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in scanner.to_batches():
        if not batch.num_rows:
            continue
        waiting.append(batch)
        count += batch.num_rows
        if count >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, count = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)
