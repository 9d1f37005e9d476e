"""A report of `POST /api/query`, answered by the engine from the same table with the same SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from clickstream.errors import InvalidRequest
from clickstream.lake.storage import table_uri
from clickstream.querying.dimensions import Kind
from clickstream.querying.period import resolve
from clickstream.querying.request import QueryRequest
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import compile_groups, compile_page
from distributed.dialect import to_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MAX_ROWS = 10_000


def answer(
    spark: SparkSession, lake_container: str, request: QueryRequest, time_zone: str, now: datetime
) -> dict[str, Any]:
    """`results` as the functions answer them, and the `sql` that the engine ran.

    Raise what the engine raises, and InvalidRequest for a period that is none, or `all` (name the days), for
    comparisons, and for goals and segments, since no site's document is read.
    """
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


def _label(value: date | datetime, zone: ZoneInfo) -> str:
    """A date as it is; a moment by the clock of the zone, with its offset."""
    if not isinstance(value, datetime):
        return value.isoformat()
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.astimezone(zone).isoformat()
