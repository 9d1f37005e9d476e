"""Runs work in threads as part of an invocation, because the host drops log lines that name none."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import azure.functions as func

from clickstream.services import now

Result = TypeVar("Result")


def as_run_of(context: func.Context, work: Callable[[], Result]) -> Callable[[], Result]:
    """The work with this invocation's id, so that the host accepts its log lines from any thread.

    Workers up to Python 3.12 read the id from the thread's local storage, later ones from its context variables.
    """
    variables = contextvars.copy_context()
    storage: Any = context.thread_local_storage  # an object, despite its annotation

    def run() -> Result:
        storage.invocation_id = context.invocation_id
        return variables.run(work)

    return run


def schedule(setting: str, default: str) -> str:
    """The schedule of a timer. Bindings have no defaults: the host refuses one that names a setting that is not set."""
    return f"%{setting}%" if os.environ.get(setting) else default


async def run_until(
    context: func.Context, thread: Executor, job: Callable[[datetime], Result], run_for: timedelta
) -> Result:
    """Run a job in its thread, so that the event loop stays free for requests. The job stops after `run_for`."""
    work = as_run_of(context, partial(job, now() + run_for))
    return await asyncio.get_running_loop().run_in_executor(thread, work)
