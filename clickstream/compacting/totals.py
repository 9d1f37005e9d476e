"""What all compactions together did: summed over the commits that the tables' logs hold."""

from __future__ import annotations

from dataclasses import dataclass

from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, LakeTable
from clickstream.lake.storage import StorageAccount


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of events; captured = rows + failed + duplicates.

    `spilled` is how many of the captured came from the spill. Those of one blob count again when a run ends between
    its commit and the blob's deletion; they are duplicates then.
    """

    captured: int = 0
    rows: int = 0
    failed: int = 0
    duplicates: int = 0
    quarantined_files: int = 0
    spilled: int = 0


def read_totals(account: StorageAccount, container: str) -> Totals:
    """The sums. Delta keeps its log for thirty days, so they reach back as far. Raise Unavailable."""
    sums = dict.fromkeys(Totals.__dataclass_fields__, 0)
    for spec in (EVENTS_TABLE, FAILED_TABLE):
        for counts in LakeTable.open_or_create(spec, account, container).commit_counts():
            for name in sums:
                sums[name] += int(counts.get(name, 0))
    return Totals(**sums)
