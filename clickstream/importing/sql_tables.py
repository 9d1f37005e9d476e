"""The import of a table: pass by pass, each a copy in a temporary table of the session, oldest rows first.

A run has an upper bound, the server's time at its beginning, so a busy table does not keep it from ending. A pass takes
the rows after the last one, and all with the time of its last row. If a process ends in the middle, the next one begins
a new pass at the last checkpoint: rows are the same events, with the same ids, and compaction drops the copies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from clickstream.collecting.event_processor import EventProcessor
from clickstream.importing.mapping import packed, uuid8
from clickstream.importing.rows import LEAST_ROWS, MAX_MESSAGES, Intake
from clickstream.importing.sql_rows import TableMapper, TableRow
from clickstream.importing.sql_session import SqlSession, Token
from clickstream.importing.sql_statements import PREPARE, Bounds, SqlColumn, TableStatements, columns_of
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.work import ActiveRun, Done
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.sites.table_imports import SqlImport
from clickstream.sql_connection import SqlConnection
from clickstream.storage.blobs import Container

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# How long a statement may go on when the time of its step is over. The platform ends a function two minutes after that.
GRACE = timedelta(seconds=80)


@dataclass(frozen=True, slots=True)
class TablePace:
    """How many rows are stored in one blob, and read between two checkpoints."""

    in_a_blob: int = MAX_MESSAGES
    to_a_checkpoint: int = 50_000


@dataclass(frozen=True, slots=True)
class TableProgress:
    """How far a run is: its upper bound, and the text of the timestamp up to which all rows are stored.

    `has_undated` while rows without a timestamp are to be read; `overlaps` until the first pass is.
    """

    upper: str
    after: str | None
    has_undated: bool
    overlaps: bool
    undated: int = 0
    later: int = 0
    passes: int = 0
    rows: int = 0
    failed: int = 0
    bad: int = 0


_PROGRESS = TypeAdapter(TableProgress)


class TableImports:
    """Imports of tables. `target` finds a database by the connection's name; it may raise SettingsError."""

    def __init__(
        self,
        settings: Settings,
        target: Callable[[str], SqlConnection],
        token: Token,
        spill: Container,
        processor: EventProcessor,
        now: Callable[[], datetime],
        pace: TablePace | None = None,
    ) -> None:
        self._settings, self._target, self._token, self._spill = settings, target, token, spill
        self._processor, self._now, self._pace = processor, now, pace or TablePace()

    def step(self, run: ActiveRun) -> Done | None:
        """Take passes until the time is over or no row is left. Raise as `Work.step`."""
        job = run.job
        assert isinstance(job, SqlImport)
        _check_position(job, run.state.position)
        connection = self._target(job.source.connection)
        patience = _Patience(run, self._now)
        try:
            with SqlSession(connection, self._token, job.source.query_timeout_minutes * 60, patience.wait) as session:
                return self._passes(run, job, session)
        except _TimeOver:
            return None

    def withdraw(self, run: ActiveRun) -> None:
        """Nothing: rows that come again are the same events."""

    def _passes(self, run: ActiveRun, job: SqlImport, session: SqlSession) -> Done | None:
        session.run(PREPARE)
        columns = [SqlColumn(*row.values()) for row in session.values(columns_of(job.source))]
        mapper = TableMapper(job, run.site.site, columns, run.run.started_at)
        statements = TableStatements(job.source, columns, mapper.selected, _temporary_name(run))
        progress = self._begun(run, job, statements, session)
        while True:
            count_before = progress.rows
            is_undated = progress.has_undated
            session.run(statements.undated() if is_undated else statements.dated(_bounds(progress)))
            progress, is_read = self._read(run, job, mapper, session, statements, progress)
            if not is_read:
                return None
            session.run(statements.drop())
            if is_undated:
                progress = replace(progress, has_undated=False)
            elif progress.rows - count_before < job.source.rows_per_pass:
                break
            self._save(run, job, progress)
            if run.is_time_over:
                return None
        self._save(run, job, progress)
        read_from = f"{job.source.connection}/{job.source.table}"
        return Done(
            position={**_of(job), "after": progress.after},
            scope={"read_from": read_from, "stream": job.stream, "until": progress.upper},
        )

    def _begun(self, run: ActiveRun, job: SqlImport, statements: TableStatements, session: SqlSession) -> TableProgress:
        """The run's progress; of a new run, with its upper bound, which stays the same in all of its steps."""
        if run.run.checkpoint is not None:
            return _PROGRESS.validate_python(run.run.checkpoint)
        ((upper,),) = (row.values() for row in session.values(statements.now))
        after = run.state.position.get("after")
        has_undated = not (run.state.position or statements.is_rowversion or job.source.since)
        progress = TableProgress(upper, after, has_undated, after is not None)
        if not statements.is_rowversion:
            (counts,) = session.values(statements.counts(upper))
            progress = replace(progress, **counts)
        self._save(run, job, progress)
        return progress

    def _read(
        self,
        run: ActiveRun,
        job: SqlImport,
        mapper: TableMapper,
        session: SqlSession,
        statements: TableStatements,
        progress: TableProgress,
    ) -> tuple[TableProgress, bool]:
        """Store the rows of the temporary table. False if the time was over before all were read."""
        access = Access(run.site, KeyKind.IMPORT, job.stream)
        intake = Intake(self._settings, self._spill, self._processor, access, job.name, self._now, self._pace.in_a_blob)
        # Rows may change between two attempts, so no attempt writes to the blobs of another.
        blobs = f"{job.source.table} {run.run.id} {run.run.attempt} {progress.passes}"
        before, since = progress.after, 0
        for batch in session.batches(statements.rows()):
            for row in mapper.rows(batch):
                if row.text != progress.after and row.text is not None:
                    is_due = since >= self._pace.to_a_checkpoint or (run.is_time_over and progress.after != before)
                    if is_due:  # between two times, so the next pass begins with a whole one
                        intake.store(blobs, progress.rows)
                        progress, since = replace(progress, overlaps=False), 0
                        self._save(run, job, progress)
                        if run.is_time_over:
                            return progress, False
                    progress = replace(progress, after=row.text)
                progress = self._take(job, intake, row, progress)
                since += 1
                if intake.is_full:
                    intake.store(blobs, progress.rows)
                    run.renew()
            _check_bad(job, intake, blobs, progress)
        intake.store(blobs, progress.rows)
        return replace(progress, overlaps=False, passes=progress.passes + 1), True

    @staticmethod
    def _take(job: SqlImport, intake: Intake, row: TableRow, progress: TableProgress) -> TableProgress:
        original: object = row.original if row.event is None else row.event
        place = f"{job.source.table} row {progress.rows + 1}"
        is_event = intake.take(original, row.problem, place, lambda: row.failed_id)
        return replace(
            progress,
            rows=progress.rows + 1,
            failed=progress.failed + (not is_event),
            bad=progress.bad + (row.problem is not None),
        )

    @staticmethod
    def _save(run: ActiveRun, job: SqlImport, progress: TableProgress) -> None:
        counts = {name: getattr(progress, name) for name in ("rows", "failed", "undated", "later")}
        # The position is the beginning of the next run, even if this one fails.
        position = None if progress.after is None else {**_of(job), "after": progress.after}
        run.save(asdict(progress), counts, position)


class _TimeOver(Exception):
    """The step's time is over, and a statement has not ended."""


class _Patience:
    """Keeps the lease of a run while a statement is waited for, and ends the wait with the step's time."""

    def __init__(self, run: ActiveRun, now: Callable[[], datetime]) -> None:
        self._run, self._now = run, now
        self._over_at: datetime | None = None

    def wait(self) -> None:
        """Raise _TimeOver, Conflict, Unavailable."""
        self._run.renew()
        if not self._run.is_time_over:
            self._over_at = None
        elif self._over_at is None:
            self._over_at = self._now()
        elif self._now() - self._over_at > GRACE:
            raise _TimeOver


def _of(job: SqlImport) -> Mapping[str, str]:
    return {"table": ".".join(job.source.names), "column": job.source.timestamp_column}


def _check_position(job: SqlImport, position: Mapping[str, Any]) -> None:
    """Raise JobFailed if the position is one of another column."""
    for name, value in _of(job).items() if position else ():
        if position[name] != value:
            message = f"the job has read {position[name]!r} so far, not {value!r}: `reset` it to begin anew"
            raise JobFailed(Actor.AUTHOR, "job_definition", message)


def _check_bad(job: SqlImport, intake: Intake, blobs: str, progress: TableProgress) -> None:
    """Raise JobFailed for too many rows that are no events."""
    if progress.rows >= LEAST_ROWS and progress.bad > job.max_bad_rows * progress.rows:
        intake.store(blobs, progress.rows)
        message = f"{job.source.table}: {progress.bad} of {progress.rows} rows cannot be read; see the failed events"
        raise JobFailed(Actor.OTHER_SIDE, "bad_rows", message)


def _bounds(progress: TableProgress) -> Bounds:
    return Bounds(progress.upper, progress.after, progress.overlaps)


def _temporary_name(run: ActiveRun) -> str:
    """`#TMP_{UUID of the job}_{start of the run, in nanoseconds}`."""
    job = uuid8(packed([run.site.site, run.job.name])).replace("-", "")
    return f"#TMP_{job}_{(run.run.started_at - EPOCH) // timedelta(microseconds=1) * 1000}"
