"""`collect`: the endpoints for trackers, one function for every endpoint of every dialect."""

from __future__ import annotations

import azure.functions as func

from clickstream.collecting.dialect import Dialect, Endpoint, Page
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.request import Request
from clickstream.errors import ClickstreamError
from clickstream.services import now, services
from functions._collecting import answer_of, cors, count, preflight, refusal
from functions._http import Handler, answers_problems

bp = func.Blueprint()
# Chromium never ends a request whose answer is `no-store` if its body is not read, and no tracker reads it: the timing
# is never reported, and trackers that wait for it stop sending. Dialects set Cache-Control where an answer needs it.
NO_CACHING = None


def parse_request(req: func.HttpRequest) -> Request:
    """The host's request as the core's `Request`."""
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
            unlisted = services().preflights.unlisted_origin(collected.site, request.headers)
        except ClickstreamError as error:
            return refusal(request, error, endpoint)
        count(collected, unlisted)
        return answer_of(request, collected, unlisted)

    return answers_problems(caching=NO_CACHING)(collect)


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

    return answers_problems(caching=NO_CACHING)(serve)


def register(function: str, route: str, methods: tuple[str, ...], handler: Handler) -> None:
    """Add one function to the blueprint."""
    # The platform passes HEAD and OPTIONS to the app only if they are listed.
    trigger = bp.route(route, methods=[*methods, "OPTIONS"], auth_level=func.AuthLevel.ANONYMOUS)
    bp.function_name(function)(trigger(handler))


for _dialect in DIALECTS.values():
    for _endpoint in _dialect.endpoints:
        register(_endpoint.function, _endpoint.route, _endpoint.methods, collecting(_dialect, _endpoint))
    for _page in _dialect.pages:
        register(_page.function, _page.route, _page.methods, serving(_page))
