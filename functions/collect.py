"""`collect`: where trackers send events."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import azure.functions as func

from clickstream.collecting.collector import Verdict
from clickstream.collecting.request import Request
from functions._http import answers_problems, json_answer
from functions._services import now, services

bp = func.Blueprint()

CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PIXEL_HEADERS = {**CORS, "Cache-Control": "no-store"}


@bp.function_name("collect")
@bp.route("api/events", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems(CORS)
async def collect(req: func.HttpRequest) -> func.HttpResponse:
    """One event, an array of events, or one event a line."""
    request = parse_request(req)
    return verdicts_answer(request, await services().collector.collect(request))


@bp.function_name("collect_pixel")
@bp.route("api/pixel.gif", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems(CORS)
async def collect_pixel(req: func.HttpRequest) -> func.HttpResponse:
    """One event, told by the query's parameters; for mail and pages without script."""
    request = parse_request(req)
    verdicts = await services().collector.collect_pixel(request)
    if wants_verdicts(request):
        return verdicts_answer(request, verdicts)
    return func.HttpResponse(PIXEL, mimetype="image/gif", headers=PIXEL_HEADERS)


def parse_request(req: func.HttpRequest) -> Request:
    """The host's request in the core's terms."""
    return Request(
        headers={name.lower(): value for name, value in req.headers.items()},
        parameters={name.lower(): value for name, value in req.params.items()},
        body=req.get_body(),
        received_at=now(),
    )


def wants_verdicts(request: Request) -> bool:
    """Whether the caller asked what became of each event."""
    asked = request.parameters.get("verdict", "0") not in ("0", "false")
    return asked or "return=representation" in request.headers.get("prefer", "")


def verdicts_answer(request: Request, verdicts: Sequence[Verdict]) -> func.HttpResponse:
    """200 when at least one event was accepted; 400 when all failed, for sending them again cannot help.

    Either way all are stored, the failed ones as failed events.
    """
    failed = [verdict for verdict in verdicts if verdict.status == "failed"]
    body: dict[str, Any] = {"accepted": len(verdicts) - len(failed), "failed": len(failed)}
    if wants_verdicts(request):
        body["events"] = [{k: v for k, v in asdict(verdict).items() if v is not None} for verdict in verdicts]
    if len(failed) < len(verdicts):
        return json_answer({"status": "ok", **body}, HTTPStatus.OK, CORS)
    first = {"code": failed[0].code, "message": failed[0].message, "pointer": failed[0].pointer}
    return json_answer({"status": "failed", **first, **body}, HTTPStatus.BAD_REQUEST, CORS)
