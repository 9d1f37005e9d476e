"""Translate filters to SQL conditions over the relations of visitors.py and visits.py; every value is a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import BOT, DIMENSIONS, NONE, NOT_SET
from clickstream.filters.tree import (
    AudienceName,
    Comparison,
    Filter,
    GoalComparison,
    Group,
    HasDone,
    Leaf,
    Negation,
    Presence,
    SegmentName,
    leaves,
)
from clickstream.querying.memberships import membership
from clickstream.querying.period import Period
from clickstream.querying.scope import Matching, SiteScope

SqlParameter = str | int

# A `$name`; or a string literal or quoted name, which may contain text that only looks like one.
_PARAMETER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w+)""")
_FUNCTIONS = {"contains": "contains", "matches": "regexp_matches"}


class Parameters:
    """Named parameters of a statement. Filters may name the goals and segments of `site`."""

    def __init__(self, site: SiteScope, period: Period) -> None:
        self.site = site
        self.values: dict[str, SqlParameter] = {
            "site": site.site_id,
            "from": period.begin.isoformat(),
            "to": period.end.isoformat(),
            "time_zone": site.time_zone,
        }

    def bind(self, value: SqlParameter) -> str:
        """Add the value and return its placeholder, such as `$value_4`."""
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def of(self, sql: str) -> Mapping[str, SqlParameter]:
        """The parameters that the statement uses; the engine rejects any others."""
        return parameters_in(sql, self.values)


def parameters_in(sql: str, values: Mapping[str, SqlParameter]) -> Mapping[str, SqlParameter]:
    """Those of the values whose `$names` the SQL has."""
    named = {match[1] for match in _PARAMETER.finditer(sql)}
    return {name: value for name, value in values.items() if name in named}


def conditions(filters: Sequence[Filter], parameters: Parameters) -> list[str]:
    """One SQL condition about an event for each filter; a condition is never null.

    Raise InvalidRequest for goals and segments that the site does not have.
    """
    require_names(filters, parameters.site)
    return [_condition(item, parameters) for item in filters]


def need_visits(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether the conditions of the filters need the relation `visited`."""
    return any(item.of_visits for item in _spelled_out(filters, site))


def are_of_visits(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether the conditions of the filters are about visits as a whole: all events of a visit meet them, or none."""
    return all(
        isinstance(item, Comparison | Presence) and item.dimension.of_visits
        for item in _spelled_out(filters, site)
        if not isinstance(item, SegmentName)
    )


def need_money(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether the conditions of the filters need the relation `paid`."""
    return any(
        isinstance(item, Comparison | Presence) and item.dimension.of_money for item in _spelled_out(filters, site)
    )


def need_people(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether the conditions of the filters need the relation `persons`."""
    return any(
        isinstance(item, AudienceName) or (isinstance(item, Comparison | Presence) and item.dimension.of_people)
        for item in _spelled_out(filters, site)
    )


def ask_for_bots(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether any of the filters uses `event:bot`; if so, bots are not left out by default."""
    return any(
        isinstance(item, Comparison | Presence) and item.dimension.name == BOT for item in _spelled_out(filters, site)
    )


def require_names(filters: Sequence[Filter], site: SiteScope) -> None:
    """Raise InvalidRequest with every goal and segment that the site does not have."""
    problems: list[tuple[str, str]] = []
    for item in leaves(filters):
        if isinstance(item, SegmentName) and item.name not in site.segments:
            problems.append((item.pointer, f"no segment is called {item.name[:100]!r}; {_listed(site.segments)}"))
        if isinstance(item, AudienceName) and item.slug not in site.audiences:
            known = _listed(site.audiences)
            problems.append((item.pointer, f"no audience has the slug {item.slug[:100]!r}; {known}"))
        if isinstance(item, GoalComparison) and item.operator in ("is", "is_not"):
            problems.extend(
                (f"{item.pointer}/{index}", f"no goal is called {name[:100]!r}; {_listed(site.goals)}")
                for index, name in enumerate(item.values)
                if name not in site.goals
            )
    if problems:
        messages = "; ".join(f"{pointer}: {message}" for pointer, message in problems)
        raise InvalidRequest(messages, code="invalid_query", pointer=problems[0][0])


def _listed(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"known are {listed}" if listed else "the site has none"


def _spelled_out(filters: Sequence[Filter], site: SiteScope) -> Iterable[Leaf]:
    """The leaves of the filters, and those of the goals and segments that they name."""
    for item in leaves(filters):
        yield item
        if isinstance(item, SegmentName):
            yield from leaves(site.segments.get(item.name, ()))
        elif isinstance(item, GoalComparison):
            for name in _goals(item, site):
                yield from leaves(site.goals[name].matching.filters)


def _goals(item: GoalComparison, site: SiteScope) -> list[str]:
    """Names of the site's goals that the comparison selects, before any negation."""
    if item.operator.startswith("contains"):
        return [name for name in site.goals if any(text in name for text in item.values)]
    return [name for name in site.goals if name in item.values]


def condition(matching: Matching, parameters: Parameters) -> str:
    """A SQL condition about an event; never null."""
    conjuncts: list[str] = []
    if matching.event is not None:
        conjuncts.append(f"event_name = {parameters.bind(matching.event)}")
    if matching.page is not None:
        conjuncts.append(f"event_type = 'page_view' AND {_page_like(matching.page, parameters)}")
    conjuncts.extend(_condition(item, parameters) for item in matching.filters)
    return f"({' AND '.join(conjuncts)})" if conjuncts else "true"


def _page_like(pattern: str, parameters: Parameters) -> str:
    path = DIMENSIONS["event:page"].sql
    if "*" not in pattern:
        return f"{path} = {parameters.bind(pattern)}"
    like = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"{path} LIKE {parameters.bind(like)} ESCAPE '\\'"


def _condition(item: Filter, parameters: Parameters) -> str:
    match item:
        case Group():
            return "(" + f" {item.operator.upper()} ".join(_condition(i, parameters) for i in item.filters) + ")"
        case Negation():
            return f"NOT {_condition(item.filter, parameters)}"
        case SegmentName():
            return condition(Matching(filters=parameters.site.segments[item.name]), parameters)
        case AudienceName():
            return membership(item.slug, parameters, at="occurred_at" if item.when == "then" else None)
        case GoalComparison():
            goals = (parameters.site.goals[name].matching for name in _goals(item, parameters.site))
            met = " OR ".join(condition(matching, parameters) for matching in goals) or "false"
            return _signed(item.operator, f"({met})")
        case HasDone():
            within = (item.filter,)
            relation = "paid" if need_money(within, parameters.site) else "visited"
            relation = "persons" if need_people(within, parameters.site) else relation
            visits = f"visit IN (SELECT visit FROM {relation} WHERE {_condition(item.filter, parameters)})"
            return _signed(item.operator, f"coalesce({visits}, false)")
        case Presence():
            sign = "NOT " if item.operator == "is_set" else ""
            return f"({item.dimension.sql} {sign}IN ('{NONE}', '{NOT_SET}'))"
        case Comparison():
            return _comparison(item, parameters)


def _comparison(item: Comparison, parameters: Parameters) -> str:
    values = [parameters.bind(value) for value in item.values]
    operator = item.operator.removesuffix("_not")
    if operator == "is":
        return _signed(item.operator, f"({item.dimension.sql} IN ({', '.join(values)}))")
    matches = " OR ".join(f"{_FUNCTIONS[operator]}({item.dimension.sql}, {value})" for value in values)
    return _signed(item.operator, f"({matches})")


def _signed(operator: str, condition: str) -> str:
    negative = operator in ("is_not", "contains_not", "matches_not", "has_not_done")
    return f"NOT {condition}" if negative else condition
