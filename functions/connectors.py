"""Exports and imports: `run_jobs`, which works on due runs, and the routes that show and change a site's jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import azure.functions as func

from clickstream.errors import Unauthorized
from clickstream.services import now, services
from clickstream.settings import DEFAULT_JOBS_SCHEDULE
from clickstream.sites.document import Site
from functions._access import authorized, tried
from functions._http import answers_problems, json_answer
from functions._threads import run_until, schedule

if TYPE_CHECKING:
    from clickstream.jobs.runner import JobRunner
    from clickstream.jobs.state import JobState
    from clickstream.sites.jobs import Job

bp = func.Blueprint()
log = logging.getLogger(__name__)
Result = TypeVar("Result")

# A consumption plan ends a run after ten minutes; the next run continues.
RUN_FOR = timedelta(minutes=8)
SCHEDULE = schedule("JOBS_SCHEDULE", DEFAULT_JOBS_SCHEDULE)


@bp.function_name("run_jobs")
@bp.timer_trigger("timer", SCHEDULE, run_on_startup=False)
async def run_jobs(timer: func.TimerRequest, context: func.Context) -> None:
    """Work on the jobs that are due."""
    shared = services()
    sites = await shared.sites.in_force()
    if not any(site.jobs for site in sites.values()):
        return
    report = await run_until(context, shared.runs_thread, partial(shared.job_runner.run_due, sites), RUN_FOR)
    for name, problem in report.failed.items():
        log.error("the job %s failed: %s", name, problem)
    if report.ended or report.unfinished:
        log.info("jobs: ended %s, unfinished %s", report.ended, report.unfinished)


@bp.function_name("jobs")
@bp.route("api/jobs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def jobs(req: func.HttpRequest) -> func.HttpResponse:
    """List the jobs of a site, with status and next runs."""
    from clickstream.jobs.request import described_jobs

    site = await _opened(req)
    return json_answer(await _in_thread(partial(described_jobs, site, services().job_runner, now())))


@bp.function_name("job_runs")
@bp.route("api/jobs/{job}/runs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def job_runs(req: func.HttpRequest) -> func.HttpResponse:
    """List the latest runs of a job."""
    from clickstream.jobs.request import described_history, parse_limit, site_job

    site = await _opened(req)
    job, limit = site_job(site, req.route_params.get("job")), parse_limit(req.params.get("limit"))
    return json_answer(await _in_thread(partial(described_history, services().job_states, site, job, limit)))


@bp.function_name("run_job")
@bp.route("api/jobs/{job}/run", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def run_job(req: func.HttpRequest) -> func.HttpResponse:
    """Make a run due now. `run_jobs` works on it within a minute."""
    from clickstream.jobs.request import parse_job_request, site_job

    _, site = await authorized(req, parse_job_request, services().sites.admin)
    job = site_job(site, req.route_params.get("job"))
    run = await _in_thread(partial(services().job_runner.ask, site, job))
    return json_answer({"run": run.id, "due_at": run.due_at})


@bp.function_name("stop_job")
@bp.route("api/jobs/{job}/stop", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def stop_job(req: func.HttpRequest) -> func.HttpResponse:
    """Start no further step of a job."""
    return await _changed(req, lambda runner, site, job: runner.stop(site, job))


@bp.function_name("resume_job")
@bp.route("api/jobs/{job}/resume", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def resume_job(req: func.HttpRequest) -> func.HttpResponse:
    """Go on with a job that is stopped or failed."""
    return await _changed(req, lambda runner, site, job: runner.resume(site, job))


@bp.function_name("reset_job")
@bp.route("api/jobs/{job}/reset", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def reset_job(req: func.HttpRequest) -> func.HttpResponse:
    """Let a job begin anew, as if it had never run."""
    return await _changed(req, lambda runner, site, job: runner.reset(site, job))


async def _changed(req: func.HttpRequest, change: Callable[[JobRunner, Site, Job], JobState]) -> func.HttpResponse:
    from clickstream.jobs.request import described, parse_job_request, site_job

    _, site = await authorized(req, parse_job_request, services().sites.admin)
    job = site_job(site, req.route_params.get("job"))
    state = await _in_thread(partial(change, services().job_runner, site, job))
    return json_answer(described(site, job, state, now()))


async def _opened(req: func.HttpRequest) -> Site:
    """The site of the parameter `site_id`, if the read or admin key opens it."""

    async def opens(key: str | None) -> Any:
        sites, name = services().sites, req.params.get("site_id", "")
        try:
            return await sites.admin(key, name)
        except Unauthorized:
            return await sites.reader(key, name)

    site: Site = await tried(req, opens)
    return site


async def _in_thread(work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(services().job_threads, work)
