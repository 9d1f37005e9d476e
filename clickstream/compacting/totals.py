"""What all compactions together did, and whether it adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clickstream.lake.pipeline_hours import read_hours
from clickstream.lake.spill_files import PARTITION as SPILL
from clickstream.lake.storage import StorageAccount
from clickstream.pipeline_hour import PipelineHour


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of events over any number of hours.

    Three sums hold whatever fails: received = acknowledged + spilled; captured = rows + failed + duplicates + erased;
    captured = acknowledged + spilled + redelivered. The first does not where events came to the hub past the collector.
    """

    received: int = 0
    """Events of all requests, by the requests' own word, each request once."""
    acknowledged: int = 0
    """Messages that the hub took, each once."""
    spilled: int = 0
    """Messages that the spill took and the hub did not."""
    captured: int = 0
    redelivered: int = 0
    rows: int = 0
    failed: int = 0
    duplicates: int = 0
    erased: int = 0
    missing: int = 0
    quarantined_files: int = 0

    def since(self, before: Totals) -> Totals:
        """What came since then."""
        return Totals(**{name: getattr(self, name) - getattr(before, name) for name in self.__dataclass_fields__})

    @property
    def difference(self) -> int:
        """By how many events the sums are off, and how many the hub numbered and no file holds; 0 where all is well."""
        unaccounted = abs(self.captured - self.rows - self.failed - self.duplicates - self.erased)
        return abs(self.received - self.acknowledged - self.spilled) + unaccounted + self.missing


def summed(hours: Iterable[PipelineHour]) -> Totals:
    """The hours' counts, added up."""
    sums = dict.fromkeys(Totals.__dataclass_fields__, 0)
    for hour in hours:
        sums["received"] += hour.request_accepted + hour.request_failed
        sums["spilled" if hour.hub_partition == SPILL else "acknowledged"] += hour.captured - hour.redelivered
        sums["rows"] += hour.compacted
        for name in ("captured", "redelivered", "failed", "duplicates", "erased", "missing", "quarantined_files"):
            sums[name] += getattr(hour, name)
    return Totals(**sums)


def read_totals(account: StorageAccount, container: str) -> Totals:
    """The sums over everything. Raise Unavailable."""
    return summed(read_hours(account, container))
