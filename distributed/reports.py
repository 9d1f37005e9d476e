"""Answers a query of `POST /api/query` on the engine, from the same table with the same SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import Kind
from clickstream.querying.conditions import need_people, need_visits
from clickstream.querying.metrics import Need
from clickstream.querying.period import resolve
from clickstream.querying.request import QueryRequest
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import compile_groups, compile_page
from clickstream.storage.account import table_uri
from distributed.dialect import to_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MAX_ROWS = 10_000


def answer(
    spark: SparkSession, lake_container: str, request: QueryRequest, time_zone: str, now: datetime
) -> dict[str, Any]:
    """`results` in the form of the functions' answer, and the `sql` that the engine ran.

    Raise the engine's errors, and InvalidRequest for an invalid period or `all` (name the days), for comparisons, for
    revenue, visits and people, whose SQL only DuckDB can run, and for goals and segments: no site's document is read.
    """
    if any(Need.REVENUE in metric.needs for metric in request.metrics) or any(d.of_money for d in request.dimensions):
        raise InvalidRequest("/metrics: revenue is answered by the functions alone")
    if _looks_at_visits(request):
        raise InvalidRequest("/metrics: visits are answered by the functions alone; ask for visitors or events")
    if _looks_at_people(request):
        raise InvalidRequest("/metrics: people are answered by the functions alone; ask for visitors")
    if request.include.comparisons is not None:
        raise InvalidRequest("/include/comparisons: ask for each period by itself")
    if request.date_range == "all":
        raise InvalidRequest("/date_range: name its first and its last day")
    zone = ZoneInfo(time_zone)
    try:
        period = resolve(request.date_range, zone, now)
    except ValueError as error:
        raise InvalidRequest(f"/date_range: {error}") from error
    site = SiteScope(request.site_id, time_zone)
    page = compile_page(request, compile_groups(request, period, site), request.pagination.limit or MAX_ROWS)
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.read.format("delta").load(table_uri(lake_container, "events")).createOrReplaceTempView("events")
    sql = to_spark(page.sql, page.parameters)
    rows = spark.sql(sql).toArrow().to_pylist()
    kinds = [dimension.kind for dimension in request.dimensions]
    return {
        "results": [
            {
                "dimensions": [
                    value if kind is Kind.TEXT else _label(value, zone)
                    for kind, value in zip(kinds, row.values(), strict=False)
                ],
                "metrics": list(row.values())[len(kinds) :],
            }
            for row in rows
        ],
        "sql": sql,
    }


def _looks_at_visits(request: QueryRequest) -> bool:
    of_metrics = any(metric.needs & {Need.VISIT, Need.VIEW, Need.HISTORY} for metric in request.metrics)
    of_dimensions = any(dimension.of_visits for dimension in request.dimensions)
    return of_metrics or of_dimensions or need_visits(request.filters, SiteScope(request.site_id, "UTC"))


def _looks_at_people(request: QueryRequest) -> bool:
    of_metrics = any(Need.PERSON in metric.needs for metric in request.metrics)
    of_dimensions = any(dimension.of_people for dimension in request.dimensions)
    return of_metrics or of_dimensions or need_people(request.filters, SiteScope(request.site_id, "UTC"))


def _label(value: date | datetime, zone: ZoneInfo) -> str:
    """A date in ISO form; a moment in ISO form in the zone, with its offset."""
    if not isinstance(value, datetime):
        return value.isoformat()
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.astimezone(zone).isoformat()
