"""`collect`: where trackers send events, a function for every endpoint of every dialect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import azure.functions as func

from clickstream.collecting.dialect import Dialect, Endpoint, Page
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.request import Request
from clickstream.errors import ClickstreamError
from functions._collecting import answer_of, cors, preflight, refusal
from functions._services import now, services

bp = func.Blueprint()
Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def parse_request(req: func.HttpRequest) -> Request:
    """The host's request in the core's terms."""
    return Request(
        headers={name.lower(): value for name, value in req.headers.items()},
        parameters=dict(req.params),
        body=req.get_body(),
        received_at=now(),
        method=req.method,
        route=dict(req.route_params),
    )


def collecting(dialect: Dialect, endpoint: Endpoint) -> Handler:
    """The handler of one endpoint."""

    async def collect(req: func.HttpRequest) -> func.HttpResponse:
        request = parse_request(req)
        try:
            if request.method == "OPTIONS":
                return await preflight(request, endpoint.methods, services().sites)
            collected = await services().collector.collect(request, dialect, endpoint)
        except ClickstreamError as error:
            return refusal(request, error, endpoint)
        return answer_of(request, endpoint, collected)

    return collect


def serving(page: Page) -> Handler:
    """The handler of one page that clients fetch."""

    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        request = parse_request(req)
        try:
            if request.method == "OPTIONS":
                return await preflight(request, page.methods, services().sites)
            answer = page.respond(request)
        except ClickstreamError as error:
            return refusal(request, error)
        headers = {**cors(request), **answer.headers}
        return func.HttpResponse(answer.body, status_code=answer.status, mimetype=answer.media_type, headers=headers)

    return serve


def register(function: str, route: str, methods: tuple[str, ...], handler: Handler) -> None:
    """Add one function to the blueprint."""
    # The platform's own names of methods are an enumeration; HEAD and OPTIONS reach the app only when they are named.
    trigger = bp.route(route, methods=[*methods, "OPTIONS"], auth_level=func.AuthLevel.ANONYMOUS)
    bp.function_name(function)(trigger(handler))


for _dialect in DIALECTS.values():
    for _endpoint in _dialect.endpoints:
        register(_endpoint.function, _endpoint.route, _endpoint.methods, collecting(_dialect, _endpoint))
    for _page in _dialect.pages:
        register(_page.function, _page.route, _page.methods, serving(_page))
