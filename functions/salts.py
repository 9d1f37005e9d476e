"""`destroy_salts`: what makes visitor ids of past days unlinkable."""

from __future__ import annotations

import logging

import azure.functions as func

from functions._services import services

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("destroy_salts")
@bp.timer_trigger("timer", "0 7 * * * *", run_on_startup=False, use_monitor=False)
async def destroy_salts(timer: func.TimerRequest) -> None:
    """Destroy every salt whose 48 hours are over, once an hour."""
    destroyed = await services().salts.destroy_expired()
    log.info("destroyed %d salts", destroyed)
