"""Health: whether the process lives, and whether it can work."""

from __future__ import annotations

import azure.functions as func

from functions._http import answers_problems, json_answer
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
    """200 when settings are right, the sites' documents are read and the hub answers; else 503 with the reason."""
    shared = services()
    sites = await shared.sites.names()
    await shared.event_sink.check()
    return json_answer({"status": "ok", "sites": sites})


@bp.function_name("robots")
@bp.route("robots.txt", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def robots(req: func.HttpRequest) -> func.HttpResponse:
    """Nothing here is for search engines."""
    return func.HttpResponse("User-agent: *\nDisallow: /\n", mimetype="text/plain")
