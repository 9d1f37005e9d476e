"""The ledger of a commit: what its records became, by site, partition and hour of receipt.

It is the only place where compaction counts. The commit carries its hours, and the report of a run sums them up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.capture.chunk import Gap
from clickstream.capture.names import CaptureFile
from clickstream.capture.spill import PARTITION as SPILL
from clickstream.compacting.report import Counts
from clickstream.model.pipeline_hour import PipelineHour, floored
from clickstream.model.schema import TIMESTAMP

_KEY = ("site", "hub_partition", "hour")
# One count at most, so that no sum of counts leaves 64 bits.
MAX_COUNT = 2**31
# The columns by which rows are counted.
COUNTED_COLUMNS = ("site", "hub_partition", "received_at")


class Ledger:
    """The counts of one commit to one hub's table. Each method adds to them.

    `notes` has what is counted for the report alone: files, bytes, gaps, and what was not searched.
    """

    def __init__(self, hub: str) -> None:
        self.hub = hub
        self.notes = Counts()
        self._hours: defaultdict[tuple[str | None, str, datetime], dict[str, int]] = defaultdict(dict)

    def add_files(self, files: Sequence[CaptureFile]) -> None:
        """Count files and their bytes."""
        self.notes.files += len(files)
        self.notes.bytes += sum(file.size_bytes for file in files)

    def add(self, name: str, rows: pa.Table, times: int = 1) -> None:
        """Add `times` per row to the count of this name. `rows` has at least COUNTED_COLUMNS; -1 takes a count back."""
        counted = _by_hour(rows).group_by(_KEY).aggregate([([], "count_all")])
        for *key, count in zip(*(counted[name].to_pylist() for name in (*_KEY, "count_all")), strict=True):
            self._increase((key[0], key[1], key[2]), name, count * times)

    def add_erased(self, rows: pa.Table) -> None:
        """Count erased records: rows of erased persons, or marks of erased records."""
        self.add("captured", rows)
        self.add("erased", rows)

    def add_gaps(self, gaps: Sequence[Gap], hour: datetime) -> None:
        """Count missing numbers and renumberings under `hour`: when a missing event was received is unknown."""
        self.notes.gaps += gaps
        for gap in gaps:
            key = (None, gap.source.partition, floored(hour))
            self._increase(key, "missing", min(gap.missing, MAX_COUNT))
            self._increase(key, "renumbered", int(gap.renumbered))

    def add_missing(self, file: CaptureFile, count: int) -> None:
        """Count missing numbers under the hour in which the file's window started. A negative count takes them back."""
        self._increase((None, file.source.partition, floored(file.started_at)), "missing", count)

    def add_quarantined(self, files: Sequence[CaptureFile]) -> None:
        """Count files that are put aside whole, under the hour in which their windows started."""
        self.notes.quarantined += [file.path for file in files]
        for file in files:
            self._increase((None, file.source.partition, floored(file.started_at)), "quarantined_files", 1)

    def add_quarantined_records(self, files: Mapping[CaptureFile, int]) -> None:
        """Count records that are put aside, under the hour in which the files' windows started."""
        for file, count in files.items():
            key = (None, file.source.partition, floored(file.started_at))
            self._increase(key, "quarantined_records", count)

    def hours(self) -> list[PipelineHour]:
        """One entry per site, partition and hour, without those whose counts are all 0."""
        return [
            PipelineHour(site=site, hub=self.hub, hub_partition=partition, hour=hour, **counts)
            for (site, partition, hour), counts in self._hours.items()
            if any(counts.values())
        ]

    def counts(self) -> Counts:
        """The sums over all hours, with the notes."""
        sums: Counter[str] = Counter()
        spilled = 0
        for (_, partition, _), counts in self._hours.items():
            sums.update(counts)
            spilled += counts.get("captured", 0) if partition == SPILL else 0
        return replace(
            self.notes,
            captured=sums["captured"],
            spilled=spilled,
            rows=sums["compacted"],
            failed=sums["failed"],
            duplicates=sums["duplicates"],
            redelivered=sums["redelivered"],
            erased=sums["erased"],
            quarantined_records=sums["quarantined_records"],
        )

    def _increase(self, key: tuple[str | None, str, datetime], name: str, count: int) -> None:
        counts = self._hours[key]
        counts[name] = counts.get(name, 0) + count


def _by_hour(rows: pa.Table) -> pa.Table:
    hours = pc.floor_temporal(rows["received_at"], unit="hour").cast(TIMESTAMP)
    return rows.select(["site", "hub_partition"]).append_column("hour", hours)
