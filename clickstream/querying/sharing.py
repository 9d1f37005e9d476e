"""What a share key opens: numbers about groups of visitors, and nothing about a person.

docs/query.md states the guarantees and their limits. A request is first checked and rewritten here, so that the
compiler sees only what is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from clickstream.errors import Forbidden
from clickstream.filters.dimensions import DIMENSIONS, GOAL, PERSON, PROPERTY, TRAIT, Dimension, Kind, quoted
from clickstream.filters.tree import AudienceName, Comparison, Filter, Group, HasDone, Negation, Presence, leaves
from clickstream.problems import steps
from clickstream.querying.conditions import Parameters, conditions
from clickstream.querying.metrics import Need
from clickstream.querying.period import DateRange
from clickstream.querying.scope import Matching, Sharing, SiteScope
from clickstream.querying.visitors import IN_PERIOD

if TYPE_CHECKING:
    from clickstream.querying.request import QueryRequest

# Events that identify a person.
PERSON_EVENTS = ("identify", "group", "alias")
NO_PERSON_EVENT = Comparison("is_not", Dimension("event:type", "The event's type.", "event_type"), PERSON_EVENTS)
# Ranges that move with the clock to the second would reveal the arrival of a single visitor.
MOVING_RANGES = ("realtime", "24h")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
REVENUE = "revenue"


def shared_scope(scope: SiteScope, sharing: Sharing) -> SiteScope:
    """The site as a share key sees it: without the goals, segments and funnels that use a property that is not
    shared.
    """
    worth = {REVENUE, *(_property(goal.revenue) for goal in scope.goals.values() if goal.revenue is not None)}
    sharing = replace(sharing, revenue=worth <= sharing.properties)
    goals = {name: goal for name, goal in scope.goals.items() if _is_open(goal.matching, sharing)}
    funnels = {
        name: funnel
        for name, funnel in scope.funnels.items()
        if all(_is_open(matching, sharing) for matching in funnel.sequence.matchings)
    }
    segments = {
        name: filters for name, filters in scope.segments.items() if _is_open(Matching(filters=filters), sharing)
    }
    return replace(scope, goals=goals, funnels=funnels, segments=segments, sharing=sharing)


def _property(place: str) -> str:
    """The name of the property; of a JSON pointer, its first token."""
    return steps(place)[0] if place.startswith("/") else place


def _is_open(matching: Matching, sharing: Sharing) -> bool:
    return not any(_closed(dimension, sharing) for dimension in _dimensions(matching.filters))


def _dimensions(filters: Sequence[Filter]) -> Iterator[Dimension]:
    return (item.dimension for item in leaves(filters) if isinstance(item, Comparison | Presence))


def closed_dimensions(sharing: Sharing) -> Sequence[str]:
    """The names of the dimensions that a share key may not query, except properties of events."""
    return [dimension.name for dimension in DIMENSIONS.values() if _closed(dimension, sharing)]


def _is_of_one(dimension: Dimension) -> bool:
    """Whether its values may name single persons."""
    return dimension.name == PERSON or dimension.name.startswith(TRAIT)


def _closed(dimension: Dimension, sharing: Sharing) -> bool:
    if _is_of_one(dimension) or dimension.kind is Kind.MINUTE:
        return True
    if dimension.of_money:
        return not sharing.revenue
    return dimension.name.startswith(PROPERTY) and dimension.name.removeprefix(PROPERTY) not in sharing.properties


def check_shared(request: QueryRequest, sharing: Sharing) -> None:
    """Raise Forbidden if the request uses anything that a share key does not open."""
    dimensions = [*request.dimensions, *_dimensions(request.filters)]
    if single := next(filter(_is_of_one, dimensions), None):
        raise Forbidden(f"a share key opens no {single.name[:100]}: it shows single persons")
    if any(isinstance(item, AudienceName) for item in leaves(request.filters)):
        raise Forbidden("a share key opens no audiences: they are of single persons")
    if any(dimension.kind is Kind.MINUTE for dimension in request.dimensions):
        raise Forbidden("a share key opens no numbers by the minute")
    if closed := sorted({dimension.name for dimension in dimensions if _closed(dimension, sharing)}):
        opened = ", ".join(sorted(sharing.properties)) or "none"
        raise Forbidden(f"a share key opens no {closed[0][:100]}; the properties that the site shares are: {opened}")
    for metric in request.metrics:
        if Need.GOAL_OF_GROUP in metric.needs:
            raise Forbidden(f"a share key opens no {metric.name}")
        if Need.REVENUE in metric.needs and not sharing.revenue:
            raise Forbidden(
                f"a share key opens no {metric.name}: the site does not share all properties it is read from"
            )
    check_range(request.date_range)
    if request.include.comparisons is not None and request.include.comparisons.date_range is not None:
        check_range(request.include.comparisons.date_range)


def check_range(date_range: DateRange) -> None:
    """Raise Forbidden unless the range is of whole days."""
    whole = date_range not in MOVING_RANGES if isinstance(date_range, str) else all(map(_DATE.fullmatch, date_range))
    if not whole:
        raise Forbidden("a share key opens ranges of whole days alone: two dates, or a named range of days")


class Shared:
    """Rewrites one request for a share key. `expressions` define the relations that its rewritten dimensions use.

    All values of a dimension with fewer than k visitors in the period get the same text, in groups and in filters. If
    there are any, the smallest of the other values is folded with them, so that the difference to the total never
    belongs to them alone.
    """

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._opened: dict[str, tuple[str, Dimension]] = {}

    def dimension(self, dimension: Dimension) -> Dimension:
        """The dimension with its small values folded. Times and goals stay: `small_groups` checks their groups."""
        if dimension.kind is not Kind.TEXT or dimension.name in (GOAL, NO_PERSON_EVENT.dimension.name):
            return dimension
        name, _ = self._opened.setdefault(dimension.name, (f"opened_{len(self._opened) + 1}", dimension))
        value = f"CASE WHEN {dimension.sql} IN (SELECT value FROM {name}) THEN {dimension.sql} ELSE {self.label} END"
        return replace(dimension, value=value, missing=None)

    def filters(self, filters: Iterable[Filter]) -> tuple[Filter, ...]:
        """The filters over such dimensions, and one that excludes the events that identify a person."""
        return (NO_PERSON_EVENT, *map(self._filter, filters))

    def expressions(self, relation: str) -> Iterator[str]:
        """Common table expressions over a relation of events: for each dimension the values that are not folded."""
        for name, dimension in self._opened.values():
            yield (
                f"{name} AS (\n    SELECT {dimension.sql} AS value\n    FROM {relation}\n"
                f"    WHERE {IN_PERIOD} AND {no_person_event()}\n    GROUP BY 1\n"
                f"    QUALIFY NOT {is_small('count(DISTINCT visitor)', 'value', self._sharing)}\n)"
            )

    @property
    def label(self) -> str:
        """The text of folded values, as a literal of SQL."""
        return f"'{self._sharing.label}'"

    def _filter(self, item: Filter) -> Filter:
        match item:
            case Comparison() | Presence():
                return replace(item, dimension=self.dimension(item.dimension))
            case Group():
                return replace(item, filters=tuple(map(self._filter, item.filters)))
            case Negation():
                return Negation(self._filter(item.filter))
            case HasDone():
                return HasDone(item.operator, Group("and", (NO_PERSON_EVENT, self._filter(item.filter))))
            case _:
                return item


def no_person_event() -> str:
    """A SQL condition about an event: it does not identify a person."""
    return f"event_type NOT IN ({', '.join(repr(name) for name in PERSON_EVENTS)})"


def is_small(size: str, order: str, sharing: Sharing) -> str:
    """A SQL condition about one of several groups: it has fewer than k visitors; or others have, and it is the smallest
    of the groups that do not. `size` and `order` are SQL for its visitors and for the order of equal sizes.
    """
    small = f"{size} < {sharing.smallest_group}"
    smallest = f"row_number() OVER (ORDER BY {small}, {size}, {order}) = 1"
    return f"({small} OR (min({size}) OVER () < {sharing.smallest_group} AND {smallest}))"


def left_out(relation: str, filters: Sequence[Filter], parameters: Parameters) -> Iterator[str]:
    """For each filter except the first, a query that counts the visitors and the events that it alone leaves out. The
    first excludes events that are never open.
    """
    conjuncts = conditions(filters, parameters)
    for place, left in enumerate(conjuncts[1:], 1):
        where = " AND ".join([IN_PERIOD, *conjuncts[:place], *conjuncts[place + 1 :], f"NOT {left}"])
        yield f"SELECT count(DISTINCT visitor), count(*), false\nFROM {relation}\nWHERE {where}"


def must_withhold(rows: Iterable[Mapping[str, int]], sharing: Sharing) -> bool:
    """Whether the answer must be withheld: any of the rows has events, but of too few visitors.

    `rows` have `visitors` and `events`, of the selected events and of those that each filter leaves out.
    """
    return any(row["events"] and row["visitors"] < sharing.smallest_group for row in rows)


def small_groups(source: str, dimensions: Sequence[Dimension], sharing: Sharing, where: str = "true") -> str:
    """The common table expression `small`: the groups of the source's events that are folded, by the dimensions'
    columns.
    """
    names = ", ".join(dimension.column for dimension in dimensions)
    values = ", ".join(f"{dimension.sql} AS {dimension.column}" for dimension in dimensions)
    return (
        f"small AS (\n    SELECT {names}\n    FROM (SELECT {values}, visitor FROM {source} WHERE {where})\n"
        f"    GROUP BY {names}\n    QUALIFY {is_small('count(DISTINCT visitor)', names, sharing)}\n)"
    )


def disclosed(source: str, dimensions: Sequence[Dimension], sharing: Sharing, where: str = "true") -> str:
    """The common table expression `disclosed`: the source's events with a column for each dimension, in which the small
    groups are folded; if a dimension is of time, which has no text for them, their events are left out instead.
    """
    names = [dimension.column for dimension in dimensions]
    values = ", ".join(f"{dimension.sql} AS {dimension.column}" for dimension in dimensions)
    by_time = any(dimension.kind is not Kind.TEXT for dimension in dimensions)
    shown = [
        name if by_time else f"CASE WHEN is_small THEN '{sharing.label}' ELSE {name} END AS {name}" for name in names
    ]
    return (
        f"disclosed AS (\n    SELECT * EXCLUDE ({', '.join([*names, 'is_small'])}), {', '.join(shown)}\n"
        f"    FROM (SELECT *, {values} FROM {source} WHERE {where})\n"
        f"        LEFT JOIN (SELECT *, true AS is_small FROM small) USING ({', '.join(names)})\n"
        f"    WHERE {'is_small IS NULL' if by_time else 'true'}\n)"
    )


def column_of(dimension: Dimension) -> Dimension:
    """The dimension as a reference to its column, which the relation already has."""
    return replace(dimension, value=quoted(dimension.name), missing=None)
