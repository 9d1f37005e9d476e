"""What a kind of job does, and the run that it works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from clickstream.jobs.state import JobState, JobStates, Lease, Run
from clickstream.sites.document import Site
from clickstream.sites.jobs import Job

LEASE = timedelta(minutes=2)
RENEWED_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Done:
    """The run has done all its work. `position` is where the job's next run begins.

    `is_last` if the job has no further runs; with `stop`, the reason for which it waits until somebody resumes it.
    """

    position: Mapping[str, Any]
    scope: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Mapping[str, Any]] = ()
    is_last: bool = False
    stop: str | None = None


class Work(Protocol):
    """A kind of job."""

    def step(self, run: ActiveRun) -> Done | None:
        """Work on a run until it is done, or until `run.is_time_over`; then save a checkpoint and return None.

        Raise JobFailed; Conflict if another process has taken over; Unavailable, after which it is tried again.
        """

    def withdraw(self, run: ActiveRun) -> None:
        """Take back what a run that fails has shown to others, as the next run shows it again.

        Raise Conflict if another process has taken over; any other error leaves the rest as it is.
        """


class ActiveRun:
    """A run that this process holds a lease on. Each write is refused if another process has written since."""

    def __init__(
        self,
        site: Site,
        job: Job,
        state: JobState,
        version: str,
        until: datetime,
        states: JobStates,
        now: Callable[[], datetime],
    ) -> None:
        assert state.run is not None and state.run.lease is not None, "a run is claimed before it is worked on"
        self.site, self.job, self.state, self.version = site, job, state, version
        self._until, self._states, self._now = until, states, now
        self._renewed_at = now()

    @property
    def run(self) -> Run:
        """The run as last written."""
        assert self.state.run is not None
        return self.state.run

    @property
    def is_time_over(self) -> bool:
        """Whether the step should end."""
        return self._now() >= self._until

    def save(
        self, checkpoint: Mapping[str, Any], counts: Mapping[str, int], position: Mapping[str, Any] | None = None
    ) -> None:
        """Store how far the run is, and its counts so far. Raise Conflict, Unavailable.

        With `position` the job has got there, even if the rest of the run fails.
        """
        if position is not None:
            self.state = replace(self.state, position=position)
        self._write(replace(self.run, checkpoint=checkpoint, counts=counts, tries=0, lease=self._lease()))

    def renew(self) -> None:
        """Keep the lease. Called often; writes twice a minute. Raise Conflict, Unavailable."""
        if self._now() - self._renewed_at >= RENEWED_AFTER:
            self.hold()

    def hold(self) -> None:
        """Renew the lease now, before what another process must not undo. Raise Conflict, Unavailable."""
        self._write(replace(self.run, lease=self._lease()))

    def _lease(self) -> Lease:
        assert self.run.lease is not None
        return Lease(self.run.lease.owner, self._now() + LEASE)

    def _write(self, run: Run) -> None:
        state = replace(self.state, run=run)
        self.version = self._states.write(self.site.site, self.job.name, state, self.version)
        self.state, self._renewed_at = state, self._now()
