"""Merge sorted Parquet files (k-way), holding only a part of each in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream.table.parquet_files import ROW_GROUP_ROWS, sorted_order

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

    A file whose rows are in this order is decoded in batches, as needed; any other is held whole in memory. Raise
    OSError and pyarrow's own errors.
    """
    keys = [pq.read_table(path, columns=list(sort_by)) for path in paths]
    order = sorted_order(pa.concat_tables(keys), sort_by)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    ends = np.cumsum([table.num_rows for table in keys])
    sources = [
        _Source(path, schema, file_ranks, batch_rows)
        for path, file_ranks in zip(paths, np.split(ranks, ends[:-1]), strict=True)
        if len(file_ranks)
    ]
    del keys, order, ranks
    for start in range(0, int(ends[-1]), group_rows):
        parts = [source.take_before(start + group_rows) for source in sources]
        rows = pa.concat_tables([table for table, _ in parts]).combine_chunks()
        yield rows.take(pa.array(np.argsort(np.concatenate([file_ranks for _, file_ranks in parts]))))


class _Source:
    """One file, read from its first row on. `ranks` are the positions of its rows among those of all files."""

    def __init__(self, path: str, schema: pa.Schema, ranks: Ranks, batch_rows: int) -> None:
        self._schema = schema
        self._ranks = np.sort(ranks)
        self._position = 0
        self._buffer: list[pa.Table] = []
        file = pq.ParquetFile(path)
        self._batches: Iterator[pa.Table] = (
            (self._fitted(pa.Table.from_batches([batch])) for batch in file.iter_batches(batch_rows))
            if np.array_equal(ranks, self._ranks)
            else iter([self._fitted(file.read().take(pa.array(np.argsort(ranks))))])
        )

    def take_before(self, rank: int) -> tuple[pa.Table, Ranks]:
        """The next rows whose rank is less than `rank`, and their ranks."""
        end = int(np.searchsorted(self._ranks, rank))
        count = end - self._position
        while sum(table.num_rows for table in self._buffer) < count:
            self._buffer.append(next(self._batches))
        waiting = pa.concat_tables([*self._buffer, self._schema.empty_table()])
        ranks = self._ranks[self._position : end]
        self._position = end
        # Slice the last batch, so that the remaining rows keep no more than one batch in memory.
        self._buffer = (
            [self._buffer[-1].slice(self._buffer[-1].num_rows - (waiting.num_rows - count))] if self._buffer else []
        )
        return waiting.slice(0, count), ranks

    def _fitted(self, rows: pa.Table) -> pa.Table:
        columns = [
            rows[field.name] if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
            for field in self._schema
        ]
        return pa.table(columns, names=self._schema.names).cast(self._schema)
