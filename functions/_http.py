"""Answers, and the only place where errors become status codes."""

from __future__ import annotations

import functools
import gzip
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import azure.functions as func
import orjson

from clickstream import errors

if TYPE_CHECKING:
    from clickstream.querying.formats import Answer

log = logging.getLogger(__name__)

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

STATUS: Mapping[type[errors.ClickstreamError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.UnsupportedEncoding: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.LengthRequired: HTTPStatus.LENGTH_REQUIRED,
    errors.RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.LimitExceeded: HTTPStatus.BAD_REQUEST,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Refused: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SettingsError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InvalidSite: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
RETRY_AFTER_SECONDS = 5

# Parquet and Arrow compress their columns themselves. A shorter answer fits one packet without compression.
COMPRESSED_FORMATS = ("json", "csv")
MIN_COMPRESSED_BYTES = 1_000


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer; datetimes become RFC 3339 in UTC."""
    return func.HttpResponse(
        orjson.dumps(body, option=orjson.OPT_UTC_Z), status_code=status, mimetype="application/json", headers=headers
    )


def several_answers(req: func.HttpRequest, answers: Sequence[Future[Answer]], name: str) -> func.HttpResponse:
    """The answers of several questions: of each the status and the body that it would be answered with alone."""
    documents = []
    for answer in answers:
        if (error := answer.exception()) is None:
            documents.append({"status": HTTPStatus.OK, "body": orjson.Fragment(answer.result().body)})
            continue
        refused = problem(error if isinstance(error, errors.ClickstreamError) else unexpected(error, name))
        documents.append({"status": refused.status_code, "body": orjson.Fragment(refused.get_body())})
    headers = {"Vary": "Accept-Encoding, Authorization"}
    return _compressed(req, orjson.dumps({"answers": documents}), "application/json", headers)


def formatted_answer(req: func.HttpRequest, answer: Answer, name: str, *, storable: bool = True) -> func.HttpResponse:
    """The rows in the chosen format. With formats other than JSON a header has the time up to which rows are complete.

    A `storable` answer to a GET carries an `ETag`, the same for the same bytes; a request that names it gets 304.
    """
    headers = {"Vary": "Accept, Accept-Encoding, Authorization"}
    if answer.format != "json":
        headers["Content-Disposition"] = f'attachment; filename="{name}.{answer.format}"'
        if answer.complete_until is not None:
            headers["X-Complete-Until"] = answer.complete_until.isoformat()
    if storable and req.method == "GET":
        # Weak, because the same rows may be sent compressed or not.
        headers |= {"ETag": f'W/"{sha256(answer.body).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
        if has_already(req, headers["ETag"]):
            return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if answer.format not in COMPRESSED_FORMATS:
        return func.HttpResponse(answer.body, mimetype=answer.format.media_type, headers=headers)
    return _compressed(req, answer.body, answer.format.media_type, headers)


def _compressed(req: func.HttpRequest, body: bytes, media_type: str, headers: dict[str, str]) -> func.HttpResponse:
    if len(body) >= MIN_COMPRESSED_BYTES and accepts_gzip(req):
        body = gzip.compress(body, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return func.HttpResponse(body, mimetype=media_type, headers=headers)


def has_already(req: func.HttpRequest, tag: str) -> bool:
    """Whether `If-None-Match` names the entity tag."""
    return tag in [name.strip() for name in req.headers.get("If-None-Match", "").split(",")]


def accepts_gzip(req: func.HttpRequest) -> bool:
    """Whether `Accept-Encoding` names gzip with a quality above 0 (RFC 9110, 12.5.3)."""
    for coding in req.headers.get("Accept-Encoding", "").split(","):
        name, _, quality = coding.partition(";")
        if name.strip().lower() == "gzip":
            return re.fullmatch(r"q=0(\.0*)?", quality.strip().lower()) is None
    return False


def problem(
    error: errors.ClickstreamError, headers: Mapping[str, str] | None = None, instead: int | None = None
) -> func.HttpResponse:
    """The error as problem+json (RFC 9457). Some trackers need `code` and `message`, or they retry.

    `instead` replaces the error's own status code.
    """
    status = STATUS[type(error)] if instead is None else HTTPStatus(instead)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": error.message,
        "code": error.code,
        "message": error.message,
    }
    if isinstance(error, errors.InvalidRequest) and error.pointer is not None:
        body["pointer"] = error.pointer
    if isinstance(error, errors.SettingsError):
        body["problems"] = error.problems
    if isinstance(error, errors.InternalError):
        body["instance"] = f"urn:uuid:{error.incident}"
    extra = dict(headers or {})
    if isinstance(error, errors.TooManyRequests):
        extra["Retry-After"] = str(error.retry_after_seconds)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        extra["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status is HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = "Bearer"
    return func.HttpResponse(
        orjson.dumps(body), status_code=status.value, mimetype="application/problem+json", headers=extra
    )


def answers_problems(
    headers: Mapping[str, str] | None = None, *, caching: str | None = "no-store"
) -> Callable[[Handler], Handler]:
    """Decorate a handler so that every error is answered with problem+json and with `headers`, such as CORS.

    An exception of another library becomes an InternalError. Every HTTP function is decorated. `caching` is the
    answer's `Cache-Control` if the handler sets none.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def answering(req: func.HttpRequest) -> func.HttpResponse:
            try:
                answer = await refusing(req)
            except Exception as error:
                answer = problem(unexpected(error, handler.__name__), headers)
            if caching is not None:
                answer.headers.setdefault("Cache-Control", caching)
            return answer

        async def refusing(req: func.HttpRequest) -> func.HttpResponse:
            try:
                return await handler(req)
            except errors.ClickstreamError as error:
                if STATUS[type(error)] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    log.warning("%s: %s", handler.__name__, error.message)
                return problem(error, headers)

        return answering

    return decorate


def unexpected(error: BaseException, name: str) -> errors.InternalError:
    """The error that a caller is answered with for an exception of another library, which is logged."""
    incident = str(uuid4())
    log.error("%s failed, %s\n%s", name, incident, errors.places(error))
    return errors.InternalError(incident)


def bearer_key(req: func.HttpRequest) -> str | None:
    """The key of `Authorization: Bearer KEY`."""
    scheme, _, key = req.headers.get("Authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
