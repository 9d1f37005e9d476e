"""The compactor: takes all waiting files into the tables, chunk by chunk, each chunk in one commit.

What a crash leaves behind, by its moment:

- before the commit of `failed_events`: files that belong to no table, which vacuum removes. Nothing else happened.
- after that and before the commit of `events`: failed events are in their table with their own watermark. The next run
  reads the same captured files again. For `failed_events` they are at or below its watermark, so their failures are
  not committed twice; `events` gets its rows.
- between commits of `events`, if a chunk needs several because its rows have many dates: only the last one moves the
  watermark, so the next run reads the files again and recognises the rows that are committed already by their ids.
- after the commit of `events`: both tables have the chunk. Only `state/progress.json` is behind.

Spilled blobs have no watermark (see docs/decisions/0006-the-spill-is-consumed-by-id.md): they are deleted after the
commit of their rows. A crash before that leaves blobs whose events are in the tables; the next run recognises them as
copies by their ids.

A failure does not block other files. Each hub has two queues, one of captured and one of spilled files. If a chunk
fails by an unexpected error, its halves are tried. A file that fails by itself blocks its own partition for that run;
in the next run the records that make it fail are put aside, see `clickstream.capture.quarantine`. They are put aside
before the commit of the others, which counts them. After a crash in between, the quarantine has a copy of records that
the next run reads again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from clickstream.capture.names import HubPartition
from clickstream.capture.quarantine import Quarantine
from clickstream.capture.spill import SpillFiles
from clickstream.capture.store import CaptureFiles
from clickstream.compacting.committing import MAX_DATES, Committer
from clickstream.compacting.file_queue import FileQueue, Tools
from clickstream.compacting.memory import freed_memory_kept
from clickstream.compacting.progress import Compacted, complete_until
from clickstream.compacting.putting_aside import place_of
from clickstream.compacting.report import Report, Run, note_error, noted
from clickstream.compacting.retrying import Retried, Retrier
from clickstream.compacting.sources import CapturedFiles, SpilledFiles
from clickstream.compacting.state import CompactionState, summed
from clickstream.compacting.suppression import SuppressionFilter
from clickstream.enriching.loader import Enrichment
from clickstream.enriching.steps import STEPS, Step
from clickstream.errors import Unavailable
from clickstream.model.hub_state import HubState, HubStates
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.answered_files import AnsweredFiles
from clickstream.storage.compaction_state import CompactionStateFile
from clickstream.storage.progress import Progress, read_progress, write_progress
from clickstream.table.delta import Table
from clickstream.table.pipeline_hours import gather_answered, gather_hours, read_hours
from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE, TableSpec
from clickstream.table.watermarks import read_watermark

log = logging.getLogger(__name__)
EPOCH = datetime.fromtimestamp(0, UTC)


class Compactor:
    """Takes captured files into the tables. Several may run at once: one commit wins, the others list files again."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        suppression: SuppressionFilter,
        hubs: HubStates,
        now: Callable[[], datetime],
        steps: tuple[Step, ...] = STEPS,
        say: Callable[[str], None] = lambda line: None,
        max_dates: int = MAX_DATES,
        derive: Callable[[datetime], object] = lambda deadline: None,
    ) -> None:
        """`steps` are the steps of enrichment that run; columns that only other steps derive are null.

        `say` gets a line of progress after each chunk. A commit of events has rows of at most `max_dates` dates.
        `derive` brings derived tables up to date, until a deadline; its failures do not fail a run.
        """
        self._say = say
        self._derive = derive
        self._account = account
        self._settings = settings
        self._suppression = suppression
        self._hubs = hubs
        self._now = now
        self._steps = steps
        self._max_dates = max_dates
        self._lake = account.container(settings.lake_container)
        self._files = CaptureFiles(account.container(settings.capture_container))
        self._spill = SpillFiles(account.container(settings.spill_container))
        self._answered = AnsweredFiles(account.container(settings.spill_container))
        self._quarantine = Quarantine(self._lake)

    def run(self, deadline: datetime) -> Report:
        """Compact all waiting files. Begins no chunk after `deadline`; the next run does the rest.

        Unexpected errors are listed in the report, and the other files are compacted. Raise Unavailable if storage
        failed for any queue, after the others are done; commits stay.
        """
        asked_at = self._now()
        hubs = self._ask_hubs()
        run = Run(self._now, deadline, self._say)
        state = CompactionState(CompactionStateFile(self._lake), self._tables())
        state.begin()
        with freed_memory_kept():
            # Hubs whose last runs failed come last, because their files may have ended the process.
            queues = sorted(self._queues(run, state), key=lambda queue: state.hubs[queue.source.hub].failed_runs)
            unavailable = self._compact(queues, run)
        with suppress(*({Unavailable} if unavailable else ())):
            self._end(state, queues)
            # A waiting file may be older than every number that the hubs reported.
            comes_through = run.report.finished and not any(queue.problem for queue in queues)
            run.report.complete_until = self._note_progress(asked_at, hubs if comes_through else None, run)
        self._derive_tables(deadline, run)
        if unavailable:
            raise unavailable[0]
        return run.report

    def _derive_tables(self, deadline: datetime, run: Run) -> None:
        try:
            self._derive(deadline)
        except Unavailable as error:
            log.warning("derived tables stay as they are until the next run: %s", error.message)
        except Exception as error:
            note_error(run.report, "derived tables", error)

    def _tables(self) -> Mapping[str, TableSpec]:
        return {
            self._settings.failed_event_hub_name: FAILED_TABLE,
            self._settings.event_hub_name: EVENTS_TABLE,
        }

    def _open(self, spec: TableSpec) -> Table:
        return Table.open_or_create(spec, self._account, self._settings.lake_container)

    def _ask_hubs(self) -> Mapping[str, HubState] | None:
        try:
            return {hub: self._hubs.ask(hub) for hub in self._tables()}
        except Unavailable as error:
            log.warning("how far the hubs are is not known, so `complete until` stays: %s", error.message)
            return None

    def _tools(self, state: CompactionState) -> Tools:
        enrichment = Enrichment(self._account.container(self._settings.config_container), self._steps)
        return Tools(
            self._open,
            Committer(self._open, self._suppression, enrichment, self._max_dates),
            self._quarantine,
            state,
            self._suppression.marks,
            self._now,
            self._settings.compact_max_bytes,
        )

    def _queues(self, run: Run, state: CompactionState) -> Sequence[FileQueue]:
        tools = self._tools(state)
        return [
            FileQueue(source, spec, tools, run)
            for hub, spec in self._tables().items()
            for source in (
                CapturedFiles(self._files, hub, lambda: self._now().date()),
                SpilledFiles(self._spill, hub),
            )
        ]

    def _compact(self, queues: Sequence[FileQueue], run: Run) -> Sequence[Unavailable]:
        """Give each queue an equal share of the time, in rounds, until none has files left. Returns storage errors."""
        unavailable: list[Unavailable] = []
        pending = list(queues)
        commits = -1
        while pending and run.has_time() and run.commits > commits:
            commits = run.commits
            unfinished = []
            for number, queue in enumerate(pending):
                share = (run.deadline - self._now()) / (len(pending) - number)
                try:
                    if not queue.compact(self._now() + share):
                        unfinished.append(queue)
                except Unavailable as error:
                    queue.problem = error.code
                    unavailable.append(error)
                except Exception as error:
                    queue.problem = place_of(error)
                    note_error(run.report, f"compaction of {queue.source.hub}, {queue.source.name} files", error)
            pending = unfinished
        run.report.finished = not pending
        return unavailable

    # --- quarantine -----------------------------------------------------------------------------------------------

    def retry(self, paths: Collection[str] = ()) -> Iterator[Retried]:
        """Compact files from quarantine, one by one: those of `paths`, or all if it is empty. Raise Unavailable."""
        tools = self._tools(CompactionState(CompactionStateFile(self._lake), self._tables()))
        for hub, spec in self._tables().items():
            self._gather(self._open(spec))
            yield from Retrier(tools, self._spill, self._missing).run(hub, spec, paths)
            self._gather(self._open(spec))

    def _gather(self, table: Table) -> None:
        gather_hours([table], self._account, self._settings.lake_container)

    def _missing(self, source: HubPartition) -> int:
        hours = read_hours(self._account, self._settings.lake_container)
        of_source = [hour for hour in hours if (hour.hub, hour.hub_partition) == (source.hub, source.partition)]
        return max(sum(hour.missing for hour in of_source), 0)

    # --- progress --------------------------------------------------------------------------------------------------

    def _end(self, state: CompactionState, queues: Sequence[FileQueue]) -> None:
        for hub in self._tables():
            of_hub = [queue for queue in queues if queue.source.hub == hub]
            problem = next((queue.problem for queue in of_hub if queue.problem), None)
            waiting = summed(file for queue in of_hub for file in queue.waiting)
            state.end(hub, problem, waiting, summed(self._quarantine.list(hub)), self._now())

    def _note_progress(self, asked_at: datetime, states: Mapping[str, HubState] | None, run: Run) -> datetime | None:
        before = read_progress(self._lake)
        tables = {hub: self._open(spec) for hub, spec in self._tables().items()}
        gathered = dict(before.gathered)
        for table in tables.values():
            if before.gathered.get(table.spec.name) == table.version:
                continue
            with noted(run.report, f"counts of {table.spec.name}"):
                self._gather(table)
                gathered[table.spec.name] = table.version
        with noted(run.report, "counts of what was answered"):
            gather_answered(self._answered, self._account, self._settings.lake_container)
        latest = {**before.enqueued_at, **{f"{hub}/{partition}": at for (hub, partition), at in run.enqueued.items()}}
        until = before.complete_until
        if states is not None:
            compacted: dict[tuple[str, str], Compacted] = {}
            for hub, table in tables.items():
                marks = [(read_watermark(table, source), source) for source in self._files.sources(hub)]
                # Several namespaces may have had a hub of this name. The one captured last is the one that was queried.
                for mark, source in sorted(marks, key=lambda pair: (pair[0].file_started_at or EPOCH, pair[1])):
                    compacted[hub, source.partition] = Compacted(mark, latest.get(f"{hub}/{source.partition}"))
            until = complete_until(asked_at, self._settings.delivery_time, states, compacted, before.complete_until)
        write_progress(self._lake, Progress(until, self._now(), latest, gathered))
        return until
