"""`query`: metrics by dimensions, and SQL over a site's own rows."""

from __future__ import annotations

import asyncio

import azure.functions as func

from clickstream.collecting.json_values import parse_json
from clickstream.querying.request import parse_query, parse_sql
from functions._http import answers_problems, bearer_key, json_answer
from functions._services import services

bp = func.Blueprint()


@bp.function_name("query")
@bp.route("api/query", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query(req: func.HttpRequest) -> func.HttpResponse:
    """Metrics by dimensions over a range of time."""
    asked = parse_query(parse_json(req.get_body()))
    site = await services().sites.reader(bearer_key(req), asked.site_id)
    found = await asyncio.to_thread(services().queries.query, asked, site.time_zone)
    width = len(asked.dimensions)
    meta = {"complete_until": found.complete_until, "sql": found.sql, "sql_parameters": found.sql_parameters}
    if found.total_rows is not None:
        meta["total_rows"] = found.total_rows
    results = [{"dimensions": row[:width], "metrics": row[width:]} for row in found.rows]
    return json_answer({"results": results, "meta": meta, "query": asked})


@bp.function_name("query_sql")
@bp.route("api/sql", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems()
async def query_sql(req: func.HttpRequest) -> func.HttpResponse:
    """One read-only statement over the site's rows of `events` and `failed_events`."""
    asked = parse_sql(parse_json(req.get_body()))
    await services().sites.reader(bearer_key(req), asked.site_id)
    found, complete_until = await asyncio.to_thread(services().queries.sql, asked)
    return json_answer({**found, "meta": {"complete_until": complete_until}})
