"""Answers of the collecting endpoints: CORS for pages of other origins, and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import azure.functions as func

from clickstream.collecting.collector import Collected
from clickstream.collecting.dialect import Endpoint, Verdict
from clickstream.collecting.request import Request, wants_verdicts
from clickstream.errors import ClickstreamError
from clickstream.sites.directory import SiteDirectory
from functions._http import json_answer, problem

MAX_ORIGIN = 300
# What trackers are known to send beyond the simple headers; the cache spares one request per event.
# Those from X-Retry-Count on come with what is sent again, which a page could otherwise never do.
ALLOWED_HEADERS = (
    "Content-Type, Authorization, X-Write-Key, Prefer, SP-Anonymous, AnonymousId, SentAt, X-Umami-Cache, X-IP-Policy, "
    "X-Enable-Debug, X-Retry-Count, Rsa-Recovered, Rsa-Retry-Attempt, Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, "
    "Rsa-Retry-Reason"
)
PREFLIGHT_SECONDS = 3600


def cors(request: Request) -> Mapping[str, str]:
    """Headers that let the page which asked read the answer, cookies included. An origin that is none gets none."""
    origin = request.headers.get("origin", "")
    if not origin or len(origin) > MAX_ORIGIN or not origin.isprintable() or not origin.isascii():
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After, X-Collector-Path",
        "Vary": "Origin",
    }


async def preflight(request: Request, methods: Sequence[str], sites: SiteDirectory) -> func.HttpResponse:
    """204; with what is allowed where any site takes events from the origin, for a preflight carries no key.

    On plans whose platform answers preflights itself this is never asked.
    """
    if not await sites.allows_origin(request.headers.get("origin", "")):
        return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Vary": "Origin"})
    allowed = {
        "Access-Control-Allow-Methods": ", ".join([*methods, "OPTIONS"]),
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers={**cors(request), **allowed})


def refusal(request: Request, error: ClickstreamError, endpoint: Endpoint | None = None) -> func.HttpResponse:
    """The error as its endpoint's clients need it. A refused origin learns no more than that."""
    headers = {} if error.code == "origin_not_allowed" else cors(request)
    return problem(error, headers, endpoint.statuses.get(type(error)) if endpoint else None)


def answer_of(request: Request, endpoint: Endpoint, collected: Collected) -> func.HttpResponse:
    """200 when at least one event was accepted; 400 when all failed, for sending them again cannot help.

    Either way all are stored, the failed ones as failed events.
    """
    headers = {**cors(request), "X-Collector-Path": "spill" if collected.delivery.spilled else "hub"}
    if collected.set_cookie is not None:
        headers["Set-Cookie"] = collected.set_cookie
    if wants_verdicts(request):
        status = HTTPStatus.BAD_REQUEST if _all_failed(collected) else HTTPStatus.OK
        return json_answer(_told(collected.verdicts), status, headers)
    if _all_failed(collected):
        return json_answer(_told(collected.verdicts, each=False), HTTPStatus.BAD_REQUEST, headers)
    answer = endpoint.respond(request, collected.verdicts)
    return func.HttpResponse(
        answer.body, status_code=answer.status, mimetype=answer.media_type, headers={**headers, **answer.headers}
    )


def _all_failed(collected: Collected) -> bool:
    return bool(collected.verdicts) and len(collected.failed) == len(collected.verdicts)


def _told(verdicts: Sequence[Verdict], each: bool = True) -> Mapping[str, Any]:
    """The verdicts as JSON. Where all failed, with `code` and `message` of the first: some clients need them."""
    failed = [verdict for verdict in verdicts if verdict.status == "failed"]
    body: dict[str, Any] = {"status": "ok", "accepted": len(verdicts) - len(failed), "failed": len(failed)}
    if failed and len(failed) == len(verdicts):
        body |= {"status": "failed", "code": failed[0].code, "message": failed[0].message, "pointer": failed[0].pointer}
    if each:
        body["events"] = [
            {name: value for name, value in asdict(verdict).items() if value not in (None, ())} for verdict in verdicts
        ]
    return body
