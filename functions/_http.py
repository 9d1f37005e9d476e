"""Answers, and the only place where errors become status codes."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import azure.functions as func
import orjson

from clickstream.errors import (
    ClickstreamError,
    Conflict,
    Forbidden,
    InvalidRequest,
    InvalidSite,
    LimitExceeded,
    NotAcceptable,
    NotFound,
    RequestTooLarge,
    SettingsError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedEncoding,
)

if TYPE_CHECKING:
    from clickstream.querying.formats import Answer

log = logging.getLogger(__name__)

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

STATUS: Mapping[type[ClickstreamError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    Conflict: HTTPStatus.CONFLICT,
    UnsupportedEncoding: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    RequestTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    LimitExceeded: HTTPStatus.BAD_REQUEST,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    SettingsError: HTTPStatus.SERVICE_UNAVAILABLE,
    InvalidSite: HTTPStatus.SERVICE_UNAVAILABLE,
}
RETRY_AFTER_SECONDS = 5


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer; datetimes become RFC 3339 in UTC."""
    return func.HttpResponse(
        orjson.dumps(body, option=orjson.OPT_UTC_Z), status_code=status, mimetype="application/json", headers=headers
    )


def formatted_answer(answer: Answer, name: str) -> func.HttpResponse:
    """Rows in the form that was chosen; all but JSON tell in a header up to when they are complete."""
    headers = {"Vary": "Accept", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if answer.format != "json":
        headers["Content-Disposition"] = f'attachment; filename="{name}.{answer.format}"'
        if answer.complete_until is not None:
            headers["X-Complete-Until"] = answer.complete_until.isoformat()
    return func.HttpResponse(answer.body, mimetype=answer.format.media_type, headers=headers)


def problem(
    error: ClickstreamError, headers: Mapping[str, str] | None = None, instead: int | None = None
) -> func.HttpResponse:
    """The error as problem+json (RFC 9457). `code` and `message` are what some trackers need not to send again.

    `instead` is a status code in place of the error's own.
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
    if isinstance(error, InvalidRequest) and error.pointer is not None:
        body["pointer"] = error.pointer
    if isinstance(error, SettingsError | InvalidSite):
        body["problems"] = error.problems
    extra = dict(headers or {})
    if isinstance(error, TooManyRequests):
        extra["Retry-After"] = str(error.retry_after_seconds)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        extra["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status is HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = "Bearer"
    return func.HttpResponse(
        orjson.dumps(body), status_code=status.value, mimetype="application/problem+json", headers=extra
    )


def answers_problems(headers: Mapping[str, str] | None = None) -> Callable[[Handler], Handler]:
    """Decorate a handler so that every error leaves as problem+json, with `headers` (CORS, say) on it."""

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def answering(req: func.HttpRequest) -> func.HttpResponse:
            try:
                return await handler(req)
            except ClickstreamError as error:
                if STATUS[type(error)] >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    log.warning("%s: %s", handler.__name__, error.message)
                return problem(error, headers)

        return answering

    return decorate


def bearer_key(req: func.HttpRequest) -> str | None:
    """The key of `Authorization: Bearer KEY`."""
    scheme, _, key = req.headers.get("Authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
