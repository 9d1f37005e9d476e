"""Ranges of a file in storage, copied to the local disk."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

# The library that reads from storage collects the whole answer before it returns a copy, and keeps that memory.
PIECE_BYTES = 256 * 2**10
# One request takes two ranges that are as close.
CLOSE_BYTES = 64 * 2**10
Ranges = list[tuple[int, int]]


def ranges_of(group: pq.RowGroupMetaData, columns: Collection[str]) -> Ranges:
    """Where a row group has these columns, as the first byte and the one after the last; close ones are one."""
    ranges: Ranges = []
    for start, end in sorted(_chunks(group, columns)):
        if ranges and start - ranges[-1][1] <= CLOSE_BYTES:
            start = ranges.pop()[0]
        ranges.append((start, end))
    return ranges


def copy(source: pa.NativeFile, target: IO[bytes], ranges: Ranges) -> None:
    """Copy ranges to the same places of another file, which has holes between them. Raise OSError."""
    for start, end in ranges:
        source.seek(start)
        target.seek(start)
        while start < end:
            piece = source.read(min(PIECE_BYTES, end - start))
            if not piece:
                raise OSError(f"a file ends at byte {start}, before {end}")
            start += target.write(piece)
    target.flush()


def _chunks(group: pq.RowGroupMetaData, columns: Collection[str]) -> Iterator[tuple[int, int]]:
    for chunk in map(group.column, range(group.num_columns)):
        if chunk.path_in_schema.partition(".")[0] in columns:
            start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
            yield start, start + chunk.total_compressed_size
