"""Jobs that change what is stored, for who holds an admin key of the site."""

from __future__ import annotations

import asyncio

import azure.functions as func

from functions._access import authorized
from functions._http import answers_problems, json_answer
from functions._services import services

bp = func.Blueprint()

# Held in memory at once, with what it is made of.
MAX_EXPORT_BYTES = 33_554_432


@bp.function_name("replay")
@bp.route("api/replay", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def replay(req: func.HttpRequest) -> func.HttpResponse:
    """Failed events, judged again by the rules now in force."""
    from clickstream.replaying.request import parse_replay

    request, site = await authorized(req, parse_replay, services().sites.admin)
    return json_answer(await services().replayer.replay(request, site))


@bp.function_name("erase")
@bp.route("api/erase", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def erase(req: func.HttpRequest) -> func.HttpResponse:
    """A person's events removed from every copy; the receipt."""
    from clickstream.erasing.request import parse_erasure

    request, _ = await authorized(req, parse_erasure, services().sites.admin)
    return json_answer(await asyncio.to_thread(services().eraser.erase, request))


@bp.function_name("export_person")
@bp.route("api/export-person", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def export_person(req: func.HttpRequest) -> func.HttpResponse:
    """Everything that is stored about a person."""
    from clickstream.erasing.request import parse_export

    request, _ = await authorized(req, parse_export, services().sites.admin)
    lines = await asyncio.to_thread(services().exporter.document, request, MAX_EXPORT_BYTES)
    return func.HttpResponse(lines, mimetype="application/x-ndjson")
