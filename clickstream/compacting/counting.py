"""What a chunk became, counted by site, partition and the hour of receipt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.compacting.chunk import Gap
from clickstream.compacting.files import CaptureFile
from clickstream.lake.delta import LakeTable
from clickstream.lake.schema import TIMESTAMP
from clickstream.pipeline_hour import PipelineHour

_KEY = ("site", "hub_partition", "hour")
_CLAIMS = ("request_accepted", "request_failed")
_LINEAGE = ("capture_file", "sequence_number")


class HourCounts:
    """Counts of one hub's chunk, added up table by table."""

    def __init__(self, hub: str) -> None:
        self._hub = hub
        self._counts: defaultdict[tuple[str | None, str, datetime], dict[str, int]] = defaultdict(dict)

    def add(self, name: str, rows: pa.Table) -> None:
        """Count each of the rows, which have `site`, `hub_partition` and `received_at`, under a name."""
        counted = _by_hour(rows, ()).group_by(_KEY).aggregate([([], "count_all")])
        for *key, count in zip(*(counted[name].to_pylist() for name in (*_KEY, "count_all")), strict=True):
            self._increase((key[0], key[1], key[2]), name, count)

    def add_claims(self, rows: pa.Table, again: pa.Table) -> None:
        """Add what the rows tell of their requests, but for those that were told `again`."""
        for table, sign in ((rows, 1), (again, -1)):
            telling = table.filter(pc.is_valid(table["request_accepted"]))
            summed = _by_hour(telling, _CLAIMS).group_by(_KEY).aggregate([(name, "sum") for name in _CLAIMS])
            for row in summed.to_pylist():
                for name in _CLAIMS:
                    key = (row["site"], row["hub_partition"], row["hour"])
                    self._increase(key, name, sign * (row[f"{name}_sum"] or 0))

    def add_gaps(self, gaps: Sequence[Gap], hour: datetime) -> None:
        """Count the numbers that are missing; nobody knows when their events were received."""
        for gap in gaps:
            self._increase((None, gap.source.partition, _floored(hour)), "missing", gap.before - gap.after - 1)

    def add_quarantined(self, files: Sequence[CaptureFile]) -> None:
        """Count files under the hour in which their windows started."""
        for file in files:
            self._increase((None, file.source.partition, _floored(file.started_at)), "quarantined_files", 1)

    def hours(self) -> list[PipelineHour]:
        """The counts, but for those that came to nothing."""
        return [
            PipelineHour(site=site, hub=self._hub, hub_partition=partition, hour=hour, **counts)
            for (site, partition, hour), counts in self._counts.items()
            if any(counts.values())
        ]

    def _increase(self, key: tuple[str | None, str, datetime], name: str, count: int) -> None:
        counts = self._counts[key]
        counts[name] = counts.get(name, 0) + count


def _by_hour(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    hours = pc.floor_temporal(rows["received_at"], unit="hour").cast(TIMESTAMP)
    return rows.select(["site", "hub_partition", *columns]).append_column("hour", hours)


def _floored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def dropped(rows: pa.Table, kept: pa.Table) -> pa.Table:
    """The rows that are not among those kept."""
    if rows.num_rows == kept.num_rows:
        return rows.slice(0, 0)
    with duckdb.connect() as connection:
        connection.register("all_rows", _numbered(rows, _LINEAGE))
        connection.register("kept", kept.select(list(_LINEAGE)))
        at = connection.sql(f"SELECT _at FROM all_rows ANTI JOIN kept USING ({', '.join(_LINEAGE)}) ORDER BY _at")
        return rows.take(at.to_arrow_table()["_at"])


def redelivered(copies: pa.Table, kept: pa.Table, id_column: str, table: LakeTable) -> pa.Table:
    """Those of the copies that are the very message which was kept, now or before: the id was received at that moment.

    A client that sends an event again is received again, so its copy is none of them. Raise Unavailable.
    """
    if not copies.num_rows:
        return copies
    key = (id_column, "received_at")
    known = [kept.select(list(key))]
    ids = pc.unique(copies[id_column])
    if (stored := table.rows_with(id_column, ids, _dates_around(copies[table.spec.partition]), key)) is not None:
        known.append(stored)
    with duckdb.connect() as connection:
        connection.register("copies", _numbered(copies, key))
        connection.register("known", pa.concat_tables(known, promote_options="default"))
        columns = ", ".join(key)
        at = connection.sql(f"""
            SELECT _at FROM (
                SELECT *, row_number() OVER (PARTITION BY {columns} ORDER BY _at) AS nth FROM copies
            ) WHERE nth > 1 OR ({columns}) IN (SELECT ({columns}) FROM known) ORDER BY _at
        """)
        return copies.take(at.to_arrow_table()["_at"])


def _numbered(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    return rows.select(list(columns)).append_column("_at", pa.array(range(rows.num_rows), pa.int64()))


def _dates_around(column: Any) -> Sequence[date]:
    touched: list[date] = pc.unique(column).to_pylist()
    return sorted({day + timedelta(days) for day in touched for days in (-1, 0, 1) if date.min < day < date.max})
