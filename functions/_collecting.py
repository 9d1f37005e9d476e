"""Answers of the collecting endpoints: CORS for pages of other origins, and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import azure.functions as func

from clickstream.collecting.collector import Collected
from clickstream.collecting.dialect import Endpoint, Verdict
from clickstream.collecting.request import MAX_ORIGIN, Request, wants_verdicts
from clickstream.errors import ClickstreamError, LengthRequired
from clickstream.services import TALLY
from clickstream.sites.directory import SiteDirectory
from clickstream.sites.preflights import advice
from clickstream.tally import Tally
from functions._http import STATUS, json_answer, problem
from functions._tally_log import log_tally

# Headers that trackers send beyond the simple ones. The preflight cache saves one request per event. Those from
# X-Retry-Count on come with retries, which would fail without them.
ALLOWED_HEADERS = (
    "Content-Type, Authorization, X-Write-Key, Prefer, SP-Anonymous, AnonymousId, SentAt, X-Umami-Cache, X-IP-Policy, "
    "X-Enable-Debug, X-Retry-Count, Rsa-Recovered, Rsa-Retry-Attempt, Rsa-Since-Last-Attempt, Rsa-Since-First-Attempt, "
    "Rsa-Retry-Reason"
)
PREFLIGHT_SECONDS = 3600


def cors(request: Request) -> Mapping[str, str]:
    """Headers that let the requesting page read the answer, with cookies. An invalid Origin header gets none."""
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
    """204, with the allowed methods and headers if any site accepts events from the origin: a preflight has no key.

    Not called on plans whose platform answers preflights itself.
    """
    origin = request.headers.get("origin", "")
    if len(origin) > MAX_ORIGIN or not await sites.allows_origin(origin):
        return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Vary": "Origin"})
    allowed = {
        "Access-Control-Allow-Methods": ", ".join([*methods, "OPTIONS"]),
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers={**cors(request), **allowed})


def refusal(
    request: Request, error: ClickstreamError, endpoint: Endpoint | None = None, tally: Tally = TALLY
) -> func.HttpResponse:
    """The error's answer with the endpoint's status code; counts it. A refused origin gets no CORS headers."""
    lost = isinstance(error, LengthRequired) or STATUS[type(error)] >= HTTPStatus.INTERNAL_SERVER_ERROR
    headers = {} if error.code == "origin_not_allowed" else cors(request)
    answer = problem(error, headers, endpoint.statuses.get(type(error)) if endpoint else None)
    tally.refused(answer.status_code, error.code, error.message, lost=lost)
    log_tally(tally)
    return answer


def count(collected: Collected, unlisted: str | None, tally: Tally = TALLY) -> None:
    """Count a request whose events are durable, and log what is due.

    `unlisted` is the request's origin if the platform refuses its preflights.
    """
    verdicts = collected.verdicts
    failed = [verdict.code or "" for verdict in verdicts if verdict.status == "failed"]
    tally.answered(len(verdicts), failed, collected.delivery.spilled, has_salt=collected.has_salt)
    if unlisted is not None:
        tally.unlisted(collected.site, unlisted, advice(unlisted))
    log_tally(tally)


def answer_of(request: Request, collected: Collected, unlisted: str | None = None) -> func.HttpResponse:
    """200 if at least one event was accepted; 400 if all failed, because a retry cannot help.

    Either way all are stored, the failed ones as failed events.
    """
    headers = {**cors(request), **_path(collected)}
    if collected.set_cookie is not None:
        headers["Set-Cookie"] = collected.set_cookie
    if wants_verdicts(request):
        status = HTTPStatus.BAD_REQUEST if _all_failed(collected) else HTTPStatus.OK
        warning = {} if unlisted is None else {"warning": advice(unlisted)}
        return json_answer({**_verdicts_body(collected.verdicts), **warning}, status, headers)
    if _all_failed(collected):
        return json_answer(_verdicts_body(collected.verdicts, each=False), HTTPStatus.BAD_REQUEST, headers)
    answer = collected.respond(collected.verdicts)
    return func.HttpResponse(
        answer.body, status_code=answer.status, mimetype=answer.media_type, headers={**headers, **answer.headers}
    )


def _path(collected: Collected) -> Mapping[str, str]:
    """The header with the path of the events, hub or spill; none if there were no events."""
    if collected.delivery.spilled:
        return {"X-Collector-Path": "spill"}
    return {"X-Collector-Path": "hub"} if collected.delivery.acknowledged else {}


def _all_failed(collected: Collected) -> bool:
    return bool(collected.verdicts) and len(collected.failed) == len(collected.verdicts)


def _verdicts_body(verdicts: Sequence[Verdict], each: bool = True) -> Mapping[str, Any]:
    """The verdicts as JSON. If all failed, with `code` and `message` of the first, because some clients need them."""
    failed = [verdict for verdict in verdicts if verdict.status == "failed"]
    body: dict[str, Any] = {"status": "ok", "accepted": len(verdicts) - len(failed), "failed": len(failed)}
    if failed and len(failed) == len(verdicts):
        body |= {"status": "failed", "code": failed[0].code, "message": failed[0].message, "pointer": failed[0].pointer}
    if each:
        body["events"] = [
            {name: value for name, value in asdict(verdict).items() if value not in (None, ())} for verdict in verdicts
        ]
    return body
