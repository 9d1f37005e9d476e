"""`query`: metrics and SQL over a site's own rows, for a read key of the site."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import azure.functions as func

from clickstream.services import now, services
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, digest_of
from functions._access import authorized
from functions._http import answers_problems, bearer_key, formatted_answer, several_answers

if TYPE_CHECKING:
    from clickstream.querying.turns import Asker
    from clickstream.sites.document import Site

bp = func.Blueprint()


@bp.function_name("query")
@bp.route("api/query", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query(req: func.HttpRequest) -> func.HttpResponse:
    """Metrics for each group of values of the dimensions."""
    from clickstream.querying.goals import scope_of
    from clickstream.querying.request import parse_query

    request, access = await authorized(req, parse_query, services().sites.viewer)
    work = partial(services().queries.query_answer, request, scope_of(access))
    return formatted_answer(req, await services().serving.answer(asker_of(req, access.site), work), "query")


@bp.function_name("questions")
@bp.route("api/questions", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def questions(req: func.HttpRequest) -> func.HttpResponse:
    """Several queries and reports about one site, answered together."""
    from clickstream.querying.goals import scope_of
    from clickstream.querying.reports.questions import answer_questions, parse_questions

    request, access = await authorized(req, parse_questions, services().sites.viewer)
    work = partial(answer_questions, services().queries, now, request, scope_of(access))
    return several_answers(req, await services().serving.answer(asker_of(req, access.site), work), "questions")


@bp.function_name("query_sql")
@bp.route("api/sql", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query_sql(req: func.HttpRequest) -> func.HttpResponse:
    """Run one SELECT statement in the sandbox."""
    from clickstream.querying.formats import chosen_format
    from clickstream.querying.goals import scope_of
    from clickstream.querying.request import parse_sql

    request, site = await authorized(req, parse_sql, services().sites.reader)
    format_ = chosen_format(req.params.get("format"), req.headers.get("Accept"))
    answer = await services().serving.sql(asker_of(req, site), format_, request, scope_of(Access(site, KeyKind.READ)))
    return formatted_answer(req, answer, "rows")


def asker_of(req: func.HttpRequest, site: Site) -> Asker:
    """The asker of a query, for fair turns: the site and the digest of the key."""
    from clickstream.querying.turns import Asker

    return Asker(site.site, digest_of(bearer_key(req) or ""))
