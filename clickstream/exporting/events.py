"""The export of events: which rows a run takes, the parts that it stages, and their publication.

A run takes the rows of the batches after those of the last run, up to the newest batch of its beginning. The number of
a row's batch never changes, so late events come once, and merged, enriched or rewritten rows never again.

What a crash leaves behind, by the moment when it happens:

- before the range is saved: nothing. The next attempt takes a new range.
- while parts are staged: blocks that nobody sees. The next attempt begins after the last day that is saved.
- between two publications: some files, without the manifest. The next attempt publishes the others.
- after the last publication: all files. The next attempt finds its own files, and ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import orjson
from pydantic import TypeAdapter

from clickstream.errors import Conflict
from clickstream.exporting.parts import Part, PartWriter, Staging, block_id, content_type
from clickstream.exporting.rows import Batches, EventRows
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.runner import zone_of
from clickstream.jobs.work import ActiveRun, Done
from clickstream.settings import Settings
from clickstream.sites.exports import EventExport
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.reading import TableReader
from clickstream.table.specs import EVENTS_TABLE

# Events may reach the table this long after they occurred, and a day for their way to it.
LATEST = timedelta(days=8)


class Publishing(Staging, Protocol):
    """A container of somebody's that files are published in."""

    def publish(self, path: str, blocks: Sequence[str], content_type: str, writer: str) -> None:
        """Make the staged blocks the blob. Raise Conflict if there is one of another writer, Unavailable."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: its batches, the definition that it began with, the days and parts that are done."""

    after: int
    last: int
    table_version: int
    definition: str
    day: date | None = None
    parts: tuple[Part, ...] = ()
    is_staged: bool = False


_PROGRESS = TypeAdapter(Progress)


class EventExports:
    """Exports of events. `target` opens a container by connection and name; it may raise SettingsError."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        target: Callable[[str, str], Publishing],
        now: Callable[[], datetime],
    ) -> None:
        self._account, self._container = account, settings.lake_container
        self._target, self._now = target, now

    def step(self, run: ActiveRun) -> Done | None:
        """Stage parts until the time is over; once all are staged, publish them. Raise as `Work.step`."""
        job = run.job
        assert isinstance(job, EventExport)
        target = self._target(job.to.connection, job.to.container)
        progress = self._begun(run, job)
        if not progress.is_staged:
            staged = self._stage(run, job, target, progress)
            if staged is None:
                return None
            progress = staged
        files = self._publish(run, job, target, progress)
        zone = zone_of(run.site, job)
        ends_at = None if job.end_date is None else datetime.combine(job.end_date, datetime.min.time(), zone)
        return Done(
            position={"batch": progress.last},
            scope={
                "batches": [progress.after, progress.last],
                "table_version": progress.table_version,
                "streams": list(job.streams),
                "start_date": job.start_date,
                "end_date": job.end_date,
                "written_to": f"{job.to.connection}/{job.to.container}",
            },
            files=files,
            is_last=ends_at is not None and run.run.due_at >= ends_at + LATEST,
        )

    def _begun(self, run: ActiveRun, job: EventExport) -> Progress:
        """The saved progress, or the newest batches. A run whose parts had another definition stages all anew."""
        definition = job.model_dump_json(by_alias=True, exclude={"description", "keep_updated"})
        if run.run.checkpoint is not None:
            progress: Progress = _PROGRESS.validate_python(run.run.checkpoint)
            if progress.is_staged or progress.definition == definition:
                return progress
            progress = replace(progress, definition=definition, day=None, parts=())
        else:
            table = Table.open(EVENTS_TABLE, self._account, self._container)
            last = 0 if table is None else table.application_version(COMPACTOR) or 0
            after = -1 if job.keep_updated is None else run.state.position.get("batch", -1)
            progress = Progress(after, last, -1 if table is None else table.version, definition)
        self._save(run, progress)
        return progress

    def _stage(self, run: ActiveRun, job: EventExport, target: Publishing, progress: Progress) -> Progress | None:
        reader = TableReader(EVENTS_TABLE, self._account, self._container)
        zone = zone_of(run.site, job)
        rows = EventRows(reader, run.site, job, Batches(progress.after, progress.last), zone)
        schema = rows.schema
        parts = list(progress.parts)
        writer: PartWriter | None = None

        def opened() -> PartWriter:
            path = job.path(run.run.due_at, zone, len(parts) + 1)
            return PartWriter(target, path, run.run.id, run.run.attempt, job, schema)

        snapshot = reader.snapshot()
        for day in rows.days(snapshot, progress.day):
            for batch in rows.of_day(snapshot, day):
                run.renew()
                if batch.num_rows == 0:
                    continue
                writer = writer or opened()
                writer.write(batch)
                if writer.size_bytes >= job.to.max_file_bytes:
                    parts.append(writer.close())
                    writer = None
            if run.is_time_over and writer is not None:
                parts.append(writer.close())
                writer = None
            if writer is None:
                progress = replace(progress, day=day, parts=tuple(parts))
                self._save(run, progress)
            if run.is_time_over:
                return None
        if writer is None and not parts and job.when_empty == "write":
            writer = opened()
        if writer is not None:
            parts.append(writer.close())
        progress = replace(progress, parts=tuple(parts), is_staged=True)
        self._save(run, progress)
        return progress

    def _publish(
        self, run: ActiveRun, job: EventExport, target: Publishing, progress: Progress
    ) -> Sequence[Mapping[str, Any]]:
        """Publish every part, the manifest last. Raise JobFailed if a name is taken."""
        files = [
            {"path": part.path, "rows": part.rows, "bytes": part.bytes, "sha256": part.sha256}
            for part in progress.parts
        ]
        for part in progress.parts:
            blocks = [block_id(run.run.id, part.attempt, index) for index in range(part.blocks)]
            _make_visible(target, part.path, blocks, content_type(job), run.run.id)
            run.renew()
        if files:
            manifest = {
                "site": run.site.site,
                "job": job.name,
                "run": run.run.id,
                "due_at": run.run.due_at,
                "rows": sum(part.rows for part in progress.parts),
                "files": files,
            }
            path, block = manifest_path(progress.parts[0].path), block_id(run.run.id, run.run.attempt, 0)
            target.stage(path, block, orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))
            _make_visible(target, path, [block], "application/json", run.run.id)
        return files

    @staticmethod
    def _save(run: ActiveRun, progress: Progress) -> None:
        parts = progress.parts
        run.save(
            asdict(progress),
            {
                "rows": sum(part.rows for part in parts),
                "bytes": sum(part.bytes for part in parts),
                "files": len(parts),
            },
        )


def _make_visible(target: Publishing, path: str, blocks: Sequence[str], content_type: str, run_id: str) -> None:
    try:
        target.publish(path, blocks, content_type, run_id)
    except Conflict as conflict:
        message = f"{conflict.message}; name another file or remove that one, and run the job again"
        raise JobFailed(Actor.AUTHOR, "name_taken", message) from conflict


def manifest_path(first: str) -> str:
    """The path of the manifest, by that of the first file."""
    folder, slash, name = first.rpartition("/")
    stem = name
    for extension in (".gz", ".csv", ".ndjson"):
        stem = stem.removesuffix(extension)
    return f"{folder}{slash}{stem}.manifest.json"
