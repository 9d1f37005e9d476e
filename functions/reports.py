"""`reports`: canned reports about a site, for a read key of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import azure.functions as func

from clickstream.querying.formats import chosen_format
from clickstream.services import services
from functions._access import authorized
from functions._http import answers_problems, bearer_key, formatted_answer
from functions._static import read
from functions.query import asker_of

if TYPE_CHECKING:
    from clickstream.querying.reports.request import ReportRequest

bp = func.Blueprint()
FILE = Path(__file__).parent / "reports.json"


@bp.function_name("reports")
@bp.route("api/reports", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def reports(req: func.HttpRequest) -> func.HttpResponse:
    """The list of reports, generated at build time, so that a request without a key loads no code of reports."""
    return func.HttpResponse(read(FILE), mimetype="application/json")


@bp.function_name("report")
@bp.route("api/reports/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def report(req: func.HttpRequest) -> func.HttpResponse:
    """One report, in the format that the caller accepts."""
    from clickstream.querying.goals import scope_of

    name, parameters = req.route_params["name"], dict(req.params)
    request, access = await authorized(req, lambda _: _parsed(name, parameters), services().sites.viewer)
    if request.report.personal:
        await services().sites.reader(bearer_key(req), request.site_id)
    format_ = chosen_format(parameters.get("format"), req.headers.get("Accept"))
    work = partial(services().reports.answer, request, scope_of(access), format_)
    answer = await services().serving.answer(asker_of(req, access.site), work)
    return formatted_answer(req, answer, request.report.name, storable=not request.report.personal)


def _parsed(name: str, parameters: Mapping[str, str]) -> ReportRequest:
    from clickstream.querying.reports.request import parse_report

    return parse_report(name, parameters)
