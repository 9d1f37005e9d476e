"""Compile a request to one readable SQL statement with its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from clickstream.filters.dimensions import BOT, GOAL, Dimension, Kind, quoted
from clickstream.filters.tree import Filter, GoalComparison, Group
from clickstream.identity.persons import RELATION as PERSONS
from clickstream.identity.persons import persons
from clickstream.querying.conditions import (
    Parameters,
    SqlParameter,
    are_of_visits,
    ask_for_bots,
    condition,
    conditions,
    need_money,
    need_people,
    need_visits,
)
from clickstream.querying.metrics import OF_EVENT, VISITORS, Metric, Need
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.revenue import RELATION, paid
from clickstream.querying.scope import SiteScope
from clickstream.querying.sharing import Shared, column_of, disclosed, left_out, small_groups
from clickstream.querying.stays import PARTS, TIMES, stays_for
from clickstream.querying.visitors import HISTORY, IN_PERIOD, first_seen
from clickstream.querying.visits import relations


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values of its `$names`. Moments are texts (ISO 8601), so that a caller can send the same statement
    to `POST /api/sql`.
    """

    sql: str
    parameters: Mapping[str, SqlParameter]


def compile_groups(request: QueryRequest, period: Period, site: SiteScope) -> Statement:
    """All groups of the request, unordered: one column for each dimension, then one for each metric. With a metric
    about money there is one more column, `currencies`: the list of currencies in which any of the groups has revenue.

    Raise InvalidRequest for goals and segments that the site does not have.
    """
    return _Groups(request, period, site).statement()


def compile_withheld(request: QueryRequest, period: Period, site: SiteScope) -> Statement:
    """For a share key: the counts that decide whether the answer is withheld. See `sharing.must_withhold`.

    Rows of `visitors`, `events` and `has_small`: first of the selected events, then of those that each filter alone
    leaves out.
    """
    return _Groups(request, period, site).withheld()


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


def period_read(request: QueryRequest, period: Period, site: SiteScope) -> Period:
    """The period that the statement reads, without the padding of a day on both sides."""
    of_history = any(metric.needs & {Need.HISTORY, Need.REVENUE} for metric in request.metrics)
    of_money = any(dimension.of_money for dimension in request.dimensions) or need_money(request.filters, site)
    return with_history(period) if of_history or of_money else period


def with_history(period: Period) -> Period:
    """The period extended back by `HISTORY`, in which earlier visits and orders are searched."""
    return period.since(period.begin.astimezone(UTC) - HISTORY)


class _Groups:
    """The parts of one statement."""

    def __init__(self, request: QueryRequest, period: Period, site: SiteScope) -> None:
        self._sharing, self._shared = site.sharing, None
        if site.sharing is not None:
            self._shared = shared = Shared(site.sharing)
            dimensions = tuple(map(shared.dimension, request.dimensions))
            request = replace(request, dimensions=dimensions, filters=shared.filters(request.filters))
        self._request = request
        self._parameters = Parameters(site, period)
        self._needs = frozenset[Need]().union(*(metric.needs for metric in request.metrics))
        self._by_goal = any(dimension.name == GOAL for dimension in request.dimensions)
        self._with_bots = ask_for_bots(request.filters, site) or any(d.name == BOT for d in request.dimensions)
        of_visits = (
            Need.VISIT in self._needs
            or any(dimension.of_visits for dimension in request.dimensions)
            or need_visits(request.filters, site)
            or (self._by_goal and any(goal.matching.needs_visits for goal in site.goals.values()))
        )
        self._by_currency = any(dimension.of_money for dimension in request.dimensions)
        of_money = (
            Need.REVENUE in self._needs
            or self._by_currency
            or need_money(request.filters, site)
            or (self._by_goal and any(need_money(goal.matching.filters, site) for goal in site.goals.values()))
        )
        self._relation = "viewed" if Need.VIEW in self._needs else "visited" if of_visits else "of_site"
        self._relations = relations(
            of_visits=of_visits,
            of_views=Need.VIEW in self._needs,
            with_bots=self._with_bots,
            split_at_midnight=site.split_at_midnight,
        )
        if of_money:
            self._relations += ",\n" + paid(self._relation, self._parameters, with_bots=self._with_bots)
            self._relation = RELATION
        self._of_stays = of_visits and not of_money and self._are_of_visits(request, site)
        if self._of_stays:
            self._relation = "stays"
        self._parts = PARTS if self._of_stays else None
        of_events = self._needs <= {Need.VISITOR, Need.PERSON, Need.ALL, Need.GOAL}
        if of_events and _parts(request) <= OF_EVENT.keys() and not self._of_stays:
            self._parts = OF_EVENT
        of_people = (
            Need.PERSON in self._needs
            or any(dimension.of_people for dimension in request.dimensions)
            or need_people(request.filters, site)
            or (self._by_goal and any(need_people(goal.matching.filters, site) for goal in site.goals.values()))
        )
        if of_people:
            self._relations += ",\n" + persons(self._relation, site.trust)
            self._relation = PERSONS
        self._others = tuple(dimension for dimension in request.dimensions if dimension.name != GOAL)

    def statement(self) -> Statement:
        events = self._matching_events()
        opened = [] if self._shared is None else self._shared.expressions(self._relation)
        rest = ",\n".join([*opened, events, *self._disclosed(), *self._joined(), self._summed_up()])
        parts = ",\n".join([self._relations, *self._stays(rest), rest])
        names = [d.column for d in self._request.dimensions]
        shown, grouped = names, "\nGROUP BY ALL" if names else ""
        if self._parts is not None and any(d.kind is Kind.TEXT for d in self._request.dimensions):
            # Groups by a number are much faster than by a text.
            shown = [f"any_value({name}) AS {name}" for name in names]
            grouped = f"\nGROUP BY hash({', '.join(f'summed_up.{name}' for name in names)})"
        columns = [*shown, *(f"{self._sql_of(metric)} AS {quoted(metric.name)}" for metric in self._request.metrics)]
        if Need.REVENUE in self._needs:
            columns.append("flatten(list(currencies) FILTER (currencies IS NOT NULL)) AS currencies")
        sql = f"{_select(columns, 0)}\nFROM summed_up{grouped}"
        if Need.REVENUE in self._needs:
            sql = self._within_currencies(sql, names)
        sql = f"WITH {parts}\n{sql}"
        return Statement(sql, self._parameters.of(sql))

    def _sql_of(self, metric: Metric) -> str:
        return (metric.sql_of_events if self._parts is OF_EVENT else None) or metric.sql

    def _are_of_visits(self, request: QueryRequest, site: SiteScope) -> bool:
        """Whether `stays` have all that the question reads."""
        return (
            site.sharing is None
            and self._needs <= {Need.VISITOR, Need.VISIT, Need.ALL}
            and _parts(request) <= PARTS.keys()
            and all(dimension.of_visits or dimension.kind in TIMES for dimension in request.dimensions)
            and are_of_visits(request.filters, site)
        )

    def _stays(self, rest: str) -> list[str]:
        """The relation `stays` with the columns that the rest of the statement uses."""
        if not self._of_stays:
            return []
        times = [dimension.sql for dimension in self._request.dimensions if dimension.kind in TIMES]
        return [stays_for(rest, times)]

    def withheld(self) -> Statement:
        """See `compile_withheld`."""
        assert self._shared is not None
        events = self._matching_events()
        counted = ["count(DISTINCT visitor) AS visitors", "count(*) AS events"]
        small = self._disclosed()[:1]
        folded = " OR ".join(f"{d.sql} = {self._shared.label}" for d in self._request.dimensions if d.kind is Kind.TEXT)
        has_small = f"EXISTS (FROM small) OR bool_or({folded or 'false'})" if small else "false"
        counted.append(f"coalesce({has_small}, false) AS has_small")
        rows = [f"{_select(counted, 0)}\nFROM selected\nWHERE {self._grouped}"]
        rows.extend(left_out(self._relation, self._request.filters, self._parameters))
        parts = ",\n".join([self._relations, *self._shared.expressions(self._relation), events, *small])
        sql = f"WITH {parts}\n" + "\nUNION ALL\n".join(rows)
        return Statement(sql, self._parameters.of(sql))

    @property
    def _grouped(self) -> str:
        """The condition for events of `selected` that belong to any group."""
        return "goal IS NOT NULL" if self._by_goal else "true"

    def _disclosed(self) -> list[str]:
        """For a share key, the common table expressions `small` and `disclosed`: see sharing.py."""
        if self._sharing is None or not self._request.dimensions:
            return []
        dimensions = self._request.dimensions
        return [part("selected", dimensions, self._sharing, self._grouped) for part in (small_groups, disclosed)]

    def _within_currencies(self, sql: str, names: Sequence[str]) -> str:
        """The groups with the currencies of all of them. An amount is null if it would mix several currencies: those of
        its own group if groups are by currency, or else those of all groups, since a reader could not tell which group
        has which currency.
        """
        every = "list_sort(list_distinct(coalesce(flatten(list(currencies) OVER ()), [])))"
        several = "len(list_distinct(currencies)) > 1" if self._by_currency else "len(every_currency) > 1"
        columns = [*names, *(self._number(metric, several) for metric in self._request.metrics)]
        columns.append("every_currency AS currencies")
        return f"{_select(columns, 0)}\nFROM (\n    SELECT *, {every} AS every_currency\n    FROM (\n{sql}\n)\n)"

    def _number(self, metric: Metric, several: str) -> str:
        name = quoted(metric.name)
        if Need.REVENUE not in metric.needs or self._parameters.site.currencies.rates:
            return name
        return f"CASE WHEN {several} THEN NULL ELSE {name} END AS {name}"

    def _matching_events(self) -> str:
        """The common table expression `selected`: the events to count. If goals are a dimension, an event appears once
        for each goal that it meets.
        """
        columns = ["*"]
        if self._by_goal:
            columns.append(f"unnest([{self._goals()}]) AS goal")
        return self._events("selected", columns, self._request.filters)

    def _joined(self) -> list[str]:
        """Common table expressions that metrics need in addition: first visits, totals, and events without goals."""
        expressions: list[str] = []
        if Need.HISTORY in self._needs:
            expressions.append(first_seen(with_bots=self._with_bots))
        if Need.ALL in self._needs:
            where = f"\n    WHERE {self._grouped}" if self._by_goal else ""
            expressions.append(f"totals AS (\n    SELECT {VISITORS} AS all_visitors\n    FROM selected{where}\n)")
        whoever = _without_goals(self._request.filters)
        if Need.GOAL in self._needs:
            expressions.append(self._events("whoever", [f"{VISITORS} AS everyone"], whoever))
        if Need.GOAL_OF_GROUP in self._needs:
            columns = [*_named(self._others), f"{VISITORS} AS group_visitors"]
            expressions.append(self._events("groups", columns, whoever, "\n    GROUP BY ALL" if self._others else ""))
        return expressions

    def _events(self, name: str, columns: Sequence[str], filters: Sequence[Filter], rest: str = "") -> str:
        where = "\n        AND ".join([IN_PERIOD, *conditions(filters, self._parameters)])
        return f"{name} AS (\n{_select(columns, 4)}\n    FROM {self._relation}\n    WHERE {where}{rest}\n)"

    def _summed_up(self) -> str:
        dimensions, source = self._request.dimensions, "selected"
        if self._sharing is not None and dimensions:
            dimensions, source = tuple(map(column_of, dimensions)), "disclosed"
        keys = [*_named(dimensions)]
        keys.extend(need for need in (Need.VISITOR, Need.VISIT) if need in self._needs)
        joins = [source]
        if Need.HISTORY in self._needs:
            joins.append("LEFT JOIN first_seen USING (visitor_key)")
        columns = [*keys]
        if Need.ALL in self._needs:
            joins.append("CROSS JOIN totals")
            columns.append("all_visitors" if self._parts is not None else "any_value(all_visitors) AS all_visitors")
        if Need.GOAL in self._needs:
            joins.append("CROSS JOIN whoever")
            columns.append("everyone" if self._parts is not None else "any_value(everyone) AS everyone")
        if Need.GOAL_OF_GROUP in self._needs:
            same = " AND ".join(f"groups.{d.column} = {d.sql}" for d in self._others) or "true"
            joins.append(f"LEFT JOIN groups ON {same}")
            columns.append("any_value(group_visitors) AS group_visitors")
        parts = {name: sql for metric in self._request.metrics for name, sql in metric.parts.items()}
        if Need.REVENUE in self._needs:
            parts["currencies"] = "list(DISTINCT revenue_currency) FILTER (counts)"
        columns.extend(f"{sql if self._parts is None else self._parts[name]} AS {name}" for name, sql in parts.items())
        lines = [_select(columns or ["1 AS one"], 4), "    FROM " + "\n        ".join(joins)]
        if self._by_goal and source == "selected":
            lines.append("    WHERE goal IS NOT NULL")
        if keys and self._parts is None:
            lines.append("    GROUP BY ALL")
        return "summed_up AS (\n" + "\n".join(lines) + "\n)"

    def _goals(self) -> str:
        bind = self._parameters.bind
        met = [
            f"CASE WHEN {condition(goal.matching, self._parameters)} THEN {bind(name)} END"
            for name, goal in self._parameters.site.goals.items()
        ]
        return ", ".join(met) or "CAST(NULL AS VARCHAR)"


def _parts(request: QueryRequest) -> set[str]:
    """The names of the columns that the metrics aggregate."""
    return {name for metric in request.metrics for name in metric.parts}


def _named(dimensions: Sequence[Dimension]) -> list[str]:
    return [f"{dimension.sql} AS {dimension.column}" for dimension in dimensions]


def _select(columns: Sequence[str], indent: int) -> str:
    margin = " " * indent
    return f"{margin}SELECT\n{margin}    " + f",\n{margin}    ".join(columns)


def _without_goals(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    """The filters without comparisons of goals, including those inside an `and`."""
    remaining: list[Filter] = []
    for item in filters:
        if isinstance(item, Group) and item.operator == "and":
            remaining.extend(_without_goals(item.filters))
        elif not isinstance(item, GoalComparison):
            remaining.append(item)
    return tuple(remaining)
