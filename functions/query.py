"""`query`: reports and SQL over a site's own rows, for who holds a read key of the site."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import azure.functions as func

from functions._access import authorized
from functions._http import answers_problems, formatted_answer, json_answer
from functions._services import services

if TYPE_CHECKING:
    from clickstream.querying.scope import SiteScope
    from clickstream.sites.document import Site

bp = func.Blueprint()


@bp.function_name("query")
@bp.route("api/query", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query(req: func.HttpRequest) -> func.HttpResponse:
    """Metrics for each group of dimensions' values."""
    from clickstream.querying.request import parse_query

    request, site = await authorized(req, parse_query, services().sites.viewer)
    return json_answer(await asyncio.to_thread(services().queries.query, request, scope_of(site)))


@bp.function_name("query_sql")
@bp.route("api/sql", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query_sql(req: func.HttpRequest) -> func.HttpResponse:
    """One SELECT statement, in the sandbox."""
    from clickstream.querying.formats import chosen_format
    from clickstream.querying.request import parse_sql

    request, site = await authorized(req, parse_sql, services().sites.reader)
    format_ = chosen_format(req.params.get("format"), req.headers.get("Accept"))
    return formatted_answer(
        await asyncio.to_thread(services().queries.sql_in, format_, request, scope_of(site)), "rows"
    )


def scope_of(site: Site) -> SiteScope:
    """What a query may read of."""
    from clickstream.querying.goals import goals_of, segments_of
    from clickstream.querying.scope import SiteScope
    from clickstream.querying.sequences.definition import funnels_of

    return SiteScope(
        site.site,
        site.time_zone,
        goals_of(site),
        funnels_of(site),
        segments_of(site),
        site.visits.split_at_midnight,
    )
