"""`compact`: commits captured files as rows of the tables."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import timedelta

import azure.functions as func

from clickstream.lines import COMPACTED
from clickstream.services import services
from clickstream.settings import DEFAULT_COMPACT_SCHEDULE
from functions._threads import run_until, schedule

bp = func.Blueprint()
log = logging.getLogger(__name__)

# A consumption plan ends a run after ten minutes; the next run continues.
RUN_FOR = timedelta(minutes=8)
# Numbers in the report that an operator should look at.
WARNED_OF = ("quarantined", "quarantined_records", "gaps", "unsearched", "dates_beyond")
SCHEDULE = schedule("COMPACT_SCHEDULE", DEFAULT_COMPACT_SCHEDULE)


@bp.function_name("compact")
@bp.timer_trigger("timer", SCHEDULE, run_on_startup=False)
async def compact(timer: func.TimerRequest, context: func.Context) -> None:
    """Compact all waiting capture files."""
    shared = services()
    report = asdict(await run_until(context, shared.compaction_thread, shared.compactor.run, RUN_FOR))
    for what, error in report.pop("errors").items():
        log.error("%s: %s", what, error)
    level = logging.WARNING if any(report[name] for name in WARNED_OF) else logging.INFO
    log.log(level, COMPACTED.text(report))
