"""A queue of one hub's captured or spilled files. A file that cannot be compacted does not block the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from clickstream.capture.chunk import last_enqueued
from clickstream.capture.decode import Content, decode_file
from clickstream.capture.marks import Marks
from clickstream.capture.names import MAX_FILES, CaptureFile, plan
from clickstream.capture.narrowing import failing_records
from clickstream.capture.quarantine import Quarantine
from clickstream.compacting.committing import Commits, Committer
from clickstream.compacting.putting_aside import Aside, place_of, some_records, whole_file
from clickstream.compacting.reading import Damaged, Fetch, Places, Read, read_events, read_failed_events
from clickstream.compacting.report import Run, note_error
from clickstream.compacting.sources import Source
from clickstream.compacting.state import CompactionState
from clickstream.errors import Conflict, Unavailable
from clickstream.retrying import TRIES_AFTER_CONFLICT
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE, TableSpec

log = logging.getLogger(__name__)
# Runs in which a file may fail before its records are put aside. The first cause may pass: a full disk, little memory.
TRIES = 2
# How often the process may end while it compacts one file alone. A platform ends processes for other reasons, too.
DEATHS = 3


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts that all queues of a run share."""

    open_table: Callable[[TableSpec], Table]
    committer: Committer
    quarantine: Quarantine
    state: CompactionState
    marks: Marks
    now: Callable[[], datetime]
    max_bytes: int

    def read(self, spec: TableSpec, fetch: Fetch, files: Sequence[CaptureFile], left_out: Places | None = None) -> Read:
        """Read files of the hub whose rows this table has. Raise Unavailable."""
        read = read_events if spec is EVENTS_TABLE else read_failed_events
        return read(fetch, files, self.marks, left_out)


@dataclass(slots=True)
class FileQueue:
    """Compacts the files of one source in chunks, each chunk in one commit.

    `problem` is why files are left, if any are. Files of a blocked lane wait for the next run. A narrowed lane is one
    in which records were put aside: its files fail because of their records, so they do not wait for another run.
    """

    source: Source
    spec: TableSpec
    tools: Tools
    run: Run
    waiting: list[CaptureFile] = field(default_factory=list)
    problem: str | None = None
    _blocked: set[Hashable] = field(default_factory=set)
    _narrowed: set[Hashable] = field(default_factory=set)

    def compact(self, until: datetime) -> bool:
        """Compact the waiting files. Begins no chunk after `until`.

        Returns whether no file is left except in blocked lanes. Raise Unavailable; earlier commits stay.
        """
        conflicts = 0
        limit = self.tools.state.files_at_once(self.source) or MAX_FILES
        while self.run.has_time(until):
            self.waiting = list(self.source.waiting(self.tools.open_table(self.spec)))
            chunks = list(plan(self._unblocked(self.waiting), {}, self.tools.max_bytes, limit))
            if not chunks:
                return True
            try:
                for files in chunks if limit == MAX_FILES else chunks[:1]:
                    self._take(self._unblocked(files), until)
                    conflicts = 0
                    if not self.run.has_time(until):
                        return False
                limit = min(2 * limit, MAX_FILES)
            except Conflict:
                conflicts += 1
                if conflicts == TRIES_AFTER_CONFLICT:
                    raise Unavailable(f"other compactors were first {conflicts} times") from None
                log.info("another compactor was first; looking again")
        return False

    def _unblocked(self, files: Iterable[CaptureFile]) -> Sequence[CaptureFile]:
        return [file for file in files if self.source.lane(file) not in self._blocked]

    def _take(self, files: Sequence[CaptureFile], until: datetime) -> None:
        """Compact files. If they fail together, compact each half by itself. Raise Conflict, Unavailable."""
        if not files:
            return
        try:
            if len(files) == 1 and self.tools.state.deaths(self.source, files) >= DEATHS:
                self._put_aside(files[0], f"the process ended {DEATHS} times while this file was compacted")
            else:
                self._commit(files, self.source.fetch)
        except (Conflict, Unavailable):
            raise
        except Exception as error:
            self._note(error, f"{len(files)} files from {files[0].path} on")
            if len(files) == 1:
                self._take_failing(files[0], error)
                return
            middle = len(files) // 2
            for half in (files[:middle], files[middle:]):
                if self.run.has_time(until):
                    self._take(self._unblocked(half), until)

    def _take_failing(self, file: CaptureFile, error: Exception) -> None:
        """Block the lane of a failing file; if it has failed in TRIES runs, put aside its failing records instead.

        Raise Conflict, Unavailable.
        """
        if self.tools.state.failed(self.source, file) < TRIES and self.source.lane(file) not in self._narrowed:
            self._block(file, error)
            return
        try:
            for _, content in self.source.fetch([file]):
                self._leave_out_failing(file, content, place_of(error))
        except (Conflict, Unavailable):
            raise
        except Exception as again:  # it is not the records
            self._note(again, file.path)
            self._block(file, again)

    def _leave_out_failing(self, file: CaptureFile, content: Content, reason: str) -> None:
        """Commit the file without the records that fail, and put these aside. Raise Conflict, Unavailable."""

        def fetch(files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
            return [(file, content)]

        def check(left_out: Collection[int]) -> None:
            self._prepare(self.tools.read(self.spec, fetch, [file], {file.path: left_out})).check()

        count = sum(decode_file(content).counts)
        places = failing_records(count, check, self.run.has_time)
        if not places:
            self._commit([file], fetch)
            return
        aside = some_records(file, content, places, reason, self.tools.now())
        self._commit([file], fetch, left_out={file.path: places}, aside=[aside])
        self._narrowed.add(self.source.lane(file))

    def _put_aside(self, file: CaptureFile, reason: str) -> None:
        """Put a file aside whole, without decoding it. Raise Conflict, Unavailable."""
        for _, content in self.source.fetch([file]):
            self._commit([file], lambda files: [(file, b"")], damaged=[Damaged(file, content, reason)])

    def _commit(
        self,
        files: Sequence[CaptureFile],
        fetch: Fetch,
        *,
        left_out: Places | None = None,
        aside: Sequence[Aside] = (),
        damaged: Sequence[Damaged] = (),
    ) -> None:
        """Store what is put aside, then commit the files. Raise Conflict, Unavailable.

        If their events have too many dates for one commit and the time is over before the last commit, the files wait
        for the next run.
        """
        tools = self.tools
        tools.state.attempt(self.source, files)
        try:
            read = tools.read(self.spec, fetch, files, left_out)
            read = replace(read, damaged=[*read.damaged, *damaged])
            commits = self._prepare(read)
            for each in (*aside, *(whole_file(each, commits.before, tools.now()) for each in read.damaged)):
                log.error("%s is put aside: %s", each.note.path, each.note.reason)
                tools.quarantine.put(each.data, each.note)
            if not self._run(commits):
                return
        finally:
            tools.state.attempted(self.source)
        self.source.committed(files, commits.reached)
        tools.state.done(self.source, files)
        taken = {file.path for file in files}
        self.waiting = [file for file in self.waiting if file.path not in taken]
        for gap in commits.done.gaps:
            log.warning("%s: no file holds the events between %d and %d", gap.source.prefix, gap.after, gap.before)
        self.run.say_progress(self.waiting)
        if commits.before:
            self.run.enqueued |= last_enqueued(read.chunk)

    def _run(self, commits: Commits) -> bool:
        """Commit in order. Returns False if the time was over before the last commit. Raise Conflict, Unavailable."""
        for append in commits.failures:
            append.run()
            self.run.report.add(append.ledger.counts())
        for number, append in enumerate(commits.rows, 1):
            append.run()
            self.run.add(append.ledger.counts())
            if number < len(commits.rows) and not self.run.has_time():
                return False
        return True

    def _prepare(self, read: Read) -> Commits:
        """Prepare commits. Raise Conflict if another compactor has committed files of these partitions, Unavailable."""
        table = self.tools.open_table(self.spec)
        marks = self.source.marks(table, read.chunk.files)
        return self.tools.committer.prepare(table, self.source.hub, read, marks)

    def _note(self, error: Exception, what: str) -> None:
        note_error(self.run.report, f"compaction of {self.source.hub}, {what}", error)

    def _block(self, file: CaptureFile, error: Exception) -> None:
        self._blocked.add(self.source.lane(file))
        self.problem = place_of(error)
