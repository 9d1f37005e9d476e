"""From a request to one readable SQL statement with its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clickstream.querying.filters import Comparison, Filter, Group, dimensions_of
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.semantics import EVENTS_OF_SITE, VISITED, Dimension, Metric

SqlParameter = str | int


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values of its `$names`. Moments are texts, so that all of it can be shown and sent again."""

    sql: str
    parameters: Mapping[str, SqlParameter]


class _Parameters:
    """Gives each value a name in the statement."""

    def __init__(self, first: Mapping[str, SqlParameter]) -> None:
        self.values: dict[str, SqlParameter] = dict(first)

    def bind(self, value: SqlParameter) -> str:
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def compile_groups(request: QueryRequest, period: Period, time_zone: str) -> Statement:
    """All groups of the request, in no order: one column for each dimension, then one for each metric."""
    parameters = _Parameters({"site": request.site_id, "from": period.begin.isoformat(), "to": period.end.isoformat()})
    conditions = ["occurred_at >= CAST($from AS TIMESTAMPTZ)", *_conditions(request.filters, parameters)]
    answered: tuple[Dimension | Metric, ...] = (*request.dimensions, *request.metrics)
    of_visits = any(item.of_visits for item in (*answered, *dimensions_of(request.filters)))
    columns = ",\n    ".join(f'{item.sql} AS "{item.name}"' for item in answered)
    lines = [
        f"WITH {EVENTS_OF_SITE}" + (f",\n{VISITED}" if of_visits else ""),
        f"SELECT\n    {columns}",
        f"FROM {'visited' if of_visits else 'of_site'}",
        "WHERE " + "\n    AND ".join(conditions),
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


def _conditions(filters: Sequence[Filter], parameters: _Parameters) -> list[str]:
    return [_condition(item, parameters) for item in filters]


def _condition(item: Filter, parameters: _Parameters) -> str:
    """Never null: a dimension's SQL gives every event a text."""
    if isinstance(item, Group):
        return "(" + f" {item.operator.upper()} ".join(_conditions(item.filters, parameters)) + ")"
    if not isinstance(item, Comparison):
        return f"NOT {_condition(item.filter, parameters)}"
    if item.operator in ("is", "is_not"):
        sign = "NOT " if item.operator == "is_not" else ""
        return f"({item.dimension.sql} {sign}IN ({', '.join(parameters.bind(value) for value in item.values)}))"
    sign = "NOT " if item.operator == "contains_not" else ""
    found = " OR ".join(f"contains({item.dimension.sql}, {parameters.bind(value)})" for value in item.values)
    return f"{sign}({found})"
