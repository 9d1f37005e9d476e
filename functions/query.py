"""`query`: reports and SQL over a site's own rows, for who holds a read key of the site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

import azure.functions as func

from clickstream.errors import Forbidden, InvalidRequest, RequestTooLarge
from functions._http import answers_problems, bearer_key, json_answer
from functions._services import services

if TYPE_CHECKING:
    from clickstream.querying.request import SiteScope

bp = func.Blueprint()


@bp.function_name("query")
@bp.route("api/query", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query(req: func.HttpRequest) -> func.HttpResponse:
    """Metrics for each group of dimensions' values."""
    from clickstream.querying.request import parse_query

    request, site = await authorized(req, parse_query)
    return json_answer(await asyncio.to_thread(services().queries.query, request, site))


@bp.function_name("query_sql")
@bp.route("api/sql", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query_sql(req: func.HttpRequest) -> func.HttpResponse:
    """One SELECT statement, in the sandbox."""
    from clickstream.querying.request import parse_sql

    request, site = await authorized(req, parse_sql)
    return json_answer(await asyncio.to_thread(services().queries.sql, request, site))


class NamesSite(Protocol):
    """What every request for rows says."""

    @property
    def site_id(self) -> str: ...


Asked = TypeVar("Asked", bound=NamesSite)


async def authorized(req: func.HttpRequest, parse: Callable[[bytes], Asked]) -> tuple[Asked, SiteScope]:
    """The request and its site, if the read key opens it. A key that opens nothing is told so before all else."""
    from clickstream.querying.request import SiteScope

    key = bearer_key(req)
    try:
        request = parse(req.get_body())
    except (InvalidRequest, RequestTooLarge):
        with suppress(Forbidden):  # the key opens some site, so its holder may know what is wrong
            await services().sites.reader(key, "")
        raise
    site = await services().sites.reader(key, request.site_id)
    return request, SiteScope(site.site, site.time_zone)
