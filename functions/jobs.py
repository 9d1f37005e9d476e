"""Jobs that change what is stored, for who holds an admin key of the site."""

from __future__ import annotations

import azure.functions as func

from functions._access import authorized
from functions._http import answers_problems, json_answer
from functions._services import services

bp = func.Blueprint()


@bp.function_name("replay")
@bp.route("api/replay", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def replay(req: func.HttpRequest) -> func.HttpResponse:
    """Failed events, judged again by the rules now in force."""
    from clickstream.replaying.request import parse_replay

    request, site = await authorized(req, parse_replay, services().sites.admin)
    return json_answer(await services().replayer.replay(request, site))
