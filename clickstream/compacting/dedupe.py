"""Copies of an event: one row per id, the earliest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.errors import Unavailable
from clickstream.lake.delta import LakeTable


def drop_copies(rows: pa.Table, id_column: str, table: LakeTable) -> pa.Table:
    """The rows whose id is new: once among themselves, and not yet in the table.

    Of copies among the rows the earliest enqueued stays. The table is searched in the dates that the rows touch and
    one day around each: a copy's `occurred_at` may lie some seconds off, over midnight. A copy that was clamped to
    another date than its first is not found. Raise Unavailable.
    """
    ordered = rows.append_column("_at", pa.array(range(rows.num_rows), pa.int64()))
    with duckdb.connect() as connection:
        connection.register("fresh", ordered.select([id_column, "enqueued_at", "hub_partition", "_at"]))
        first = f"""
            SELECT _at, {id_column} AS id FROM (
                SELECT *, row_number() OVER (
                    PARTITION BY {id_column} ORDER BY enqueued_at, hub_partition, _at
                ) AS nth FROM fresh
            ) WHERE nth = 1
        """
        existing = table.ids(id_column, _dates_around(rows[table.spec.partition]))
        if existing is None:
            kept = connection.sql(f"SELECT _at FROM ({first}) ORDER BY _at")
        else:
            connection.register("existing", existing)
            kept = connection.sql(
                f"SELECT _at FROM ({first}) f ANTI JOIN existing e ON f.id = e.{id_column} ORDER BY _at"
            )
        try:
            return rows.take(kept.to_arrow_table()["_at"])
        except (duckdb.Error, OSError) as error:  # duckdb passes on what the reader raises as its own
            raise Unavailable(f"the table {table.spec.name} cannot be read: {error}") from error


def _dates_around(column: pa.ChunkedArray) -> Sequence[date]:
    touched: list[date] = pc.unique(column).to_pylist()
    return sorted({day + timedelta(days) for day in touched for days in (-1, 0, 1) if date.min < day < date.max})
