"""Files of the events written anew with other derived columns; nothing else of them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from clickstream.lake.actions import Action
from clickstream.lake.delta import EVENTS_TABLE, LakeTable
from clickstream.lake.maintenance import MaintainedTable, row_groups
from clickstream.lake.schema import DERIVED_COLUMNS, VERSION_COLUMN
from clickstream.lake.storage import StorageAccount
from clickstream.maintaining.planning import DataFile


@dataclass(frozen=True, slots=True)
class Renewed:
    """What became of one date: its files and rows, and those of them that were written anew or say something else."""

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


def open_enriched(account: StorageAccount, container: str) -> EnrichedTable:
    """The table of events, with every derived column that this version knows. Raise Unavailable."""
    LakeTable.open_or_create(EVENTS_TABLE, account, container)
    table = EnrichedTable.open(EVENTS_TABLE, account, container)
    assert table is not None, "it was made just now"
    return table


class EnrichedTable(MaintainedTable):
    """A handle on the events at one version."""

    def renew(
        self, day: date, is_current: Callable[[pa.Table], bool], enrich: Callable[[pa.Table], pa.Table]
    ) -> Renewed:
        """Write the files of one date anew where they are not current, all in one commit; none where all are.

        `is_current` is asked about the columns `site` and `enrichment_version` of a file. Rows are read, enriched and
        written in pieces. Raise Conflict when another one rewrote files meanwhile, and Unavailable.
        """
        total = Renewed()
        actions: list[Action] = []
        for file in self.files():
            if file.day == day:
                done, made = self._renew_file(file, is_current, enrich)
                total += done
                actions += made
        if actions:
            with self._working():
                self._commit(actions, {"enriched": total.changed_rows})
        return total

    def _renew_file(
        self, file: DataFile, is_current: Callable[[pa.Table], bool], enrich: Callable[[pa.Table], pa.Table]
    ) -> tuple[Renewed, Sequence[Action]]:
        with self._working(), TemporaryDirectory() as folder:
            paths = self._download([file], Path(folder))
            told = ds.dataset(paths, schema=self._schema).to_table(columns=["site", VERSION_COLUMN])
            if is_current(told):
                return Renewed(1, told.num_rows), []
            changed = 0

            def renewed() -> Iterator[pa.Table]:
                nonlocal changed
                for before in row_groups(self._read(paths).to_batches()):
                    after = enrich(before)
                    changed += changed_rows(before, after)
                    yield after

            written = self._write(file.day, renewed(), Path(folder) / "renewed.parquet", changes_rows=True)
            assert written is not None, "files of a table hold rows"
            return Renewed(1, told.num_rows, 1, changed), [self._removal(file, changes_rows=True), written]


def changed_rows(before: pa.Table, after: pa.Table) -> int:
    """How many rows say something else in a derived column, versions apart."""
    same = pa.array([True] * before.num_rows)
    for column in DERIVED_COLUMNS:
        if column.name != VERSION_COLUMN:
            old, new = before[column.name], after[column.name]
            alike = pc.or_(pc.fill_null(pc.equal(old, new), False), pc.and_(pc.is_null(old), pc.is_null(new)))
            same = pc.and_(same, alike)
    count: int = before.num_rows - (pc.sum(same).as_py() or 0)
    return count
