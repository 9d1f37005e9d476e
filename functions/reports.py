"""`reports`: canned reports about a site, for who holds a read key of it."""

from __future__ import annotations

import asyncio

import azure.functions as func

from functions._access import authorized
from functions._http import answers_problems, formatted_answer, json_answer
from functions._services import services
from functions.query import scope_of

bp = func.Blueprint()


@bp.function_name("reports")
@bp.route("api/reports", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def reports(req: func.HttpRequest) -> func.HttpResponse:
    """Which reports there are."""
    from clickstream.querying.reports.answering import described_reports

    return json_answer({"reports": described_reports()})


@bp.function_name("report")
@bp.route("api/reports/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def report(req: func.HttpRequest) -> func.HttpResponse:
    """One report, in the form that the caller accepts."""
    from clickstream.querying.formats import chosen_format
    from clickstream.querying.reports.request import is_personal, parse_report

    name, parameters = req.route_params["name"], dict(req.params)
    opens = services().sites.reader if is_personal(name) else services().sites.viewer
    request, site = await authorized(req, lambda _: parse_report(name, parameters), opens)
    format_ = chosen_format(parameters.get("format"), req.headers.get("Accept"))
    answer = await asyncio.to_thread(services().reports.answer, request, site, scope_of(site), format_)
    return formatted_answer(answer, request.report.name)
