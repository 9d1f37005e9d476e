"""The path of decoded files to their commits: suppress, dedupe, enrich, commit, for captured and spilled files alike.

Nothing is committed before all commits of a chunk are ready.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from clickstream.capture.chunk import file_numbers, gaps
from clickstream.capture.names import HubPartition, Watermark
from clickstream.compacting.dedupe import Mask, Separated, separate
from clickstream.compacting.ledger import COUNTED_COLUMNS, Ledger
from clickstream.compacting.reading import Read
from clickstream.compacting.report import Counts
from clickstream.compacting.suppression import SuppressionFilter
from clickstream.enriching.loader import Enrichment
from clickstream.model.pipeline_hour import hours_to_json
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.table.watermarks import read_watermark, versions

log = logging.getLogger(__name__)
ID_COLUMNS = {EVENTS_TABLE.name: "event_id", FAILED_TABLE.name: "failed_event_id"}
ADDED_AS = {EVENTS_TABLE.name: "compacted", FAILED_TABLE.name: "failed"}
Marks = Mapping[HubPartition, Watermark]
# Each date is a partition, so each adds a file to the commit. A year and a month, so that imports of history take few
# commits.
MAX_DATES = 400


@dataclass(frozen=True, slots=True)
class Append:
    """One commit: rows, application versions (watermarks) and counts.

    `mask` has one boolean per row: only its true rows are committed; None commits all.
    """

    table: Table
    rows: pa.Table
    mask: Mask | None
    versions: Mapping[str, int]
    ledger: Ledger

    def check(self) -> None:
        """Encode the rows without storing them. Raise what encoding them raises."""
        self.table.check(self.rows, self.mask)

    def run(self) -> None:
        """Write and commit. Raise Conflict if another writer committed first, Unavailable."""
        self.table.append(self.rows, self.versions, hours_to_json(self.ledger.hours()), self.mask)


@dataclass(frozen=True, slots=True)
class Commits:
    """The commits for some files, in order: of the `failures` among their events, if there are any, then of the `rows`.

    `before` and `reached` are the watermarks before and after them. The last commit moves the watermarks. If the
    process ends before it, the next run reads the files again and recognises the rows that are committed already by
    their ids.
    """

    failures: Sequence[Append]
    rows: Sequence[Append]
    before: Marks
    reached: Marks

    @property
    def done(self) -> Counts:
        """The counts of all commits together."""
        total = Counts()
        for append in (*self.failures, *self.rows):
            total.add(append.ledger.counts())
        return total

    def check(self) -> None:
        """Encode all rows without storing them. Raise what encoding them raises."""
        for append in (*self.failures, *self.rows):
            append.check()


class Committer:
    """Prepares commits. Applies the suppression list anew for each, after the table was opened."""

    def __init__(
        self,
        open_table: Callable[[TableSpec], Table],
        suppression: SuppressionFilter,
        enrichment: Enrichment,
        max_dates: int = MAX_DATES,
    ) -> None:
        """A commit of events has rows of at most `max_dates` dates."""
        self._open = open_table
        self._suppression = suppression
        self._enrichment = enrichment
        self._max_dates = max_dates

    def prepare(self, table: Table, hub: str, read: Read, marks: Marks | None, *, newly_aside: bool = True) -> Commits:
        """The commits for a hub's files. Captured files of erased persons' events are rewritten on the way.

        `marks` are the watermarks of the files' partitions. Without them, rows of an earlier, interrupted run are
        recognised by their ids alone. Records that are left out count as put aside if `newly_aside`. Raise Unavailable.
        """
        files, left_out = read.chunk.files, read.left_out or {}
        if not files:
            return Commits([], [], marks or {}, {})
        ledger = Ledger(hub)
        ledger.add_files(files)
        ledger.add_quarantined([damaged.file for damaged in read.damaged])
        if newly_aside:
            ledger.add_quarantined_records({file: len(left_out.get(file.path, ())) for file in files})
        ledger.add_erased(read.rows.erased)
        reached: Marks = {}
        if marks is not None:
            reached = read.chunk.watermarks(marks)
            ledger.add_gaps(gaps(files, file_numbers(read.chunk), marks), files[0].started_at)
        if table.spec is EVENTS_TABLE:
            new = self._new_rows(read.rows.events, table, ledger)
            failures = self._failures(read, marks, ledger) if read.rows.failed.num_rows else []
            whole = Append(table, self._enrichment.enrich(new.rows), ~new.copy, versions(reached), ledger)
            return Commits(failures, _by_dates(whole, self._max_dates), marks or {}, reached)
        new = self._new_rows(read.rows.failed, table, ledger)
        return Commits([], [Append(table, new.rows, ~new.copy, versions(reached), ledger)], marks or {}, reached)

    def _new_rows(self, rows: pa.Table, table: Table, ledger: Ledger) -> Separated:
        return dedupe(suppress_and_rewrite_files(rows, table.spec, self._suppression, ledger), table, ledger)

    def _failures(self, read: Read, marks: Marks | None, ledger: Ledger) -> Sequence[Append]:
        """The commit of the failures in files of the hub of events, without those that an earlier run has committed.

        With watermarks, those of `failed_events` show which files an earlier run has committed, and the commit of the
        events counts all failures. Without watermarks, copies are recognised by id, and this commit counts them
        itself, so that the next run counts them as copies if the process ends before the commit of the events. Raise
        Unavailable.
        """
        table = self._open(FAILED_TABLE)
        own = Ledger(ledger.hub)
        if marks is None:
            new = self._new_rows(read.rows.failed, table, own)
            return [Append(table, new.rows, ~new.copy, {}, own)]
        failed = suppress_and_rewrite_files(read.rows.failed, table.spec, self._suppression, ledger)
        ledger.add("captured", failed)
        ledger.add("failed", failed)
        marks = {source: read_watermark(table, source) for source in {file.source for file in read.chunk.files}}
        known = {file.path for file in read.chunk.files if marks[file.source].covers(file)}
        fresh = failed.filter(pa.array([path not in known for path in failed["capture_file"].to_pylist()], pa.bool_()))
        return [Append(table, fresh, None, versions(read.chunk.watermarks(marks)), own)] if fresh.num_rows else []


def suppress_and_rewrite_files(
    rows: pa.Table, spec: TableSpec, suppression: SuppressionFilter, ledger: Ledger
) -> pa.Table:
    """The rows without those of erased persons, which are counted. The captured files of these are rewritten.

    Raise Unavailable.
    """
    split = suppression.rewrite_files_without_erased(rows, spec)
    ledger.add_erased(split.erased)
    return split.remaining


def dedupe(rows: pa.Table, table: Table, ledger: Ledger) -> Separated:
    """Separate new rows from copies, and count both. Raise Unavailable."""
    separated = separate(rows, ID_COLUMNS[table.spec.name], table)
    if separated.unsearched:
        log.warning("copies of %d events were not looked for under every date", separated.unsearched)
    ledger.notes.unsearched += separated.unsearched
    counted = rows.select(COUNTED_COLUMNS)
    ledger.add("captured", counted)
    ledger.add(ADDED_AS[table.spec.name], counted.filter(pa.array(~separated.copy)))
    ledger.add("duplicates", counted.filter(pa.array(separated.copy)))
    ledger.add("redelivered", counted.filter(pa.array(separated.again)))
    return separated


def _by_dates(whole: Append, max_dates: int) -> Sequence[Append]:
    """Split a commit of events into commits of at most `max_dates` dates. Dates with the most events come first.

    Clients state when an event happened, so one file's events can span centuries.
    """
    assert whole.mask is not None
    days = whole.rows[whole.table.spec.partition].cast(pa.int32()).to_numpy()
    dates, events = np.unique(days[whole.mask], return_counts=True)
    if len(dates) <= max_dates:
        return [whole]
    whole.ledger.notes.dates_beyond = len(dates) - max_dates
    log.warning("events of %d dates are committed %d dates at a time", len(dates), max_dates)
    dates = dates[np.lexsort([-dates, -events])]
    *first, last = (dates[at : at + max_dates] for at in range(0, len(dates), max_dates))
    parts = [_part(whole, whole.mask & np.isin(days, part)) for part in first]
    return [*parts, replace(whole, mask=whole.mask & np.isin(days, last))]


def _part(whole: Append, mask: Mask) -> Append:
    """A commit of the mask's true rows, which moves no watermark. Their counts move to its ledger."""
    rows = whole.rows.filter(pa.array(mask))
    ledger = Ledger(whole.ledger.hub)
    for name in ("captured", ADDED_AS[EVENTS_TABLE.name]):
        ledger.add(name, rows)
        whole.ledger.add(name, rows, -1)
    return Append(whole.table, rows, None, {}, ledger)
