"""`maintain`: small files merged, rows past their site's limit deleted, what nobody needs any more removed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import asdict
from datetime import timedelta

import azure.functions as func

from clickstream.settings import DEFAULT_MAINTAIN_SCHEDULE
from functions._services import now, services

bp = func.Blueprint()
log = logging.getLogger(__name__)

# A consumption plan ends a run after ten minutes; what is left then is the next run's.
RUN_FOR = timedelta(minutes=7)
# A binding knows no defaults: the host refuses a function with a name that is not set.
SCHEDULE = "%MAINTAIN_SCHEDULE%" if os.environ.get("MAINTAIN_SCHEDULE") else DEFAULT_MAINTAIN_SCHEDULE


@bp.function_name("maintain")
@bp.timer_trigger("timer", SCHEDULE, run_on_startup=False, use_monitor=False)
async def maintain(timer: func.TimerRequest) -> None:
    """Do what is due, in a thread: the loop stays free for requests."""
    report = await asyncio.to_thread(services().maintainer.run, now() + RUN_FOR)
    log.info("maintained: %s", json.dumps(asdict(report)))
