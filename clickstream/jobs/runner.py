"""Runs what is due: one process per run, in steps that end in time, each from the last checkpoint.

A process claims a run by a conditional write that puts a lease on it. If it ends without a word, another one takes over
when the lease is past. If it was only slow, its next write is refused, because the other one has written since.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clickstream.errors import ClickstreamError, Conflict, NotFound, Refused, SettingsError, Unavailable, places
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.state import EndedRun, JobState, JobStates, Lease, Run, Status
from clickstream.jobs.work import LEASE, ActiveRun, Done, Work
from clickstream.sites.document import Site
from clickstream.sites.job_parts import AnyJob
from clickstream.sites.jobs import Job

log = logging.getLogger(__name__)
# Processes that may try a run without progress, and how long the next one waits after storage failed.
MAX_TRIES = 5
PAUSES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=10))


@dataclass(slots=True)
class Report:
    """What one call did: names of jobs as `site/job`, and the errors of failed ones."""

    ended: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class JobRunner:
    """Runs jobs. Several may run at once, in several processes."""

    def __init__(
        self,
        states: JobStates,
        works: Mapping[str, Work],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._states, self._works, self._now, self._new_id = states, works, now, new_id

    def run_due(self, sites: Mapping[str, Site], until: datetime) -> Report:
        """Work on every run that is due, the longest due first. Each gets its share of the time that is left.

        Raise Unavailable if a state cannot be read.
        """
        due: list[tuple[datetime, Site, Job]] = []
        for site in sites.values():
            for job in site.jobs:
                state, _ = self._states.read(site.site, job.name)
                if (at := self._waits_since(state)) is not None:
                    due.append((at, site, job))
        report = Report()
        due.sort(key=lambda item: item[0])
        for index, (_, site, job) in enumerate(due):
            now = self._now()
            if now >= until:
                break
            self.run(site, job, now + (until - now) / (len(due) - index), report)
        return report

    def run(self, site: Site, job: Job, until: datetime, report: Report | None = None) -> EndedRun | None:
        """Work on the job's run, if one is due and free, for one step. Returns the run if it ended.

        Raise Unavailable if the state cannot be read or written.
        """
        report = report or Report()
        name = f"{site.site}/{job.name}"
        try:
            active = self._claim(site, job, until)
            if active is None:
                return None
            ended = self._step(active)
        except Conflict as conflict:  # another process, or a person who stopped the job
            log.info("%s: %s", name, conflict.message)
            return None
        if ended is None:
            report.unfinished.append(name)
        elif ended.outcome == "failed":
            report.failed[name] = f"{ended.code} ({ended.actor}): {ended.message}"
        else:
            report.ended.append(name)
        return ended

    # --- what persons do ---------------------------------------------------------------------------------------------

    def ask(self, site: Site, job: Job) -> Run:
        """Make a run due now. Raise Conflict while one is under way, Unavailable."""
        state, version = self._states.read(site.site, job.name)
        if state.run is not None:
            raise Conflict(f"the run {state.run.id} of {job.name} is under way")
        now = self._now()
        run = Run(self._new_id(), now, now)
        state = replace(
            state, status=Status.ACTIVE, run=run, first_due_at=state.first_due_at or now, next_due_at=None, reason=None
        )
        self._states.write(site.site, job.name, state, version)
        return run

    def stop(self, site: Site, job: Job) -> JobState:
        """Start no step until `resume`; a step under way ends at its next write. Raise Conflict, Unavailable."""
        return self._change(site, job, lambda state: replace(state, status=Status.STOPPED, reason="stopped by request"))

    def resume(self, site: Site, job: Job) -> JobState:
        """Go on where the job stopped or failed. Raise Conflict, Unavailable."""
        now = self._now()
        return self._change(
            site,
            job,
            lambda state: replace(
                state,
                status=Status.ACTIVE,
                reason=None,
                next_due_at=state.next_due_at or now,
                run=None if state.run is None else replace(state.run, tries=0, not_before=None),
            ),
        )

    def reset(self, site: Site, job: Job) -> JobState:
        """Forget the position and the run under way: the job begins anew, now. Raise Conflict, Unavailable."""
        now = self._now()
        return self._change(
            site, job, lambda state: JobState(next_due_at=now, last=state.last, is_recorded=state.is_recorded)
        )

    def state(self, site: Site, job: Job) -> JobState:
        """The job's state. Raise Unavailable."""
        return self._states.read(site.site, job.name)[0]

    def _change(self, site: Site, job: Job, change: Callable[[JobState], JobState]) -> JobState:
        state, version = self._states.read(site.site, job.name)
        state = change(state)
        self._states.write(site.site, job.name, state, version)
        return state

    # --- one step ----------------------------------------------------------------------------------------------------

    def _waits_since(self, state: JobState) -> datetime | None:
        """Since when the job waits for a step; None if it does not."""
        now, run = self._now(), state.run
        if not state.is_recorded:
            return now
        if state.status is not Status.ACTIVE:
            return None
        if run is None:
            due = state.next_due_at or now
            return due if due <= now else None
        is_free = run.lease is None or run.lease.until <= now
        return run.due_at if is_free and (run.not_before is None or run.not_before <= now) else None

    def _claim(self, site: Site, job: Job, until: datetime) -> ActiveRun | None:
        """The run that waits, with a lease of this process; None if there is none. Raise Conflict, Unavailable."""
        state, version = self._states.read(site.site, job.name)
        if not state.is_recorded:
            state, version = self._record(site, job, state, version)
        if self._waits_since(state) is None:
            return None
        now = self._now()
        run = state.run
        if run is None:
            due = state.next_due_at or now
            if job.keep_updated is not None and state.first_due_at is not None:
                due = job.keep_updated.latest_due(due, now, state.first_due_at, zone_of(site, job))
            run = Run(self._new_id(), due, now)
        run = replace(
            run, attempt=run.attempt + 1, tries=run.tries + 1, lease=Lease(self._new_id(), now + LEASE), not_before=None
        )
        state = replace(state, run=run, first_due_at=state.first_due_at or run.due_at, next_due_at=None)
        version = self._states.write(site.site, job.name, state, version)
        return ActiveRun(site, job, state, version, until, self._states, self._now)

    def _step(self, active: ActiveRun) -> EndedRun | None:
        try:
            if active.run.tries > MAX_TRIES:
                raise JobFailed(Actor.US, "gave_up", f"gave up after {MAX_TRIES} processes ended without progress")
            done = self._works[active.job.kind].step(active)
        except Conflict:
            raise
        except JobFailed as failure:
            return self._end(active, failure)
        except Refused as error:
            return self._end(active, JobFailed(Actor.OPERATOR, error.code, error.message))
        except SettingsError as error:
            return self._end(active, JobFailed(Actor.OPERATOR, "connection_missing", error.message))
        except Unavailable as error:
            if active.run.tries >= MAX_TRIES:
                return self._end(active, JobFailed(Actor.NOBODY, error.code, error.message))
            log.warning("%s/%s is tried again: %s", active.site.site, active.job.name, error.message)
            tries = max(active.run.tries, 1)
            self._release(active, self._now() + PAUSES[min(tries, len(PAUSES)) - 1])
            return None
        except Exception as error:
            log.error("run %s of %s/%s\n%s", active.run.id, active.site.site, active.job.name, places(error))
            return self._end(
                active, JobFailed(Actor.US, "internal", f"a fault of the app; the log has {active.run.id}")
            )
        if done is None:
            self._release(active, None)
            return None
        return self._end(active, done)

    def _release(self, active: ActiveRun, not_before: datetime | None) -> None:
        run = replace(active.run, lease=None, not_before=not_before)
        self._states.write(active.site.site, active.job.name, replace(active.state, run=run), active.version)

    def _end(self, active: ActiveRun, result: Done | JobFailed) -> EndedRun:
        """Write the run's end and the next due time as one change, then the history. Raise Conflict, Unavailable."""
        site, job, run, now = active.site, active.job, active.run, self._now()
        ended = EndedRun(
            run.id, site.site, job.name, job.kind, run.due_at, run.started_at, now, "succeeded", run.attempt, run.counts
        )
        status, reason, position = Status.ACTIVE, None, active.state.position
        if isinstance(result, JobFailed):
            self._withdraw(active)
            ended = replace(ended, outcome="failed", actor=result.actor, code=result.code, message=result.message)
            if job.keep_updated is None:
                status, reason = Status.FAILED, result.message
        else:
            ended = replace(ended, scope=result.scope, files=result.files)
            position = result.position
            if result.is_last or job.keep_updated is None:
                status = Status.DONE
            if result.stop is not None:
                status, reason = Status.STOPPED, result.stop
        state = JobState(
            status,
            active.state.first_due_at,
            self._next_due(active, now) if status is Status.ACTIVE else None,
            position,
            None,
            ended,
            False,
            reason,
        )
        version = self._states.write(site.site, job.name, state, active.version)
        self._record(site, job, state, version)
        return ended

    def _withdraw(self, active: ActiveRun) -> None:
        try:
            self._works[active.job.kind].withdraw(active)
        except Conflict:
            raise
        except ClickstreamError as error:  # what it has shown stays, without the manifest, if it is a file
            log.warning("%s/%s: nothing is withdrawn: %s", active.site.site, active.job.name, error.message)

    def _next_due(self, active: ActiveRun, ended_at: datetime) -> datetime:
        schedule, first = active.job.keep_updated, active.state.first_due_at
        assert schedule is not None and first is not None
        return schedule.due_after(ended_at, first, zone_of(active.site, active.job))

    def _record(self, site: Site, job: Job, state: JobState, version: str | None) -> tuple[JobState, str]:
        assert state.last is not None
        self._states.record(state.last)
        state = replace(state, is_recorded=True)
        return state, self._states.write(site.site, job.name, state, version)


def zone_of(site: Site, job: AnyJob) -> ZoneInfo:
    """The time zone of the job's dates and times of day."""
    return ZoneInfo(job.time_zone or site.time_zone)


def job_of(site: Site, name: str) -> Job:
    """The site's job of this name. Raise NotFound."""
    for job in site.jobs:
        if job.name == name:
            return job
    raise NotFound(f"the site {site.site} has no job {name!r}")
