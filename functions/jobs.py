"""Work on stored data and documents, for an admin key of the site: replay, erasure, export of a person, edits, and
what operators ask of audiences.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import azure.functions as func

from clickstream.services import services
from functions._access import authorized
from functions._http import answers_problems, json_answer
from functions._tally_log import log_tally

bp = func.Blueprint()
Result = TypeVar("Result")

# The export and its source rows are in memory at once.
MAX_EXPORT_BYTES = 33_554_432


@bp.function_name("replay")
@bp.route("api/replay", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def replay(req: func.HttpRequest) -> func.HttpResponse:
    """Replay failed events by the rules now in force."""
    from clickstream.replaying.request import parse_replay

    request, site = await authorized(req, parse_replay, services().sites.admin)
    replayed = await services().replayer.replay(request, site)
    log_tally()  # the messages that the hub refused
    return json_answer(replayed.to_json())


@bp.function_name("erase")
@bp.route("api/erase", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def erase(req: func.HttpRequest) -> func.HttpResponse:
    """Remove a person's events from every copy. Answers with the receipt."""
    from clickstream.erasing.request import parse_erasure

    request, _ = await authorized(req, parse_erasure, services().sites.admin)
    return json_answer(await _in_thread(partial(services().eraser.erase, request)))


@bp.function_name("export_person")
@bp.route("api/export-person", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def export_person(req: func.HttpRequest) -> func.HttpResponse:
    """Export everything that is stored about a person."""
    from clickstream.erasing.request import parse_export

    request, _ = await authorized(req, parse_export, services().sites.admin)
    lines = await _in_thread(partial(services().exporter.document, request, MAX_EXPORT_BYTES))
    return func.HttpResponse(lines, mimetype="application/x-ndjson")


@bp.function_name("edit_identities")
@bp.route("api/identities", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def edit_identities(req: func.HttpRequest) -> func.HttpResponse:
    """Record which ids are one person, or say what that would change."""
    from clickstream.deriving.edit_request import parse_edit

    request, _ = await authorized(req, parse_edit, services().sites.admin)
    return json_answer(await _in_thread(partial(services().editor.edit, request)))


@bp.function_name("identity_edits")
@bp.route("api/identities/edits", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def identity_edits(req: func.HttpRequest) -> func.HttpResponse:
    """The log of a site's edits."""
    from clickstream.deriving.edit_request import parse_edits

    request, _ = await authorized(req, lambda _: parse_edits(req.params), services().sites.admin)
    return json_answer({"edits": await _in_thread(partial(services().editor.lines, request.site_id))})


@bp.function_name("identity_problems")
@bp.route("api/identities/problems", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def identity_problems(req: func.HttpRequest) -> func.HttpResponse:
    """What the rules of identity ignore of a site's events, and why."""
    from clickstream.deriving.edit_request import parse_edits

    request, _ = await authorized(req, lambda _: parse_edits(req.params), services().sites.admin)
    return json_answer(await _in_thread(partial(services().editor.problems, request.site_id)))


@bp.function_name("release_audience")
@bp.route("api/audiences/{audience}/release", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def release_audience(req: func.HttpRequest) -> func.HttpResponse:
    """Let the next evaluation make the changes of an audience that wait because they are too many."""
    return await _ask_of_audience(req, lambda site, slug: services().audience_asking.release(site, slug))


@bp.function_name("backfill_audience")
@bp.route("api/audiences/{audience}/backfill", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def backfill_audience(req: func.HttpRequest) -> func.HttpResponse:
    """Let the next evaluation report every member of an audience again."""
    return await _ask_of_audience(req, lambda site, slug: services().audience_asking.backfill(site, slug))


async def _ask_of_audience(req: func.HttpRequest, ask: Callable[[str, str], None]) -> func.HttpResponse:
    from clickstream.audiences.request import parse_audience_request

    request, _ = await authorized(req, parse_audience_request, services().sites.admin)
    audience = req.route_params["audience"]
    await _in_thread(partial(ask, request.site_id, audience))
    return json_answer({"site_id": request.site_id, "audience": audience})


@bp.function_name("add_definition")
@bp.route("api/definitions", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def add_definition(req: func.HttpRequest) -> func.HttpResponse:
    """Add a goal, funnel, segment or annotation to the site's document, or say what that would change."""
    from clickstream.sites.additions import add, parse_addition

    request, _ = await authorized(req, parse_addition, services().sites.admin)
    documents, allowed = services().site_documents, services().settings.allow_short_keys
    return json_answer(await _in_thread(partial(add, request, documents, allow_short_keys=allowed)))


async def _in_thread(work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(services().job_threads, work)
