"""What a chunk became, counted by site, partition and the hour of receipt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.compacting.chunk import Gap
from clickstream.compacting.files import CaptureFile
from clickstream.lake.schema import TIMESTAMP
from clickstream.pipeline_hour import PipelineHour

_KEY = ("site", "hub_partition", "hour")
_CLAIMS = ("request_accepted", "request_failed")
# What rows are counted by.
COUNTED_COLUMNS = ("site", "hub_partition", "received_at", *_CLAIMS)


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
