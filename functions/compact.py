"""`compact`: captured files become rows of the open table."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import asdict
from datetime import timedelta

import azure.functions as func

from clickstream.settings import DEFAULT_COMPACT_SCHEDULE
from functions._services import now, services

bp = func.Blueprint()
log = logging.getLogger(__name__)

# A consumption plan ends a run after ten minutes; what is left then is the next run's.
RUN_FOR = timedelta(minutes=8)
# A binding knows no defaults: the host refuses a function with a name that is not set.
SCHEDULE = "%COMPACT_SCHEDULE%" if os.environ.get("COMPACT_SCHEDULE") else DEFAULT_COMPACT_SCHEDULE


@bp.function_name("compact")
@bp.timer_trigger("timer", SCHEDULE, run_on_startup=False, use_monitor=False)
async def compact(timer: func.TimerRequest) -> None:
    """Take in all capture files that wait, in a thread: the loop stays free for requests."""
    report = await asyncio.to_thread(services().compactor.run, now() + RUN_FOR)
    log.info("compacted: %s", json.dumps(asdict(report), default=str))
