"""The compactor: everything that waits, chunk by chunk, each chunk one commit.

What a crash leaves behind, by the moment it comes:

- before the commit of `failed_events`: files that belong to no table, which vacuum removes. Nothing else happened.
- after that and before the commit of `events`: failed events are in their table with their own watermark. The next run
  reads the same captured files again; for `failed_events` they lie at or below its watermark, so their failures are
  not committed twice; `events` gets its rows.
- after the commit of `events`: both tables are done with the chunk. Only `state/progress.json` is behind.

Spilled blobs have no watermark (see docs/decisions/0006-the-spill-is-consumed-by-id.md): they are deleted after the
commit of their rows. A crash before that leaves blobs whose events the next run finds in the tables by their ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from clickstream.compacting.chunk import Chunk, gaps, last_enqueued
from clickstream.compacting.counting import COUNTED_COLUMNS, HourCounts
from clickstream.compacting.dedupe import Separated, separate
from clickstream.compacting.files import CaptureFile, HubPartition, Watermark, plan, prefixes_to_list
from clickstream.compacting.memory import freed_memory_kept
from clickstream.compacting.progress import Compacted, HubState, HubStates, complete_until
from clickstream.compacting.reading import read_events, read_failed_events
from clickstream.compacting.report import Counts, Report, Run
from clickstream.enriching.steps import STEPS, Step
from clickstream.erasing.late import LateEvents
from clickstream.errors import Conflict, Unavailable
from clickstream.lake.capture_files import CaptureFiles
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, LakeTable, TableSpec
from clickstream.lake.enrichment_files import Enrichment
from clickstream.lake.pipeline_hours import gather_hours, hours_to_json
from clickstream.lake.progress_file import Progress, read_progress, write_progress
from clickstream.lake.spill_files import SpillFiles
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Settings

log = logging.getLogger(__name__)
TRIES_AFTER_CONFLICT = 20
# How long a request may hold an event after its receipt, beyond the wait for the hub and for the spill.
HOLDING = timedelta(seconds=4)
ID_COLUMNS = {EVENTS_TABLE.name: "event_id", FAILED_TABLE.name: "failed_event_id"}
READERS = {EVENTS_TABLE.name: read_events, FAILED_TABLE.name: read_failed_events}
ADDED_AS = {EVENTS_TABLE.name: "compacted", FAILED_TABLE.name: "failed"}
EPOCH = datetime.fromtimestamp(0, UTC)


class Compactor:
    """Takes captured files into the tables. Several may run at once: one commit wins, the others look again."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        hubs: HubStates,
        now: Callable[[], datetime],
        steps: tuple[Step, ...] = STEPS,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`steps` are those of enrichment; columns of the others are null. `say` is told of each chunk, in a line."""
        self._say = say
        self._account = account
        self._settings = settings
        self._hubs = hubs
        self._now = now
        self._steps = steps
        self._lake = account.container(settings.lake_container)
        self._files = CaptureFiles(account.container(settings.capture_container), self._lake)
        self._spill = SpillFiles(account.container(settings.spill_container))
        self._late = LateEvents.of(account, settings)
        self._enrichment = self._latest_enrichment()

    def run(self, deadline: datetime) -> Report:
        """Compact all that waits; begin no chunk after `deadline`, which leaves the rest to the next run.

        Raise Unavailable when storage fails; what was committed until then stays.
        """
        self._enrichment = self._latest_enrichment()
        asked_at = self._now()
        states = self._ask_hubs()
        run = Run(lambda: self._now() < deadline, self._say)
        report = run.report
        with freed_memory_kept():
            for hub, spec in self._tables().items():
                self._compact_captured(hub, spec, run)
                self._compact_spill(hub, spec, run)
        # What still waits may be older than anything the hubs told.
        report.complete_until = self._note_progress(asked_at, states if report.finished else None, run.enqueued)
        return report

    def _tables(self) -> Mapping[str, TableSpec]:
        return {
            self._settings.failed_event_hub_name: FAILED_TABLE,
            self._settings.event_hub_name: EVENTS_TABLE,
        }

    def _latest_enrichment(self) -> Enrichment:
        return Enrichment(self._account.container(self._settings.config_container), self._steps)

    def _open(self, spec: TableSpec) -> LakeTable:
        return LakeTable.open_or_create(spec, self._account, self._settings.lake_container)

    def _ask_hubs(self) -> Mapping[str, HubState] | None:
        try:
            return {hub: self._hubs.ask(hub) for hub in self._tables()}
        except Unavailable as error:
            log.warning("how far the hubs are is not known, so `complete until` stays: %s", error.message)
            return None

    # --- captured files --------------------------------------------------------------------------------------------

    def _compact_captured(self, hub: str, spec: TableSpec, run: Run) -> None:
        """Compact the hub's captured files, chunk by chunk, as long as the run has time."""
        conflicts = 0
        while run.goes_on():
            table = self._open(spec)
            watermarks = {source: read_watermark(table, source) for source in self._files.sources(hub)}
            waiting = [
                file
                for source, watermark in watermarks.items()
                for prefix in prefixes_to_list(source, watermark, self._now().date())
                for file in self._files.list(prefix)
            ]
            chunks = list(plan(waiting, watermarks, self._settings.compact_max_bytes))
            if not chunks:
                return
            run.found(chunks)
            try:
                for files in chunks:
                    for source in {file.source for file in files}:
                        if read_watermark(table, source) != watermarks[source]:
                            raise Conflict(f"{source.prefix} is further than it was when files were listed")
                    watermarks |= self._compact(table, files, watermarks, run)
                    conflicts = 0
                    if not run.goes_on():
                        return
                    table = self._open(spec)
            except Conflict:
                conflicts = _once_more(conflicts)

    def _compact(
        self,
        table: LakeTable,
        files: Sequence[CaptureFile],
        watermarks: Mapping[HubPartition, Watermark],
        run: Run,
    ) -> Mapping[HubPartition, Watermark]:
        """Take one chunk into the table. Returns where that brings the watermarks."""
        read = READERS[table.spec.name](self._files, self._files.fetch, files)
        chunk, made = read.chunk, read.rows
        done = Counts(
            files=len(files),
            bytes=sum(file.size_bytes for file in files),
            captured=chunk.event_count,
            quarantined=[file.path for file in read.quarantined],
        )
        done.gaps += gaps(chunk, {source: mark for source, mark in watermarks.items() if mark.file_started_at})
        counts = HourCounts(files[0].source.hub)
        counts.add_gaps(done.gaps, files[0].started_at)
        counts.add_quarantined(read.quarantined)
        if table.spec is EVENTS_TABLE:
            found = new_rows(made.events, table, self._late, counts, done)
            rows = self._enrichment.enrich(found.rows)
            done.rows = found.new_count
            if made.failed.num_rows:
                done.failed = self._append_failed(made.failed, chunk, counts, done)
        else:
            found = new_rows(made.failed, table, self._late, counts, done)
            rows = found.rows
            done.failed = found.new_count
        done.duplicates = done.captured - done.rows - done.failed - done.erased
        reached = chunk.watermarks(watermarks)
        table.append(rows, versions(reached), hours_to_json(counts.hours()), ~found.copy)
        for gap in done.gaps:
            log.warning("%s: no file holds the events between %d and %d", gap.source.prefix, gap.after, gap.before)
        run.add(done)
        run.enqueued |= last_enqueued(chunk)
        return reached

    def _append_failed(self, failed: pa.Table, chunk: Chunk, counts: HourCounts, done: Counts) -> int:
        """Commit failures of the hub of events, but those that a run before this one has committed. Returns how many
        there are, with those.
        """
        table = self._open(FAILED_TABLE)
        failed = wanted_rows(failed, table, self._late, counts, done)
        counts.add("captured", failed)
        counts.add("failed", failed)
        marks = {source: read_watermark(table, source) for source in {file.source for file in chunk.files}}
        known = {file.path for file in chunk.files if marks[file.source].covers(file)}
        fresh = failed.filter(pa.array([path not in known for path in failed["capture_file"].to_pylist()], pa.bool_()))
        if fresh.num_rows:
            table.append(fresh, versions(chunk.watermarks(marks)), {})
        return int(failed.num_rows)

    # --- the spill ---------------------------------------------------------------------------------------------------

    def _compact_spill(self, hub: str, spec: TableSpec, run: Run) -> None:
        """Compact the hub's spilled blobs, chunk by chunk, each deleted after its commit, while the run has time."""
        conflicts = 0
        while run.goes_on():
            chunks = list(plan(self._spill.list(hub), {}, self._settings.compact_max_bytes))
            if not chunks:
                return
            run.found(chunks)
            try:
                for files in chunks:
                    self._compact_spilled(self._open(spec), files, run)
                    self._spill.delete(files)
                    conflicts = 0
                    if not run.goes_on():
                        return
            except Conflict:
                conflicts = _once_more(conflicts)

    def _compact_spilled(self, table: LakeTable, files: Sequence[CaptureFile], run: Run) -> None:
        read = READERS[table.spec.name](self._files, self._spill.read, files)
        chunk, made = read.chunk, read.rows
        if not chunk.files:
            return
        done = Counts(
            files=len(chunk.files),
            bytes=sum(file.size_bytes for file in chunk.files),
            captured=chunk.event_count,
            spilled=chunk.event_count,
            quarantined=[file.path for file in read.quarantined],
        )
        counts = HourCounts(files[0].source.hub)
        counts.add_quarantined(read.quarantined)
        if table.spec is EVENTS_TABLE:
            rows = self._enrichment.enrich(new_rows(made.events, table, self._late, counts, done).new)
            done.rows = rows.num_rows
            if made.failed.num_rows:
                done.failed = self._append_spilled_failures(made.failed, done)
        else:
            rows = new_rows(made.failed, table, self._late, counts, done).new
            done.failed = rows.num_rows
        done.duplicates = done.captured - done.rows - done.failed - done.erased
        table.append(rows, {}, hours_to_json(counts.hours()))
        run.add(done)

    def _append_spilled_failures(self, failed: pa.Table, done: Counts) -> int:
        """Commit failures of the hub of events that no run before this one has committed; counted by that commit."""
        table = self._open(FAILED_TABLE)
        counts = HourCounts(self._settings.event_hub_name)
        fresh = new_rows(failed, table, self._late, counts, done).new
        table.append(fresh, {}, hours_to_json(counts.hours()))
        return int(fresh.num_rows)

    # --- progress --------------------------------------------------------------------------------------------------

    def _note_progress(
        self,
        asked_at: datetime,
        states: Mapping[str, HubState] | None,
        enqueued: Mapping[tuple[str, str], datetime],
    ) -> datetime | None:
        before = read_progress(self._lake)
        tables = {hub: self._open(spec) for hub, spec in self._tables().items()}
        counted = {table.spec.name: table.version for table in tables.values()}
        fresh = [table for table in tables.values() if before.gathered.get(table.spec.name) != table.version]
        gather_hours(fresh, self._account, self._settings.lake_container)
        latest = {**before.enqueued_at, **{f"{hub}/{partition}": at for (hub, partition), at in enqueued.items()}}
        until = before.complete_until
        if states is not None:
            compacted: dict[tuple[str, str], Compacted] = {}
            for hub, table in tables.items():
                marks = [(read_watermark(table, source), source) for source in self._files.sources(hub)]
                # Of namespaces that had a hub of this name the one captured last is the one that was asked.
                for mark, source in sorted(marks, key=lambda pair: (pair[0].file_started_at or EPOCH, pair[1])):
                    compacted[hub, source.partition] = Compacted(mark, latest.get(f"{hub}/{source.partition}"))
            waited_ms = self._settings.send_deadline_ms + self._settings.spill_deadline_ms
            delivery = HOLDING + timedelta(milliseconds=waited_ms)
            until = complete_until(asked_at, delivery, states, compacted, before.complete_until)
        write_progress(self._lake, Progress(until, self._now(), latest, counted))
        return until


def wanted_rows(rows: pa.Table, table: LakeTable, late: LateEvents, counts: HourCounts, done: Counts) -> pa.Table:
    """The rows but those of erased persons, which are only counted. Raise Unavailable."""
    split = late.split_events(rows) if table.spec.name == EVENTS_TABLE.name else late.split_failed(rows)
    counts.add("captured", split.erased)
    counts.add("erased", split.erased)
    counts.add_claims(split.erased, split.erased.slice(0, 0))
    done.erased += split.erased.num_rows
    return split.kept


def new_rows(rows: pa.Table, table: LakeTable, late: LateEvents, counts: HourCounts, done: Counts) -> Separated:
    """The rows that are wanted, and which of them the table has not yet, each once; all are counted.

    Raise Unavailable.
    """
    rows = wanted_rows(rows, table, late, counts, done)
    separated = separate(rows, ID_COLUMNS[table.spec.name], table)
    if separated.unsearched:
        log.warning("copies of %d events were not looked for under every date", separated.unsearched)
    done.unsearched += separated.unsearched
    counted = rows.select(COUNTED_COLUMNS)
    again = counted.filter(pa.array(separated.again))
    counts.add("captured", counted)
    counts.add(ADDED_AS[table.spec.name], counted.filter(pa.array(~separated.copy)))
    counts.add("duplicates", counted.filter(pa.array(separated.copy)))
    counts.add("redelivered", again)
    counts.add_claims(counted, again)
    return separated


def _once_more(conflicts: int) -> int:
    """The number of conflicts in a row with this one. Raise Unavailable where they do not end."""
    if conflicts + 1 >= TRIES_AFTER_CONFLICT:
        raise Unavailable(f"other compactors were first {TRIES_AFTER_CONFLICT} times")
    log.info("another compactor was first; looking again")
    return conflicts + 1


def read_watermark(table: LakeTable, source: HubPartition) -> Watermark:
    """How far the table is with a partition."""
    file = table.application_version(f"{source.prefix}/file")
    if file is None:
        return Watermark()
    sequence = table.application_version(f"{source.prefix}/sequence")
    return Watermark(datetime.fromtimestamp(file, UTC), -1 if sequence is None else sequence)


def versions(watermarks: Mapping[HubPartition, Watermark]) -> dict[str, int]:
    """Watermarks as application versions of a commit: the file's second, and the sequence number."""
    found: dict[str, int] = {}
    for source, watermark in watermarks.items():
        if watermark.file_started_at is not None:
            found[f"{source.prefix}/file"] = int(watermark.file_started_at.timestamp())
            found[f"{source.prefix}/sequence"] = watermark.sequence_number
    return found
