"""The Parquet files of a table: the order of their rows, how they are written, their statistics in the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Small enough that readers skip most of a file, and that a writer does not hold a second copy of its rows.
ROW_GROUP_ROWS = 122_880
# Dictionaries of values that hardly repeat cost more than they save: a sixth of a file of events.
NO_DICTIONARY = frozenset(
    {
        *("event_id", "failed_event_id", "fingerprint", "payload", "properties", "sequence_number"),
        *("occurred_at", "received_at", "created_at", "sent_at", "enqueued_at"),
    }
)
NO_STATISTICS = frozenset({"properties", "context", "payload", "message", "user_agent", "page_url", "referrer"})
STATISTICS_TEXT = 32
Places = npt.NDArray[np.intp]


def sorted_order(rows: pa.Table, sort_by: Sequence[str]) -> Places:
    """Row indices sorted by these columns, which are text, dates or timestamps; nulls come last."""
    return np.lexsort([_sort_key(rows[name]) for name in reversed(sort_by)])


def _sort_key(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Numbers that sort as the values do."""
    if pa.types.is_string(column.type):
        column = _ranks(column)
    elif column.type == pa.date32():
        column = column.cast(pa.int32())
    keys: npt.NDArray[np.int64] = column.cast(pa.int64()).fill_null(np.iinfo(np.int64).max).to_numpy()
    return keys


def _ranks(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The rank of each text among the distinct ones."""
    different = pc.unique(column).drop_null()
    return pc.index_in(column, different.take(pc.sort_indices(different)))


def write_file(groups: Iterable[pa.Table], schema: pa.Schema, target: BinaryIO | pa.NativeFile) -> str:
    """Write one file of these row groups. Returns its statistics as JSON, see `statistics`."""
    parts = []
    with pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name not in NO_DICTIONARY],
    ) as writer:
        for rows in groups:
            writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
            parts.append(statistics(rows))
            del rows  # free them before the next group is built
    return joined_statistics(parts)


def statistics(rows: pa.Table) -> str:
    """A file's statistics as JSON in the Delta protocol's form. Bounds may be too wide, never too narrow."""
    lowest: dict[str, object] = {}
    highest: dict[str, object] = {}
    for field in rows.schema:
        if field.name in NO_STATISTICS or pa.types.is_boolean(field.type) or pa.types.is_binary(field.type):
            continue
        bounds = pc.min_max(rows[field.name]).as_py()
        if bounds["min"] is None:
            continue
        low, high = _low(bounds["min"]), _high(bounds["max"])
        lowest[field.name] = low
        if high is not None:
            highest[field.name] = high
    nulls = {name: rows[name].null_count for name in rows.column_names if name not in NO_STATISTICS}
    # Without \u escapes: delta-rs misreads those of characters beyond the basic plane, and would prune too much.
    return json.dumps(
        {"numRecords": rows.num_rows, "minValues": lowest, "maxValues": highest, "nullCount": nulls},
        separators=(",", ":"),
        ensure_ascii=False,
    )


def joined_statistics(parts: Sequence[str]) -> str:
    """Statistics of a file from those of its row groups. If a group with values lacks a bound, so does the file."""
    groups = [json.loads(part) for part in parts]
    nulls: dict[str, int] = {}
    for group in groups:
        for name, count in group["nullCount"].items():
            nulls[name] = nulls.get(name, 0) + count
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    for name in nulls:
        # A group without a lower bound has only nulls; one with only a lower bound has text that has no upper bound.
        bounded = [group for group in groups if name in group["minValues"]]
        if bounded:
            lowest[name] = min(group["minValues"][name] for group in bounded)
        if bounded and all(name in group["maxValues"] for group in bounded):
            highest[name] = max(group["maxValues"][name] for group in bounded)
    return json.dumps(
        {
            "numRecords": sum(group["numRecords"] for group in groups),
            "minValues": lowest,
            "maxValues": highest,
            "nullCount": nulls,
        },
        separators=(",", ":"),
        ensure_ascii=False,  # as in `statistics`
    )


def _low(value: object) -> object:
    if isinstance(value, str):
        return value[:STATISTICS_TEXT]
    return _moment(value) if isinstance(value, datetime) else value


def _high(value: object) -> object:
    """The upper bound: a shortened string must not sort below the whole one. None if there is no such string."""
    if isinstance(value, str):
        if len(value) <= STATISTICS_TEXT:
            return value
        for end in range(STATISTICS_TEXT, 0, -1):
            if ord(value[end - 1]) < 0xD7FF:
                return value[: end - 1] + chr(ord(value[end - 1]) + 1)
        return None
    # Readers keep only the milliseconds of a bound, so round it up to a whole one.
    return _moment(value + timedelta(microseconds=999)) if isinstance(value, datetime) else value


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
