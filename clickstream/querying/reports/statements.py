"""Reports that are one statement of their own: asked, and its rows read."""

from __future__ import annotations

from collections.abc import Sequence

from clickstream.errors import InvalidRequest
from clickstream.lake.delta import EVENTS_TABLE, TableSpec
from clickstream.querying.conditions import Parameters
from clickstream.querying.period import Period
from clickstream.querying.reports.report import Asked, Column, Rows
from clickstream.querying.scope import Goal
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement
from clickstream.querying.visits import relations

LIMITS = frozenset({"date_range", "limit", "offset"})


def parameters_of(asked: Asked) -> Parameters:
    """Those of the site and the period, to begin with."""
    return Parameters(asked.scope, asked.period)


def visited(asked: Asked, *, with_bots: bool) -> str:
    """The relation `visited`, to stand behind `WITH`."""
    return relations(of_visits=True, with_bots=with_bots, split_at_midnight=asked.scope.split_at_midnight)


def slice_of(asked: Asked) -> Slice:
    """The events that sequences are looked for in."""
    return Slice(asked.scope, asked.period, asked.query().filters)


def refused(place: str, message: str) -> InvalidRequest:
    """What is wrong with the parameter at a place."""
    return InvalidRequest(f"/{place}: {message}", code="invalid_query", pointer=f"/{place}")


def goal_of(asked: Asked) -> Goal:
    """The goal that the parameter `goal` names. Raise InvalidRequest where the site has none of this name."""
    name, goals = asked.own["goal"], asked.scope.goals
    if name not in goals:
        raise refused("goal", f"no goal is called {name[:100]!r}; known are {', '.join(goals) or 'none'}")
    return goals[name]


def page(asked: Asked, statement: Statement) -> Statement:
    """The part of its rows that is asked for. The statement has an order. Raise InvalidRequest for too many."""
    wanted = asked.query().pagination
    limit = asked.engine.limit(wanted.limit)
    return Statement(
        f"{statement.sql}\nLIMIT $limit OFFSET $offset",
        {**statement.parameters, "limit": limit, "offset": wanted.offset},
    )


def ask(
    asked: Asked,
    columns: Sequence[Column],
    statement: Statement,
    table: TableSpec = EVENTS_TABLE,
    period: Period | None = None,
) -> Rows:
    """The rows of a statement that answers these columns in this order; `period` where it looks at more."""
    found = asked.engine.run(statement, asked.scope, period or asked.period, table)
    values = [column.to_pylist() for column in found.columns]
    return Rows(columns, list(zip(*values, strict=True)), statement)
