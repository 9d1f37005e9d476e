"""Rows of files that a process reads again and again, kept in memory: files never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.table.data_files import DataFile
from clickstream.table.delta import Table
from clickstream.table.rows import all_rows_of

# As stored; in memory rows take some five times as much.
MAX_KEPT_BYTES = 16 * 1024 * 1024


class KeptRows:
    """These columns of rows of one table. Not to be used by several threads at once."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._rows_by_path: Mapping[str, pa.Table] = {}

    def of_site(self, table: Table, site: str) -> pa.Table:
        """The site's rows in the version that the handle reads. Raise Unavailable.

        Files that are no longer in the table are forgotten, and all of them if they are larger than MAX_KEPT_BYTES.
        """
        files = table.files()
        wanted = [file for file in files if file.may_hold(site)]
        if sum(file.size_bytes for file in files) > MAX_KEPT_BYTES:
            self._rows_by_path = {}
            return all_rows_of(table, wanted, self._columns, pc.field("site") == site)
        paths = {file.path for file in files}
        self._rows_by_path = {path: rows for path, rows in self._rows_by_path.items() if path in paths}
        return pa.concat_tables(
            [all_rows_of(table, [], self._columns), *(self._rows(table, file, site) for file in wanted)]
        )

    def _rows(self, table: Table, file: DataFile, site: str) -> pa.Table:
        rows = self._rows_by_path.get(file.path)
        if rows is None:
            rows = all_rows_of(table, [file], self._columns)
            self._rows_by_path = {**self._rows_by_path, file.path: rows}
        return rows if pc.all(pc.equal(rows["site"], site)).as_py() else rows.filter(pc.equal(rows["site"], site))
