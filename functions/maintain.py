"""`maintain`: merges small files, deletes rows past their site's retention, and removes unreferenced files."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta

import azure.functions as func

from clickstream.lines import MAINTAINED
from clickstream.services import services
from clickstream.settings import DEFAULT_MAINTAIN_SCHEDULE
from functions._threads import run_until, schedule

bp = func.Blueprint()
log = logging.getLogger(__name__)

# A consumption plan ends a run after ten minutes; the next run continues.
RUN_FOR = timedelta(minutes=7)
SCHEDULE = schedule("MAINTAIN_SCHEDULE", DEFAULT_MAINTAIN_SCHEDULE)


@bp.function_name("maintain")
@bp.timer_trigger("timer", SCHEDULE, run_on_startup=False)
async def maintain(timer: func.TimerRequest, context: func.Context) -> None:
    """Do the maintenance that is due."""
    shared = services()
    report = await run_until(context, shared.maintenance_thread, shared.maintainer.run, RUN_FOR)
    log.info(MAINTAINED.text(asdict(report)))
