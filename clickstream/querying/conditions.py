"""From filters to SQL conditions over the relations of visits.py, each value a parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clickstream.querying.filters import Comparison, Filter, Group, dimensions_of
from clickstream.querying.period import Period

SqlParameter = str | int


class Parameters:
    """Gives each value of a statement a name."""

    def __init__(self, first: Mapping[str, SqlParameter]) -> None:
        self.values: dict[str, SqlParameter] = dict(first)

    @classmethod
    def of_period(cls, site_id: str, period: Period) -> Parameters:
        """Those of the relations, to begin with."""
        return cls({"site": site_id, "from": period.begin.isoformat(), "to": period.end.isoformat()})

    def bind(self, value: SqlParameter) -> str:
        """The value's name in SQL."""
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def need_visits(filters: Sequence[Filter]) -> bool:
    """Whether the conditions of the filters stand over `visited` alone."""
    return any(dimension.of_visits for dimension in dimensions_of(filters))


def conditions(filters: Sequence[Filter], parameters: Parameters) -> list[str]:
    """One SQL condition about an event for each filter. None is ever null."""
    return [_condition(item, parameters) for item in filters]


def _condition(item: Filter, parameters: Parameters) -> str:
    if isinstance(item, Group):
        return "(" + f" {item.operator.upper()} ".join(conditions(item.filters, parameters)) + ")"
    if not isinstance(item, Comparison):
        return f"NOT {_condition(item.filter, parameters)}"
    if item.operator in ("is", "is_not"):
        sign = "NOT " if item.operator == "is_not" else ""
        return f"({item.dimension.sql} {sign}IN ({', '.join(parameters.bind(value) for value in item.values)}))"
    sign = "NOT " if item.operator == "contains_not" else ""
    found = " OR ".join(f"contains({item.dimension.sql}, {parameters.bind(value)})" for value in item.values)
    return f"{sign}({found})"
