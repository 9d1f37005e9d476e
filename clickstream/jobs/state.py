"""The state of each job and the history of its runs, as blobs of the lake's container.

`state/jobs/{site}/{job}.json` is changed by conditional writes only, so that of two writers one gets a Conflict.
`state/job-runs/{site}/{job}/{run}.json` is written when a run has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clickstream.errors import Unavailable
from clickstream.jobs.failing import Actor
from clickstream.storage.blobs import Container

STATES, RUNS = "state/jobs/", "state/job-runs/"


class Status(StrEnum):
    """Whether a job has runs to come."""

    ACTIVE = "active"
    STOPPED = "stopped"  # until somebody resumes it
    FAILED = "failed"  # a job without a schedule whose run failed
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Lease:
    """The process that works on a run. Another one may take over after `until`."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has not ended.

    `attempt` counts the processes that have worked on it, `tries` those since its last progress; `not_before` is when
    the next one may. `checkpoint` is what the kind of job needs to go on.
    """

    id: str
    due_at: datetime
    started_at: datetime
    attempt: int = 0
    tries: int = 0
    lease: Lease | None = None
    not_before: datetime | None = None
    checkpoint: Mapping[str, Any] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run in the history. `scope` says which rows it took, `files` what it wrote or read.

    `outcome` is succeeded, failed or stopped. A failed run has an actor, a code and a message. `withdrawn_at` is when
    an erasure deleted its files.
    """

    id: str
    site: str
    job: str
    kind: str
    due_at: datetime
    started_at: datetime
    ended_at: datetime
    outcome: str
    attempts: int
    counts: Mapping[str, int] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Mapping[str, Any]] = ()
    actor: Actor | None = None
    code: str | None = None
    message: str | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobState:
    """One job. `position` is how far its ended runs got; `first_due_at` is when its first run was due.

    `is_recorded` is False while `last` is not yet in the history.
    """

    status: Status = Status.ACTIVE
    first_due_at: datetime | None = None
    next_due_at: datetime | None = None
    position: Mapping[str, Any] = field(default_factory=dict)
    run: Run | None = None
    last: EndedRun | None = None
    is_recorded: bool = True
    reason: str | None = None


_STATE, _ENDED = TypeAdapter(JobState), TypeAdapter(EndedRun)


class JobStates:
    """Reads and writes states and history."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def read(self, site: str, job: str) -> tuple[JobState, str | None]:
        """The state and its version; an empty one and None for a job that has none yet. Raise Unavailable."""
        blob = self._container.read(_path(site, job))
        if blob is None:
            return JobState(), None
        return _parsed(_STATE, blob.path, blob.data), blob.version

    def write(self, site: str, job: str, state: JobState, version: str | None) -> str:
        """Replace the state of this version. Returns the new version. Raise Conflict, Unavailable."""
        return self._container.write_if(_path(site, job), _STATE.dump_json(state), version)

    def record(self, run: EndedRun) -> None:
        """Write a run to the history, as often as it is called. Raise Unavailable."""
        self._container.write(f"{RUNS}{run.site}/{run.job}/{run.id}.json", _ENDED.dump_json(run))

    def history(self, site: str, job: str, limit: int) -> Sequence[EndedRun]:
        """The latest runs of a job, newest first. Raise Unavailable."""
        paths = [blob.path for blob in self._container.list(f"{RUNS}{site}/{job}/")]
        blobs = (self._container.read(path) for path in sorted(paths, reverse=True)[:limit])
        return [_parsed(_ENDED, blob.path, blob.data) for blob in blobs if blob is not None]

    def exports(self, site: str) -> Sequence[Mapping[str, Any]]:
        """The runs of a site that wrote files, also of jobs that are gone, and those that may be writing some.

        Each has its job, run and files, and when an erasure deleted these; a run under way has no end, and its files
        are not known. Raise Unavailable.
        """
        found: list[Mapping[str, Any]] = [
            {
                "job": run.job,
                "run": run.id,
                "ended_at": run.ended_at.isoformat(),
                "written_to": run.scope.get("written_to"),
                "files": [file["path"] for file in run.files],
                "deleted_at": None if run.withdrawn_at is None else run.withdrawn_at.isoformat(),
            }
            for run in self.ended_exports(site)
        ]
        for path, state in self._named(f"{STATES}{site}/", _STATE):
            if state.run is not None and state.run.counts.get("files"):
                job = path.rpartition("/")[2].removesuffix(".json")
                under_way: dict[str, Any] = {"ended_at": None, "written_to": None, "files": [], "deleted_at": None}
                found.append({"job": job, "run": state.run.id, **under_way})
        return sorted(found, key=lambda run: run["run"])

    def ended_exports(self, site: str) -> Sequence[EndedRun]:
        """The runs of a site that wrote files, also of jobs that are gone. Raise Unavailable."""
        runs = self._all(f"{RUNS}{site}/", _ENDED)
        return [run for run in runs if run.kind.startswith("export-") and run.counts.get("files")]

    def _all(self, prefix: str, adapter: TypeAdapter[Any]) -> Sequence[Any]:
        return [item for _, item in self._named(prefix, adapter)]

    def _named(self, prefix: str, adapter: TypeAdapter[Any]) -> Sequence[tuple[str, Any]]:
        blobs = self._container.list(prefix)
        found = self._container.fetch({blob.path: blob.size_bytes for blob in blobs if blob.path.endswith(".json")})
        return [(path, _parsed(adapter, path, bytes(data))) for path, data in found.items() if data is not None]


def _path(site: str, job: str) -> str:
    return f"{STATES}{site}/{job}.json"


def _parsed(adapter: TypeAdapter[Any], path: str, data: bytes) -> Any:
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error
