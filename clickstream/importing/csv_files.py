"""The import of CSV files: the files of a run, and each file row by row, from the last checkpoint on.

What a crash leaves behind, by the moment when it happens:

- before rows are stored: nothing. They are read again from the checkpoint.
- after that and before the checkpoint: rows in the spill or in the table. They are stored again with the same ids, and
  compaction drops the copies.
- after the checkpoint: nothing to repair.

The same holds if two processes read one file: the state of the job has one writer, and the rows are the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter

from clickstream.collecting.event_processor import EventProcessor
from clickstream.errors import Conflict
from clickstream.importing.csv_rows import Place, Row, detected, first_bytes, read_rows, skipped, unpacked
from clickstream.importing.digests import RowDigests
from clickstream.importing.mapping import BadRow, RowMapper, checked_header
from clickstream.importing.rows import LEAST_ROWS, MAX_MESSAGES, Intake
from clickstream.importing.sequence import SequencedFile, files_of, folder_of, stamp_of
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.runner import zone_of
from clickstream.jobs.state import STATES
from clickstream.jobs.work import ActiveRun, Done
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.sites.imports import CsvImport
from clickstream.storage.blobs import Container


@dataclass(frozen=True, slots=True)
class Pace:
    """How many rows are compared with the last file at once, stored in one blob, and read between two checkpoints."""

    at_once: int = 1_000
    in_a_blob: int = MAX_MESSAGES
    to_a_checkpoint: int = 50_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that is read: its version, and how far it is read. `parts` are blobs with digests of its rows."""

    path: str
    version: str
    stamp: datetime | None
    codec: str = ""
    header: tuple[str, ...] = ()
    byte: int = 0
    line: int = 1
    rows: int = 0
    failed: int = 0
    bad: int = 0
    unchanged: int = 0
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: the files that are done, and the one that is read."""

    files: tuple[Mapping[str, Any], ...] = ()
    reading: Reading | None = None


_PROGRESS = TypeAdapter(Progress)


class CsvImports:
    """Imports of CSV files. `source` opens a container by connection and name; it may raise SettingsError."""

    def __init__(
        self,
        settings: Settings,
        source: Callable[[str, str], Container],
        spill: Container,
        lake: Container,
        processor: EventProcessor,
        now: Callable[[], datetime],
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or Pace()
        self._settings, self._source, self._spill, self._lake = settings, source, spill, lake
        self._processor, self._now = processor, now
        self._key = sha256(b"digests of imported rows " + settings.visitor_id_key.encode()).digest()

    def step(self, run: ActiveRun) -> Done | None:
        """Read files until the time is over or none is left. Raise as `Work.step`."""
        job = run.job
        assert isinstance(job, CsvImport)
        container = self._source(job.source.connection, job.source.container)
        progress = Progress() if run.run.checkpoint is None else _PROGRESS.validate_python(run.run.checkpoint)
        while True:
            if progress.reading is None:
                file = self._next(run, job, container, progress)
                if file is None:
                    break
                progress = replace(progress, reading=Reading(file.path, file.version, file.stamp))
                self._save(run, progress)
            try:
                progress = self._read(run, job, container, progress)
            except _Changed:
                progress = replace(progress, reading=None)  # the file is begun anew, in its new version
                self._save(run, progress)
                continue
            if progress.reading is not None:
                return None
        stop = None
        if not progress.files and job.keep_updated is not None and job.when_missing == "stop":
            last = run.state.position.get("path")
            stop = f"there is no file after {last}; resume the job when there is one"
        return Done(
            position=run.state.position,
            scope={"read_from": f"{job.source.connection}/{job.source.container}", "stream": job.stream},
            files=progress.files,
            stop=stop,
        )

    def withdraw(self, run: ActiveRun) -> None:
        """Nothing: rows that come again are the same events."""

    # --- files -------------------------------------------------------------------------------------------------------

    def _next(self, run: ActiveRun, job: CsvImport, container: Container, progress: Progress) -> SequencedFile | None:
        """The file to read next; None if there is none. Raise JobFailed if the first one is missing."""
        position = run.state.position
        stamp = stamp_of(job.source.file)
        if job.keep_updated is not None:
            if stamp is None:
                message = f"from/file: what {job.source.file} ends in looks like a timestamp, but is no time"
                raise JobFailed(Actor.AUTHOR, "job_definition", message)
            blobs = container.list(folder_of(job), must_exist=True)
            files = files_of(job, blobs)
            if position:
                last = datetime.fromisoformat(position["stamp"]), position["path"]
                later = [file for file in files if (file.stamp, file.path) > last]
                return later[0] if later else None
            for file in files:
                if file.path == job.source.file:
                    return file
        elif progress.files:
            return None
        else:
            blob = container.head(job.source.file)
            if blob is not None:
                return SequencedFile(stamp or run.run.started_at, blob.path, blob.version, blob.size_bytes)
            container.list(folder_of(job), must_exist=True)  # raises the reason if there is no container
        message = f"there is no {job.source.file} in the container {job.source.container}"
        raise JobFailed(Actor.OTHER_SIDE, "no_file", message)

    # --- one file ----------------------------------------------------------------------------------------------------

    def _read(self, run: ActiveRun, job: CsvImport, container: Container, progress: Progress) -> Progress:
        """Read the file to its end, or until the time is over; then `reading` of the result is not None."""
        reading = progress.reading
        assert reading is not None
        reading, rows = self._opened(job, container, reading)
        mapper = RowMapper(job, run.site.site, reading.header, reading.path, zone_of(run.site, job), run.run.started_at)
        access = Access(run.site, KeyKind.IMPORT, job.stream)
        intake = Intake(self._settings, self._spill, self._processor, access, job.name, self._now, self._pace.in_a_blob)
        digests = self._digests(run, job, mapper, reading)
        waiting: list[Row] = []
        since = 0
        for row in rows:
            waiting.append(row)
            if len(waiting) < self._pace.at_once:
                continue
            reading = self._take(job, mapper, intake, digests, waiting, reading)
            since, waiting = since + len(waiting), []
            run.renew()
            if intake.is_full or run.is_time_over or since >= self._pace.to_a_checkpoint:
                intake.store(reading.path, reading.line)
            if run.is_time_over or since >= self._pace.to_a_checkpoint:
                since = 0
                reading = self._kept(run, digests, reading)
                self._save(run, replace(progress, reading=reading))
            if run.is_time_over:
                return replace(progress, reading=reading)
        reading = self._take(job, mapper, intake, digests, waiting, reading)
        intake.store(reading.path, reading.line)
        return self._ended(run, job, mapper, digests, replace(progress, reading=reading))

    def _opened(self, job: CsvImport, container: Container, reading: Reading) -> tuple[Reading, Iterator[Row]]:
        """The rows from the checkpoint on; of a file that is begun, its codec and header first."""
        is_packed = reading.path.endswith(".gz")
        start = 0 if is_packed else reading.byte
        chunks: Iterator[bytes] = _current(container.stream(reading.path, reading.version, start))
        if is_packed:
            chunks = skipped(_unpacked(reading.path, chunks), reading.byte)
        if not reading.header:
            first, chunks = first_bytes(chunks)
            codec, mark = detected(first, job.source.encoding)
            rows = _whole(reading.path, read_rows(skipped(chunks, mark), codec, job.source.delimiter, Place(mark, 1)))
            header = next(rows, None)
            if header is None or header.problem is not None:
                reason = "is empty" if header is None else f"has no header: {header.problem}"
                raise JobFailed(Actor.OTHER_SIDE, "bad_header", f"{reading.path} {reason}")
            checked_header(job, header.values, reading.path)
            reading = replace(
                reading, codec=codec, header=tuple(header.values), byte=header.end, line=header.line + header.lines
            )
            return reading, rows
        place = Place(reading.byte, reading.line)
        return reading, _whole(reading.path, read_rows(chunks, reading.codec, job.source.delimiter, place))

    def _take(
        self,
        job: CsvImport,
        mapper: RowMapper,
        intake: Intake,
        digests: RowDigests | None,
        rows: list[Row],
        reading: Reading,
    ) -> Reading:
        """Judge rows, except those that the last file had. Raise JobFailed for too many bad ones."""
        found = [(row, *_event_of(mapper, row)) for row in rows]
        added = {}
        if digests is not None:
            whole = [row for row, _, problem in found if problem is None]
            of_rows = [digests.add(mapper.compared(row.values)) for row in whole]
            added = dict(zip((row.line for row in whole), digests.known(of_rows), strict=True))
        failed = bad = unchanged = 0
        for row, event, problem in found:
            if added.get(row.line):
                unchanged += 1
                continue
            bad += problem is not None
            original: object = row.text.encode("utf-8", "replace") if event is None else event
            place = f"{reading.path} line {row.line}"
            failed += not intake.take(original, problem, place, partial(mapper.failed_id, row.line))
        reading = replace(
            reading,
            rows=reading.rows + len(rows),
            failed=reading.failed + failed,
            bad=reading.bad + bad,
            unchanged=reading.unchanged + unchanged,
        )
        if rows:
            reading = replace(reading, byte=rows[-1].end, line=rows[-1].line + rows[-1].lines)
        if reading.rows >= LEAST_ROWS and reading.bad > job.max_bad_rows * reading.rows:
            intake.store(reading.path, reading.line)
            message = f"{reading.path}: {reading.bad} of {reading.rows} rows cannot be read; see the failed events"
            raise JobFailed(Actor.OTHER_SIDE, "bad_rows", message)
        return reading

    def _ended(
        self, run: ActiveRun, job: CsvImport, mapper: RowMapper, digests: RowDigests | None, progress: Progress
    ) -> Progress:
        """Move the job's position behind the file that is read."""
        reading = progress.reading
        assert reading is not None and reading.stamp is not None
        before = run.state.position
        position: dict[str, Any] = {"stamp": reading.stamp.isoformat(), "path": reading.path}
        if digests is not None:
            position |= {"digests": self._digest_path(run, len(progress.files)), "columns": mapper.compared_columns}
            digests.store(position["digests"])
        file = {
            "path": reading.path,
            "rows": reading.rows,
            "failed": reading.failed,
            "unchanged": reading.unchanged,
            "bytes": reading.byte,
        }
        progress = Progress((*progress.files, file))
        self._save(run, progress, position)
        if digests is not None:
            self._lake.delete_all([*digests.parts, *filter(None, [before.get("digests")])])
        return progress

    # --- digests -----------------------------------------------------------------------------------------------------

    def _digests(self, run: ActiveRun, job: CsvImport, mapper: RowMapper, reading: Reading) -> RowDigests | None:
        if not job.diff:
            return None
        position = run.state.position
        previous = position.get("digests")
        if previous is not None and position["columns"] != mapper.compared_columns:
            message = (
                f"{reading.path}: its columns differ from those of {position['path']}, so every row would count as "
                "changed; name `fields`, or `reset` the job to import the file whole"
            )
            raise JobFailed(Actor.OTHER_SIDE, "source_changed", message)
        return RowDigests(self._lake, self._key, previous, reading.parts)

    def _kept(self, run: ActiveRun, digests: RowDigests | None, reading: Reading) -> Reading:
        if digests is None:
            return reading
        digests.store_part(f"{STATES}{run.site.site}/{run.job.name}/{run.run.id}-{run.run.attempt}-{reading.line}.part")
        return replace(reading, parts=tuple(digests.parts))

    @staticmethod
    def _digest_path(run: ActiveRun, number: int) -> str:
        return f"{STATES}{run.site.site}/{run.job.name}/{run.run.id}-{number}.digests"

    @staticmethod
    def _save(run: ActiveRun, progress: Progress, position: Mapping[str, Any] | None = None) -> None:
        done = [*progress.files, *([asdict(progress.reading)] if progress.reading is not None else [])]
        counts = {name: sum(file[name] for file in done) for name in ("rows", "failed", "unchanged")}
        bytes_ = sum(file.get("bytes", file.get("byte", 0)) for file in done)
        run.save(asdict(progress), {**counts, "bytes": bytes_, "files": len(progress.files)}, position)


class _Changed(Exception):
    """The file has another version now."""


def _current(chunks: Iterator[memoryview]) -> Iterator[bytes]:
    try:
        for chunk in chunks:
            yield bytes(chunk)
    except Conflict as conflict:
        raise _Changed from conflict


def _unpacked(path: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from unpacked(memoryview(chunk) for chunk in chunks)
    except (zlib.error, EOFError) as error:
        raise JobFailed(Actor.OTHER_SIDE, "bad_file", f"{path} is no gzip, or ends early") from error


def _whole(path: str, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from rows
    except EOFError as error:
        raise JobFailed(Actor.OTHER_SIDE, "bad_file", f"{path}: {error}") from error


def _event_of(mapper: RowMapper, row: Row) -> tuple[Mapping[str, Any] | None, str | None]:
    """The event of a row; or None and why it is none."""
    if row.problem is not None:
        return None, row.problem
    try:
        return mapper.event(row.values, row.line), None
    except BadRow as problem:
        return None, str(problem)
