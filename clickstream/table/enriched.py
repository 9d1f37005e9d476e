"""Rewrite event files with new values in the derived columns. Nothing else in them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from clickstream.model.schema import DERIVED_COLUMNS, VERSION_COLUMN
from clickstream.table.actions import Action
from clickstream.table.data_files import DataFile
from clickstream.table.delta import Table
from clickstream.table.maintenance import download, row_groups, write
from clickstream.table.translation import translated


@dataclass(frozen=True, slots=True)
class Renewed:
    """Counts of one date: all its files and rows, the files rewritten, and the rows with a changed derived column."""

    files: int = 0
    rows: int = 0
    rewritten_files: int = 0
    changed_rows: int = 0

    def __add__(self, other: Renewed) -> Renewed:
        return Renewed(
            self.files + other.files,
            self.rows + other.rows,
            self.rewritten_files + other.rewritten_files,
            self.changed_rows + other.changed_rows,
        )


def renew(
    table: Table, day: date, is_current: Callable[[pa.Table], bool], enrich: Callable[[pa.Table], pa.Table]
) -> Renewed:
    """Rewrite the files of one date that are not current, all in one commit; no commit if all are current.

    `is_current` gets a file's columns `site` and `enrichment_version`. Rows are read, enriched and written in
    pieces. Raise Conflict if another process rewrote files meanwhile, Unavailable.
    """
    total = Renewed()
    actions: list[Action] = []
    for file in table.files():
        if file.day == day:
            counts, file_actions = _renew_file(table, file, is_current, enrich)
            total += counts
            actions += file_actions
    if actions:
        table.commit(actions, {"enriched": total.changed_rows})
    return total


def _renew_file(
    table: Table, file: DataFile, is_current: Callable[[pa.Table], bool], enrich: Callable[[pa.Table], pa.Table]
) -> tuple[Renewed, Sequence[Action]]:
    with translated(table.spec.name, changes=True), TemporaryDirectory() as folder:
        paths = download(table, [file], Path(folder))
        versions = ds.dataset(paths, schema=table.stored_schema).to_table(columns=["site", VERSION_COLUMN])
        if is_current(versions):
            return Renewed(1, versions.num_rows), []
        changed = 0

        def enriched_groups() -> Iterator[pa.Table]:
            nonlocal changed
            for before in row_groups(table, paths):
                after = enrich(before)
                changed += changed_rows(before, after)
                yield after

        written = write(table, file.day, enriched_groups(), Path(folder) / "renewed.parquet")
        assert written is not None, "files of a table hold rows"
        return Renewed(1, versions.num_rows, 1, changed), [table.removal(file), written]


def changed_rows(before: pa.Table, after: pa.Table) -> int:
    """The number of rows with a changed derived column; the version column does not count."""
    same = pa.array([True] * before.num_rows)
    for column in DERIVED_COLUMNS:
        if column.name != VERSION_COLUMN:
            old, new = before[column.name], after[column.name]
            alike = pc.or_(pc.fill_null(pc.equal(old, new), False), pc.and_(pc.is_null(old), pc.is_null(new)))
            same = pc.and_(same, alike)
    count: int = before.num_rows - (pc.sum(same).as_py() or 0)
    return count
