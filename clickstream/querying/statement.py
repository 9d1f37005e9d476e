"""From a request to one readable SQL statement with its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from clickstream.querying.conditions import (
    Parameters,
    SqlParameter,
    ask_for_bots,
    condition,
    conditions,
    need_visits,
)
from clickstream.querying.dimensions import BOT, GOAL, Dimension, quoted
from clickstream.querying.filters import Filter, GoalComparison, Group
from clickstream.querying.goals import money
from clickstream.querying.metrics import VISITORS, Need
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.scope import SiteScope
from clickstream.querying.visits import HISTORY, IN_PERIOD, first_seen, relations


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values of its `$names`. Moments are texts, so that all of it can be shown and sent again."""

    sql: str
    parameters: Mapping[str, SqlParameter]


def compile_groups(request: QueryRequest, period: Period, site: SiteScope) -> Statement:
    """All groups of the request, in no order: one column for each dimension, then one for each metric.

    Raise InvalidRequest for goals and segments that the site does not have.
    """
    return _Groups(request, period, site).statement()


def compile_page(request: QueryRequest, groups: Statement, limit: int) -> Statement:
    """The groups in the request's order, at most `limit` of them from the request's offset on."""
    order = ", ".join(f"{quoted(step.by.name)} {'DESC' if step.descending else 'ASC'}" for step in request.order_by)
    return Statement(
        f"{groups.sql}\nORDER BY {order}\nLIMIT $limit OFFSET $offset",
        {**groups.parameters, "limit": limit, "offset": request.pagination.offset},
    )


def compile_count(groups: Statement) -> Statement:
    """How many groups there are."""
    return Statement(f"SELECT count(*) AS total_rows FROM (\n{groups.sql}\n)", groups.parameters)


def period_read(request: QueryRequest, period: Period) -> Period:
    """The period that the statement looks at, but for what lies right around it."""
    of_history = any(Need.HISTORY in metric.needs for metric in request.metrics)
    return period.since(period.begin.astimezone(UTC) - HISTORY) if of_history else period


class _Groups:
    """The parts of one statement."""

    def __init__(self, request: QueryRequest, period: Period, site: SiteScope) -> None:
        self._request = request
        self._parameters = Parameters(site, period)
        self._needs = frozenset[Need]().union(*(metric.needs for metric in request.metrics))
        self._by_goal = any(dimension.name == GOAL for dimension in request.dimensions)
        self._with_bots = ask_for_bots(request.filters, site) or any(d.name == BOT for d in request.dimensions)
        of_visits = (
            Need.VISIT in self._needs
            or any(dimension.of_visits for dimension in request.dimensions)
            or need_visits(request.filters, site)
            or (self._looks_at_goals() and any(goal.matching.needs_visits for goal in site.goals.values()))
        )
        self._relation = "viewed" if Need.VIEW in self._needs else "visited" if of_visits else "of_site"
        self._relations = relations(
            of_visits=of_visits,
            of_views=Need.VIEW in self._needs,
            with_bots=self._with_bots,
            split_at_midnight=site.split_at_midnight,
        )
        self._others = tuple(dimension for dimension in request.dimensions if dimension.name != GOAL)

    def statement(self) -> Statement:
        parts = ",\n".join([self._relations, self._asked(), *self._beside(), self._summed_up()])
        columns = [*(d.column for d in self._request.dimensions), *self._answered()]
        sql = f"WITH {parts}\n{_select(columns, 0)}\nFROM summed_up"
        if self._request.dimensions:
            sql += "\nGROUP BY ALL"
        return Statement(sql, self._parameters.of(sql))

    def _looks_at_goals(self) -> bool:
        return self._by_goal or Need.REVENUE in self._needs

    def _answered(self) -> list[str]:
        return [f"{metric.sql} AS {quoted(metric.name)}" for metric in self._request.metrics]

    def _asked(self) -> str:
        """The events that are counted; one that meets several goals once for each, where they are a dimension."""
        columns = ["*"]
        if Need.REVENUE in self._needs:
            columns.append(f"{self._revenue()} AS revenue")
        if self._by_goal:
            columns.append(f"unnest([{self._goals()}]) AS goal")
        return self._events("asked", columns, self._request.filters)

    def _beside(self) -> list[str]:
        """What a metric compares with."""
        found: list[str] = []
        if Need.HISTORY in self._needs:
            found.append(first_seen(with_bots=self._with_bots))
        if Need.ALL in self._needs:
            found.append(f"all_asked AS (\n    SELECT {VISITORS} AS asked_visitors\n    FROM asked\n)")
        whoever = _without_goals(self._request.filters)
        if Need.GOAL in self._needs:
            found.append(self._events("whoever", [f"{VISITORS} AS everyone"], whoever))
        if Need.GOAL_OF_GROUP in self._needs:
            columns = [*_named(self._others), f"{VISITORS} AS group_visitors"]
            found.append(self._events("groups", columns, whoever, "\n    GROUP BY ALL" if self._others else ""))
        return found

    def _events(self, name: str, columns: Sequence[str], filters: Sequence[Filter], rest: str = "") -> str:
        where = "\n        AND ".join([IN_PERIOD, *conditions(filters, self._parameters)])
        return f"{name} AS (\n{_select(columns, 4)}\n    FROM {self._relation}\n    WHERE {where}{rest}\n)"

    def _summed_up(self) -> str:
        keys = [*_named(self._request.dimensions)]
        keys.extend(need for need in (Need.VISITOR, Need.VISIT) if need in self._needs)
        joins = ["asked"]
        if Need.HISTORY in self._needs:
            joins.append("LEFT JOIN first_seen USING (visitor)")
        columns = [*keys]
        if Need.ALL in self._needs:
            joins.append("CROSS JOIN all_asked")
            columns.append("any_value(asked_visitors) AS asked_visitors")
        if Need.GOAL in self._needs:
            joins.append("CROSS JOIN whoever")
            columns.append("any_value(everyone) AS everyone")
        if Need.GOAL_OF_GROUP in self._needs:
            same = " AND ".join(f"groups.{d.column} = {d.sql}" for d in self._others) or "true"
            joins.append(f"LEFT JOIN groups ON {same}")
            columns.append("any_value(group_visitors) AS group_visitors")
        parts = {name: sql for metric in self._request.metrics for name, sql in metric.parts.items()}
        columns.extend(f"{sql} AS {name}" for name, sql in parts.items())
        lines = [_select(columns or ["1 AS one"], 4), "    FROM " + "\n        ".join(joins)]
        if self._by_goal:
            lines.append("    WHERE goal IS NOT NULL")
        if keys:
            lines.append("    GROUP BY ALL")
        return "summed_up AS (\n" + "\n".join(lines) + "\n)"

    def _goals(self) -> str:
        bind = self._parameters.bind
        met = [
            f"CASE WHEN {condition(goal.matching, self._parameters)} THEN {bind(name)} END"
            for name, goal in self._parameters.site.goals.items()
        ]
        return ", ".join(met) or "CAST(NULL AS VARCHAR)"

    def _revenue(self) -> str:
        """By the first goal that names a property, else by the property `revenue`."""
        cases = [
            f"WHEN {condition(goal.matching, self._parameters)} THEN {money(goal.revenue)} "
            for goal in self._parameters.site.goals.values()
            if goal.revenue is not None
        ]
        usual = money("revenue")
        return f"CASE {''.join(cases)}ELSE {usual} END" if cases else usual


def _named(dimensions: Sequence[Dimension]) -> list[str]:
    return [f"{dimension.sql} AS {dimension.column}" for dimension in dimensions]


def _select(columns: Sequence[str], indent: int) -> str:
    margin = " " * indent
    return f"{margin}SELECT\n{margin}    " + f",\n{margin}    ".join(columns)


def _without_goals(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    """The filters without those of goals; of a list that must hold as a whole, without those within."""
    kept: list[Filter] = []
    for item in filters:
        if isinstance(item, Group) and item.operator == "and":
            kept.extend(_without_goals(item.filters))
        elif not isinstance(item, GoalComparison):
            kept.append(item)
    return tuple(kept)
