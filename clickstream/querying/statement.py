"""From a request to one readable SQL statement with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clickstream.querying.conditions import Parameters, SqlParameter, conditions, need_visits
from clickstream.querying.dimensions import Dimension
from clickstream.querying.metrics import Metric
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.visits import IN_PERIOD, relations


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values of its `$names`. Moments are texts, so that all of it can be shown and sent again."""

    sql: str
    parameters: Mapping[str, SqlParameter]


def compile_groups(request: QueryRequest, period: Period, time_zone: str) -> Statement:
    """All groups of the request, in no order: one column for each dimension, then one for each metric."""
    parameters = Parameters.of_period(request.site_id, period)
    where = [IN_PERIOD, *conditions(request.filters, parameters)]
    answered: tuple[Dimension | Metric, ...] = (*request.dimensions, *request.metrics)
    of_visits = need_visits(request.filters) or any(item.of_visits for item in answered)
    columns = ",\n    ".join(f'{item.sql} AS "{item.name}"' for item in answered)
    lines = [
        f"WITH {relations(of_visits=of_visits)}",
        f"SELECT\n    {columns}",
        f"FROM {'visited' if of_visits else 'of_site'}",
        "WHERE " + "\n    AND ".join(where),
    ]
    if request.dimensions:
        lines.append("GROUP BY ALL")
    sql = "\n".join(lines)
    if "$time_zone" in sql:
        parameters.values["time_zone"] = time_zone
    return Statement(sql, parameters.values)


def compile_page(request: QueryRequest, groups: Statement, limit: int) -> Statement:
    """The groups in the request's order, at most `limit` of them from the request's offset on."""
    order = ", ".join(f'"{step.by.name}" {"DESC" if step.descending else "ASC"}' for step in request.order_by)
    return Statement(
        f"{groups.sql}\nORDER BY {order}\nLIMIT $limit OFFSET $offset",
        {**groups.parameters, "limit": limit, "offset": request.pagination.offset},
    )


def compile_count(groups: Statement) -> Statement:
    """How many groups there are."""
    return Statement(f"SELECT count(*) AS total_rows FROM (\n{groups.sql}\n)", groups.parameters)
