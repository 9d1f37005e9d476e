"""How every export runs: it stages files, part by part, and then publishes all of them.

What a crash leaves behind, by the moment when it happens:

- before the scope is saved: nothing. The next attempt takes a new one.
- while parts are staged: blocks that nobody sees. The next attempt begins after the last piece that is saved.
- between two publications: some files, without the manifest. The next attempt publishes the others.
- after the last publication: all files. The next attempt finds its own files, and ends the run.

A run that fails withdraws what it has published: the next one exports the same rows.

An erasure while a run is under way makes it withdraw what it has published, and stage all anew: what it has staged may
hold the person.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import orjson
import pyarrow as pa
from pydantic import TypeAdapter

from clickstream.errors import Conflict
from clickstream.exporting.parts import Part, PartWriter, Staging, block_id, content_type
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.runner import zone_of
from clickstream.jobs.work import ActiveRun, Done
from clickstream.sites.exports import Export, Target


class Publishing(Staging, Protocol):
    """A container of somebody's that files are published in."""

    def publish(self, path: str, blocks: Sequence[str], content_type: str, writer: str) -> None:
        """Make the staged blocks the blob. Raise Conflict if there is one of another writer, Unavailable."""

    def withdraw(self, path: str, writer: str) -> None:
        """Delete the blob if this writer has published it. Raise Unavailable."""


class Rows(Protocol):
    """The rows of a run, in pieces whose order is the same for each attempt."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of the batches; for lines of JSON, one column of text."""

    @property
    def delimiter(self) -> str:
        """What separates columns of CSV."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What else the run counts, of the pieces so far."""

    def pieces(self, after: str | None, renew: Callable[[], None]) -> Iterator[tuple[str, Iterable[pa.RecordBatch]]]:
        """Each piece after the one of this mark with its own mark; None: from the first on.

        Calls `renew` while it takes long to find the next piece. Raise Unavailable, also during iteration.
        """


class Source(Protocol):
    """The rows of one kind of export."""

    def begin(self, run: ActiveRun) -> Mapping[str, Any]:
        """The scope of a new run, in plain values: which rows it takes. Raise Unavailable."""

    def rows(self, run: ActiveRun, scope: Mapping[str, Any]) -> Rows:
        """The rows of this scope. Raise JobFailed, Unavailable."""

    def done(self, run: ActiveRun, scope: Mapping[str, Any]) -> Done:
        """The end of a run of this scope."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    It began with `definition` and after these `erasures`; all pieces up to `mark` are in `parts`.
    """

    scope: Mapping[str, Any]
    definition: str
    erasures: str
    mark: str | None = None
    parts: tuple[Part, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    is_staged: bool = False


_PROGRESS = TypeAdapter(Progress)


class Exports:
    """Exports of one kind. `target` opens a container by connection and name; it may raise SettingsError.

    `erasures` is a text that differs after each beginning and end of an erasure.
    """

    def __init__(
        self,
        source: Source,
        target: Callable[[str, str], Publishing],
        erasures: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._source, self._target, self._erasures, self._now = source, target, erasures, now

    def step(self, run: ActiveRun) -> Done | None:
        """Stage parts until the time is over; once all are staged, publish them. Raise as `Work.step`."""
        job = run.job
        assert isinstance(job, Export)
        progress = self._begun(run, job)
        if not progress.is_staged:
            staged = self._stage(run, job, progress)
            if staged is None:
                return None
            progress = staged
        staged_as = _as_staged(job, progress)
        if self._erasures() == progress.erasures:
            files = self._publish(run, staged_as, progress)
            if self._erasures() == progress.erasures:
                done = self._source.done(run, progress.scope)
                where = {"written_to": f"{staged_as.to.connection}/{staged_as.to.container}"}
                if files:
                    where["manifest"] = manifest_path(progress.parts[0].path, staged_as)
                return replace(done, scope={**done.scope, **where}, files=files)
        self._begun(run, job)
        return None

    def withdraw(self, run: ActiveRun) -> None:
        """Delete what the run has published. Raise Conflict, Unavailable, and as `target`."""
        job = run.job
        assert isinstance(job, Export)
        if run.run.checkpoint is None:
            return
        progress: Progress = _PROGRESS.validate_python(run.run.checkpoint)
        if progress.is_staged:
            self._take_back(run, job, progress)

    def _begun(self, run: ActiveRun, job: Export) -> Progress:
        """The saved progress, or that of a new run. After an erasure, or with another definition, all begins anew.

        What is staged whole is published where it is staged, whatever the document says now.
        """
        definition = job.model_dump_json(by_alias=True, exclude={"description", "keep_updated"})
        erasures = self._erasures()
        if run.run.checkpoint is None:
            progress = Progress(self._source.begin(run), definition, erasures)
        else:
            saved: Progress = _PROGRESS.validate_python(run.run.checkpoint)
            if saved.erasures == erasures and (saved.is_staged or saved.definition == definition):
                return saved
            if saved.is_staged:
                self._take_back(run, job, saved)
            scope = saved.scope if saved.definition == definition else self._source.begin(run)
            progress = Progress(scope, definition, erasures)
        self._save(run, progress)
        return progress

    def _stage(self, run: ActiveRun, job: Export, begun: Progress) -> Progress | None:
        target = self._target(job.to.connection, job.to.container)
        rows = self._source.rows(run, begun.scope)
        recipients = _recipients(job, self._now())
        progress, parts = begun, list(begun.parts)
        writer: PartWriter | None = None

        def opened() -> PartWriter:
            path = job.path(run.run.due_at, zone_of(run.site, job), len(parts) + 1)
            return PartWriter(target, path, run.run.id, run.run.attempt, job, rows.schema, rows.delimiter, recipients)

        def so_far(**fields: Any) -> Progress:
            counts = Counter(begun.counts) + Counter(rows.counts)
            return replace(progress, parts=tuple(parts), counts=dict(counts), **fields)

        try:
            for mark, batches in rows.pieces(begun.mark, run.renew):
                for batch in batches:
                    run.renew()
                    if batch.num_rows == 0:
                        continue
                    writer = writer or opened()
                    writer.write(batch)
                    if writer.size_bytes >= job.to.max_file_bytes:
                        parts.append(writer.close())
                        writer = None
                    del batch  # before the next one is made
                if run.is_time_over and writer is not None:
                    parts.append(writer.close())
                    writer = None
                if writer is None:
                    progress = so_far(mark=mark)
                    self._save(run, progress)
                if run.is_time_over:
                    return None
            if writer is None and not parts and job.when_empty == "write":
                writer = opened()
            if writer is not None:
                parts.append(writer.close())
                writer = None
        finally:
            if writer is not None:
                writer.abandon()
        progress = so_far(is_staged=True)
        self._save(run, progress)
        return progress

    def _publish(self, run: ActiveRun, job: Export, progress: Progress) -> Sequence[Mapping[str, Any]]:
        """Publish every part, the manifest last. Raise JobFailed if a name is taken."""
        target = self._target(job.to.connection, job.to.container)
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
            path, block = manifest_path(progress.parts[0].path, job), block_id(run.run.id, run.run.attempt, 0)
            text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)
            target.stage(path, block, io.BytesIO(text))
            _make_visible(target, path, [block], "application/json", run.run.id)
        return files

    def _take_back(self, run: ActiveRun, job: Export, progress: Progress) -> None:
        """Delete those of the run's files that it has published, the manifest first. Raise Conflict, Unavailable."""
        run.hold()  # else it could be another attempt's files
        job = _as_staged(job, progress)
        target = self._target(job.to.connection, job.to.container)
        paths = [part.path for part in progress.parts]
        for path in [manifest_path(paths[0], job), *paths] if paths else []:
            target.withdraw(path, run.run.id)

    @staticmethod
    def _save(run: ActiveRun, progress: Progress) -> None:
        parts = progress.parts
        run.save(
            asdict(progress),
            {
                "rows": sum(part.rows for part in parts),
                "bytes": sum(part.bytes for part in parts),
                "files": len(parts),
                **progress.counts,
            },
        )


def _as_staged(job: Export, progress: Progress) -> Export:
    """The job with the target and the form that its files were staged with."""
    saved = orjson.loads(progress.definition)
    return job.model_copy(update={"to": Target.model_validate(saved["to"]), "format": saved["format"]})


def _make_visible(target: Publishing, path: str, blocks: Sequence[str], content_type: str, run_id: str) -> None:
    try:
        target.publish(path, blocks, content_type, run_id)
    except Conflict as conflict:
        message = f"{conflict.message}; name another file or remove that one, and run the job again"
        raise JobFailed(Actor.AUTHOR, "name_taken", message) from conflict


def manifest_path(first: str, job: Export) -> str:
    """The path of the manifest, by that of the first file."""
    return first.removesuffix("".join(job.extensions)) + ".manifest.json"


def _recipients(job: Export, now: datetime) -> Sequence[bytes]:
    """The certificates that files are encrypted for. Raise JobFailed unless all of them can be used now."""
    if not job.to.pgp_keys:
        return ()
    from clickstream.sites.pgp_keys import UnusableKey, public_key

    try:
        return [public_key(text, now).certificate for text in job.to.pgp_keys]
    except UnusableKey as error:
        if error.has_expired:
            raise JobFailed(Actor.OTHER_SIDE, "key_expired", f"pgp_keys: {error}") from error
        raise JobFailed(Actor.AUTHOR, "job_definition", f"pgp_keys: {error}") from error
