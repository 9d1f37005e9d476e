"""`python -m clickstream.jobs COMMAND SITE [JOB]`: with the settings of the environment.

list     the site's jobs, with status and next run
runs     the latest runs of a job
run      run a job now, on this machine, until it ends
stop     start no further step of a job
resume   go on with a job that is stopped or failed
reset    let a job begin anew, as if it had never run
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta

import orjson

from clickstream.errors import ClickstreamError
from clickstream.jobs.request import DEFAULT_RUNS, described, described_end, described_jobs
from clickstream.jobs.runner import JobRunner, job_of
from clickstream.jobs.state import EndedRun
from clickstream.services import Services, now
from clickstream.settings import Settings
from clickstream.sites.document import Site
from clickstream.sites.jobs import Job
from clickstream.terminal import leave

CHANGES = ("stop", "resume", "reset")
STEP = timedelta(minutes=8)


def main() -> int:
    """Returns the exit code: 1 if a run failed, if the job could not be changed, or if a setting is wrong."""
    arguments = _parser().parse_args()
    try:
        services = Services(Settings.from_env(os.environ))
        site = services.site(arguments.site)
        if arguments.command == "list":
            print(_text(described_jobs(site, services.job_runner, now())))
            return 0
        job = job_of(site, arguments.job)
        if arguments.command == "runs":
            runs = services.job_states.history(site.site, job.name, DEFAULT_RUNS)
            print(_text({"runs": [described_end(run) for run in runs]}))
            return 0
        if arguments.command == "run":
            return _run(services.job_runner, site, job)
        state = getattr(services.job_runner, arguments.command)(site, job)
        print(_text(described(site, job, state, now())))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clickstream.jobs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="command")
    commands.add_parser("list").add_argument("site")
    for name in ("runs", "run", *CHANGES):
        command = commands.add_parser(name)
        command.add_argument("site")
        command.add_argument("job")
    return parser


def _run(runner: JobRunner, site: Site, job: Job) -> int:
    """Work on the job's run, a new one unless one is under way, step by step."""
    run = runner.state(site, job).run or runner.ask(site, job)
    ended: EndedRun | None = None
    while ended is None:
        ended = runner.run(site, job, now() + STEP)
        current = runner.state(site, job).run
        if ended is None and (current is None or current.id != run.id or current.lease or current.not_before):
            print("another process works on the run, or it waits for storage; see `list`", file=sys.stderr)
            return 1
    print(_text(described_end(ended)))
    return 0 if ended.outcome == "succeeded" else 1


def _text(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


if __name__ == "__main__":
    leave(main())
