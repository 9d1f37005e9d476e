"""Rows of several sorted Parquet files as those of one, without holding more than a part of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream.lake.data_files import ROW_GROUP_ROWS, sorted_order

BATCH_ROWS = 8_192
Ranks = npt.NDArray[np.int64]


def merged(
    paths: Sequence[str],
    schema: pa.Schema,
    sort_by: Sequence[str],
    group_rows: int = ROW_GROUP_ROWS,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.Table]:
    """All rows in the order of these columns, `group_rows` at a time. A column that a file lacks is null.

    Of each file no more is decoded than what is due, as long as its own rows are in order; one whose rows are not is
    held as a whole. Raise OSError and pyarrow's own errors.
    """
    keys = [pq.read_table(path, columns=list(sort_by)) for path in paths]
    order = sorted_order(pa.concat_tables(keys), sort_by)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    ends = np.cumsum([table.num_rows for table in keys])
    sources = [
        _Source(path, schema, own, batch_rows)
        for path, own in zip(paths, np.split(ranks, ends[:-1]), strict=True)
        if len(own)
    ]
    del keys, order, ranks
    for start in range(0, int(ends[-1]), group_rows):
        taken = [source.take_before(start + group_rows) for source in sources]
        rows = pa.concat_tables([table for table, _ in taken]).combine_chunks()
        yield rows.take(pa.array(np.argsort(np.concatenate([own for _, own in taken]))))


class _Source:
    """One file, read from its first row on; `ranks` are the places of its rows among all."""

    def __init__(self, path: str, schema: pa.Schema, ranks: Ranks, batch_rows: int) -> None:
        self._schema = schema
        self._ranks = np.sort(ranks)
        self._position = 0
        self._ahead: list[pa.Table] = []
        file = pq.ParquetFile(path)
        self._batches: Iterator[pa.Table] = (
            (self._fitted(pa.Table.from_batches([batch])) for batch in file.iter_batches(batch_rows))
            if np.array_equal(ranks, self._ranks)
            else iter([self._fitted(file.read().take(pa.array(np.argsort(ranks))))])
        )

    def take_before(self, rank: int) -> tuple[pa.Table, Ranks]:
        """The next rows whose places lie before this one, and their places."""
        end = int(np.searchsorted(self._ranks, rank))
        count = end - self._position
        while sum(table.num_rows for table in self._ahead) < count:
            self._ahead.append(next(self._batches))
        waiting = pa.concat_tables([*self._ahead, self._schema.empty_table()])
        ranks = self._ranks[self._position : end]
        self._position = end
        # What is left over shares its memory with one batch only.
        self._ahead = (
            [self._ahead[-1].slice(self._ahead[-1].num_rows - (waiting.num_rows - count))] if self._ahead else []
        )
        return waiting.slice(0, count), ranks

    def _fitted(self, rows: pa.Table) -> pa.Table:
        columns = [
            rows[field.name] if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
            for field in self._schema
        ]
        return pa.table(columns, names=self._schema.names).cast(self._schema)
