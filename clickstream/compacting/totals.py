"""Totals over all compactions, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clickstream.capture.spill import PARTITION as SPILL
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import Progress
from clickstream.table.delta import Table
from clickstream.table.pipeline_hours import read_hours
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of events over any number of hours.

    Collectors count `answered`, `unanswered` and `unresolved`; compaction counts all others. Whatever fails,
    answered + unanswered <= acknowledged + spilled. At most `unresolved` of the excess is of refused requests; the rest
    is `uncounted`. And captured = rows + failed + duplicates + erased = acknowledged + spilled + redelivered.
    """

    answered: int = 0
    """Events that the collectors answered as accepted or failed."""
    unanswered: int = 0
    """Events that became durable although their request was refused."""
    unresolved: int = 0
    """Events of refused requests that may or may not have become durable."""
    acknowledged: int = 0
    """Messages captured from the hub, each counted once."""
    spilled: int = 0
    """Messages read from the spill, each counted once."""
    captured: int = 0
    redelivered: int = 0
    rows: int = 0
    failed: int = 0
    duplicates: int = 0
    erased: int = 0
    missing: int = 0
    renumbered: int = 0
    quarantined_files: int = 0
    quarantined_records: int = 0

    def since(self, before: Totals) -> Totals:
        """The difference to earlier totals."""
        return Totals(**{name: getattr(self, name) - getattr(before, name) for name in self.__dataclass_fields__})

    @property
    def arrived(self) -> int:
        """Messages that were read, each counted once."""
        return self.acknowledged + self.spilled

    @property
    def uncounted(self) -> int:
        """Messages that arrived but that no collector counted: from a killed process, or from another program."""
        return max(self.arrived - self.answered - self.unanswered - self.unresolved, 0)

    @property
    def difference(self) -> int:
        """Lost events, messages without a result, and missing sequence numbers, added up. 0 if nothing is lost."""
        lost = max(self.answered + self.unanswered - self.arrived, 0)
        unaccounted = abs(self.captured - self.rows - self.failed - self.duplicates - self.erased)
        return lost + unaccounted + self.missing


_SAME_NAME = frozenset(Totals.__dataclass_fields__) & frozenset(PipelineHour.__dataclass_fields__)


def summed(hours: Iterable[PipelineHour]) -> Totals:
    """The sums of the hours' counts."""
    sums = dict.fromkeys(Totals.__dataclass_fields__, 0)
    for hour in hours:
        sums["answered"] += hour.request_accepted + hour.request_failed
        sums["spilled" if hour.hub_partition == SPILL else "acknowledged"] += hour.captured - hour.redelivered
        sums["rows"] += hour.compacted
        for name in _SAME_NAME:
            sums[name] += getattr(hour, name) or 0
    return Totals(**sums)


def read_totals(account: StorageAccount, container: str) -> Totals:
    """The totals over the whole table `pipeline_hours`. Raise Unavailable."""
    return summed(read_hours(account, container))


def is_counted(progress: Progress, account: StorageAccount, container: str) -> bool:
    """Whether the totals include all commits of the tables: a compaction adds up its counts at its end.

    Raise Unavailable.
    """
    tables = [Table.open_or_create(spec, account, container) for spec in (EVENTS_TABLE, FAILED_TABLE)]
    return all(progress.gathered.get(table.spec.name) == table.version for table in tables)
