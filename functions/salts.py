"""`destroy_salts`: destroys old salts, so that visitor ids of past days cannot be linked."""

from __future__ import annotations

import logging

import azure.functions as func

from clickstream.lines import SALTS
from clickstream.services import services

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("destroy_salts")
@bp.timer_trigger("timer", "0 7 * * * *", run_on_startup=False)
async def destroy_salts(timer: func.TimerRequest) -> None:
    """Destroy every salt whose 48 hours are over, once an hour."""
    destroyed = await services().salts.destroy_expired()
    log.info(SALTS.text({"destroyed": destroyed}))
