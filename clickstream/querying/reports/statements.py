"""Helpers of the reports that run one SQL statement of their own."""

from __future__ import annotations

from collections.abc import Sequence

from clickstream.errors import InvalidRequest
from clickstream.querying.conditions import Parameters
from clickstream.querying.period import Period
from clickstream.querying.reports.report import Column, ReportContext, Rows
from clickstream.querying.revenue import looks_at_orders
from clickstream.querying.scope import Goal
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement, with_history
from clickstream.querying.visits import relations
from clickstream.table.specs import EVENTS_TABLE, TableSpec

LIMITS = frozenset({"date_range", "limit", "offset"})


def parameters_of(context: ReportContext) -> Parameters:
    """Statement parameters that hold the site and the period; the report binds its own."""
    return Parameters(context.site, context.period)


def visited(context: ReportContext, *, with_bots: bool) -> str:
    """The common table expressions that define `visited`; they follow `WITH`."""
    return relations(of_visits=True, with_bots=with_bots, split_at_midnight=context.site.split_at_midnight)


def slice_of(context: ReportContext) -> Slice:
    """The events in which sequences are matched: those of the site, the period and the filters."""
    return Slice(context.site, context.period, context.query.filters)


def invalid_parameter(place: str, message: str) -> InvalidRequest:
    """The error for the parameter, or the place within its JSON, at the pointer `/{place}`."""
    return InvalidRequest(f"/{place}: {message}", code="invalid_query", pointer=f"/{place}")


def goal_of(context: ReportContext) -> Goal:
    """The goal that the parameter `goal` names. Raise InvalidRequest if the site has none of this name."""
    name, goals = context.own["goal"], context.site.goals
    if name not in goals:
        raise invalid_parameter("goal", f"no goal is called {name[:100]!r}; known are {', '.join(goals) or 'none'}")
    return goals[name]


def page(context: ReportContext, statement: Statement) -> Statement:
    """The statement with the request's limit and offset. It must have an order. Raise InvalidRequest for a limit over
    the maximum.
    """
    query = context.query
    return Statement(
        f"{statement.sql}\nLIMIT $limit OFFSET $offset",
        {**statement.parameters, "limit": context.engine.limit(query), "offset": query.pagination.offset},
    )


def run_statement(
    context: ReportContext,
    columns: Sequence[Column],
    statement: Statement,
    table: TableSpec = EVENTS_TABLE,
    period: Period | None = None,
    *,
    leaves_out_bots: bool = True,
) -> Rows:
    """Run a statement that returns these columns in this order.

    `period` is what the statement reads if that is more than the report's period. `meta` gets `bots_left_out` unless
    bots are included. Raise as `QueryEngine.run` does.
    """
    read = period or context.period
    if looks_at_orders(statement.sql):
        read = read.since(with_history(context.period).begin)
    result = context.engine.run(statement, context.site, read, table)
    values = [column.to_pylist() for column in result.columns]
    meta = {}
    if leaves_out_bots and table is EVENTS_TABLE:
        bots = context.engine.bots_left_out(context.query.filters, context.site, context.period)
        meta = {} if bots is None else {"bots_left_out": bots}
    return Rows(columns, list(zip(*values, strict=True)), statement, meta)
