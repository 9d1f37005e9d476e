"""Health: whether the process lives, and whether it can work."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from http import HTTPStatus

import azure.functions as func

from clickstream.errors import Unavailable
from functions._http import RETRY_AFTER_SECONDS, answers_problems, json_answer
from functions._services import services

bp = func.Blueprint()


@bp.function_name("health")
@bp.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Always 200 and always cheap: the process answers."""
    return json_answer({"status": "ok"})


@bp.function_name("health_ready")
@bp.route("health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def health_ready(req: func.HttpRequest) -> func.HttpResponse:
    """200 while settings are right, the sites' documents are read and of each hub and its spill one works; else 503.

    Tells the state of both, and how often this process had no salt, so that its visitors had no id. Nothing is sent to
    know it.
    """
    shared = services()
    sites = await shared.sites.names()
    events, failed = await asyncio.gather(shared.event_sink.state(), shared.failed_event_sink.state())
    works = events.works and failed.works
    body = {
        "status": "ok" if works else "unavailable",
        "sites": sites,
        "sinks": {
            shared.settings.event_hub_name: {**asdict(events), "works": events.works},
            shared.settings.failed_event_hub_name: {**asdict(failed), "works": failed.works},
        },
        "salts": {"missing_count": shared.salts.missing_count},
    }
    if works:
        return json_answer(body)
    body |= {"code": Unavailable.code, "message": "of a hub and its spill neither takes events"}
    return json_answer(body, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_SECONDS)})


@bp.function_name("robots")
@bp.route("robots.txt", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def robots(req: func.HttpRequest) -> func.HttpResponse:
    """Nothing here is for search engines."""
    return func.HttpResponse("User-agent: *\nDisallow: /\n", mimetype="text/plain")
