"""Rows of files that a process reads again and again, kept in memory: files never change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.schema import BATCH_COLUMN
from clickstream.table.data_files import DataFile
from clickstream.table.delta import Table
from clickstream.table.rows import all_rows_of, rows_of_file

# As stored; in memory rows take some five times as much.
MAX_KEPT_BYTES = 16 * 1024 * 1024


class KeptRows:
    """These columns of rows of one table. Not to be used by several threads at once.

    Files that are no longer in the table are forgotten, and all of them if they are larger than MAX_KEPT_BYTES.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._rows_by_path: Mapping[str, _Rows] = {}

    def of_site(
        self, table: Table, site: str, any_of: Mapping[str, pa.Array] | None = None, after: int | None = None
    ) -> pa.Table:
        """The site's rows in the version that the handle reads. Raise Unavailable.

        With `any_of`, only rows of which a column has one of its values; with `after`, only those of later batches.
        """
        files = table.files()
        wanted = [file for file in files if file.may_hold(site) and (after is None or file.may_hold_after(after))]
        nothing = all_rows_of(table, [], self._columns)
        if self._fit(files):
            rows = pa.concat_tables([nothing, *(self._rows(table, file).of_site(site) for file in wanted)])
        else:
            condition = pc.field("site") == site
            if any_of is not None:
                condition &= reduce(or_, (pc.field(name).isin(values) for name, values in any_of.items()))
            rows = all_rows_of(table, wanted, self._columns, condition)
        if after is not None:
            rows = rows.filter(pc.greater(rows[BATCH_COLUMN], after))
        return rows if any_of is None else _with_any(rows, any_of)

    def by_file(self, table: Table, site: str) -> Iterator[tuple[DataFile, pa.Table]]:
        """The files with rows of the site, and these. Bounds of long names are shortened, so they do not tell alone.

        Raise Unavailable, also during iteration.
        """
        files = table.files()
        fit = self._fit(files)
        for file in files:
            if file.may_hold(site) and (rows := self._rows(table, file, keep=fit).of_site(site)).num_rows:
                yield file, rows

    def _fit(self, files: Sequence[DataFile]) -> bool:
        fit = sum(file.size_bytes for file in files) <= MAX_KEPT_BYTES
        paths = {file.path for file in files} if fit else set()
        self._rows_by_path = {path: rows for path, rows in self._rows_by_path.items() if path in paths}
        return fit

    def _rows(self, table: Table, file: DataFile, *, keep: bool = True) -> _Rows:
        rows = self._rows_by_path.get(file.path) or _Rows.of(rows_of_file(table, file, self._columns))
        if keep:
            self._rows_by_path = {**self._rows_by_path, file.path: rows}
        return rows


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: pa.Table
    only: str | None
    """The site of all of them; None if they are of several."""

    @classmethod
    def of(cls, rows: pa.Table) -> _Rows:
        sites = pc.unique(rows["site"])
        return cls(rows, sites[0].as_py() if len(sites) == 1 else None)

    def of_site(self, site: str) -> pa.Table:
        return self.rows if self.only == site else self.rows.filter(pc.equal(self.rows["site"], site))


def _with_any(rows: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
    """An expression, or a filter by a mask, would take two to three times as long."""
    mask = reduce(pc.or_, (pc.is_in(rows[name], each) for name, each in values.items()))
    return rows.take(pa.array(np.flatnonzero(mask.to_numpy())))
