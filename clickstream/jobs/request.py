"""Requests about a site's jobs, and the documents that answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from clickstream.errors import InvalidRequest, NotFound
from clickstream.jobs.runner import JobRunner, job_of, zone_of
from clickstream.jobs.state import EndedRun, JobState, JobStates, Run
from clickstream.problems import parse_body
from clickstream.sites.document import Site
from clickstream.sites.jobs import Job

MAX_BODY_BYTES = 10_000
INVALID = "invalid_job_request"
COMING_RUNS = 5
DEFAULT_RUNS, MAX_RUNS = 20, 200


class JobRequest(BaseModel):
    """The body of a request that changes a job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str = Field(description="The site whose job it is.", max_length=200)


def parse_job_request(body: bytes) -> JobRequest:
    """Raise InvalidRequest, RequestTooLarge."""
    return parse_body(body, JobRequest, MAX_BODY_BYTES, INVALID)


def parse_limit(text: str | None) -> int:
    """The number of runs to list. Raise InvalidRequest."""
    if text is None:
        return DEFAULT_RUNS
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_RUNS:
        raise InvalidRequest(f"limit is a number from 1 to {MAX_RUNS}", code=INVALID, pointer="/limit")
    return int(text)


def described_jobs(site: Site, runner: JobRunner, now: datetime) -> Mapping[str, Any]:
    """Every job of the site with its state. Raise Unavailable."""
    return {"jobs": [described(site, job, runner.state(site, job), now) for job in site.jobs]}


def described(site: Site, job: Job, state: JobState, now: datetime) -> Mapping[str, Any]:
    """A job, its status, its last run and the runs to come."""
    return {
        "name": job.name,
        "kind": job.kind,
        "description": job.description,
        "status": "running" if state.run is not None and state.status == "active" else state.status,
        "reason": state.reason,
        "next_runs": coming_runs(site, job, state, now),
        "run": None if state.run is None else _described_run(state.run),
        "last_run": None if state.last is None else described_end(state.last),
    }


def coming_runs(site: Site, job: Job, state: JobState, now: datetime) -> Sequence[datetime]:
    """The next due times, in the job's zone. Without a time of day only the first is known."""
    if state.status != "active" or state.run is not None:
        return []
    zone, due = zone_of(site, job), state.next_due_at or now
    times = [due.astimezone(zone)]
    schedule = job.keep_updated
    while schedule is not None and schedule.at is not None and len(times) < COMING_RUNS:
        due = schedule.due_after(due, state.first_due_at or due, zone)
        times.append(due.astimezone(zone))
    return times


def described_history(states: JobStates, site: Site, job: Job, limit: int) -> Mapping[str, Any]:
    """The latest runs that ended, newest first. Raise Unavailable."""
    return {"runs": [described_end(run) for run in states.history(site.site, job.name, limit)]}


def described_end(run: EndedRun) -> Mapping[str, Any]:
    """A run of the history."""
    return asdict(run)


def site_job(site: Site, name: str | None) -> Job:
    """The job that a path names. Raise NotFound."""
    if not name:
        raise NotFound("the path names no job")
    return job_of(site, name)


def _described_run(run: Run) -> Mapping[str, Any]:
    return {
        "id": run.id,
        "due_at": run.due_at,
        "started_at": run.started_at,
        "attempts": run.attempt,
        "counts": run.counts,
        "is_worked_on": run.lease is not None,
    }
