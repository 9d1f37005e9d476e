"""From filters to SQL conditions over the relations of visits.py, each value a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from clickstream.errors import InvalidRequest
from clickstream.querying.dimensions import BOT, DIMENSIONS, NONE, NOT_SET
from clickstream.querying.filters import (
    Comparison,
    Deed,
    Filter,
    GoalComparison,
    Group,
    Leaf,
    Negation,
    Presence,
    SegmentName,
    leaves,
)
from clickstream.querying.period import Period
from clickstream.querying.scope import Matching, SiteScope

SqlParameter = str | int

# A `$name`, or a text or a quoted name in which something else may look like one.
_PARAMETER = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w+)""")
_FUNCTIONS = {"contains": "contains", "matches": "regexp_matches"}


class Parameters:
    """Gives each value of a statement a name. `site` is whose goals and segments the filters may name."""

    def __init__(self, site: SiteScope, period: Period) -> None:
        self.site = site
        self.values: dict[str, SqlParameter] = {
            "site": site.site_id,
            "from": period.begin.isoformat(),
            "to": period.end.isoformat(),
            "time_zone": site.time_zone,
        }

    def bind(self, value: SqlParameter) -> str:
        """The value's name in SQL."""
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def of(self, sql: str) -> Mapping[str, SqlParameter]:
        """Those that the statement names, for it may be given no others."""
        named = {found[1] for found in _PARAMETER.finditer(sql)}
        return {name: value for name, value in self.values.items() if name in named}


def conditions(filters: Sequence[Filter], parameters: Parameters) -> list[str]:
    """One SQL condition about an event for each filter. None is ever null.

    Raise InvalidRequest for goals and segments that the site does not have.
    """
    require_names(filters, parameters.site)
    return [_condition(item, parameters) for item in filters]


def need_visits(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether the conditions of the filters stand over `visited` alone."""
    return any(item.of_visits for item in _spelled_out(filters, site))


def ask_for_bots(filters: Sequence[Filter], site: SiteScope) -> bool:
    """Whether any of the filters looks at `event:bot`, so that bots are not left out unasked."""
    return any(
        isinstance(item, Comparison | Presence) and item.dimension.name == BOT for item in _spelled_out(filters, site)
    )


def require_names(filters: Sequence[Filter], site: SiteScope) -> None:
    """Raise InvalidRequest with every goal and segment that the site does not have."""
    problems: list[tuple[str, str]] = []
    for item in leaves(filters):
        if isinstance(item, SegmentName) and item.name not in site.segments:
            problems.append((item.pointer, f"no segment is called {item.name[:100]!r}; {_known(site.segments)}"))
        if isinstance(item, GoalComparison) and item.operator in ("is", "is_not"):
            problems.extend(
                (f"{item.pointer}/{index}", f"no goal is called {name[:100]!r}; {_known(site.goals)}")
                for index, name in enumerate(item.values)
                if name not in site.goals
            )
    if problems:
        told = "; ".join(f"{pointer}: {message}" for pointer, message in problems)
        raise InvalidRequest(told, code="invalid_query", pointer=problems[0][0])


def _known(names: Iterable[str]) -> str:
    told = ", ".join(names)
    return f"known are {told}" if told else "the site has none"


def _spelled_out(filters: Sequence[Filter], site: SiteScope) -> Iterable[Leaf]:
    """The leaves of the filters, with those of the goals and segments that they name."""
    for item in leaves(filters):
        yield item
        if isinstance(item, SegmentName):
            yield from leaves(site.segments.get(item.name, ()))
        elif isinstance(item, GoalComparison):
            for name in _goals(item, site):
                yield from leaves(site.goals[name].matching.filters)


def _goals(item: GoalComparison, site: SiteScope) -> list[str]:
    """The site's goals that are so called."""
    if item.operator.startswith("contains"):
        return [name for name in site.goals if any(text in name for text in item.values)]
    return [name for name in site.goals if name in item.values]


def condition(matching: Matching, parameters: Parameters) -> str:
    """A SQL condition about an event; never null."""
    held: list[str] = []
    if matching.event is not None:
        held.append(f"event_name = {parameters.bind(matching.event)}")
    if matching.page is not None:
        held.append(f"event_type = 'page_view' AND {_page_like(matching.page, parameters)}")
    held.extend(_condition(item, parameters) for item in matching.filters)
    return f"({' AND '.join(held)})" if held else "true"


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
        case GoalComparison():
            goals = (parameters.site.goals[name].matching for name in _goals(item, parameters.site))
            met = " OR ".join(condition(matching, parameters) for matching in goals) or "false"
            return _signed(item.operator, f"({met})")
        case Deed():
            done = f"visit IN (SELECT visit FROM visited WHERE {_condition(item.filter, parameters)})"
            return _signed(item.operator, f"coalesce({done}, false)")
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
    found = " OR ".join(f"{_FUNCTIONS[operator]}({item.dimension.sql}, {value})" for value in values)
    return _signed(item.operator, f"({found})")


def _signed(operator: str, condition: str) -> str:
    negative = operator in ("is_not", "contains_not", "matches_not", "has_not_done")
    return f"NOT {condition}" if negative else condition
