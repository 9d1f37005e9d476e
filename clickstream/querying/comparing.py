"""Compare a query with the same query of another period."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from clickstream.filters.dimensions import Dimension, Kind
from clickstream.querying.documents import ComparedGroup, Group
from clickstream.querying.metrics import Need
from clickstream.querying.period import Period, previous, resolve, same_part, year_before
from clickstream.querying.request import Comparisons, QueryRequest
from clickstream.querying.statement import Statement


def compared_period(
    comparisons: Comparisons, period: Period, zone: ZoneInfo, now: datetime, complete_until: datetime | None
) -> Period:
    """The period to compare with. A period that is not complete yet is compared with the same part of the other one,
    unless the caller chose the other one's dates.

    Raise ValueError or OverflowError if the other period is outside the supported years.
    """
    if comparisons.mode == "custom":
        return resolve(comparisons.date_range, zone, now)
    before = previous if comparisons.mode == "previous_period" else year_before
    other = before(period, comparisons.match_day_of_week)
    return same_part(other, period, min(now, complete_until or now))


def compile_compared(
    groups: Statement, dimensions: Sequence[Dimension], answered: Sequence[Sequence[str]]
) -> Statement:
    """Restrict the groups to those whose text dimensions equal those of an answered group."""
    texts = [number for number, dimension in enumerate(dimensions) if dimension.kind is Kind.TEXT]
    if not texts:
        return groups
    names = [dimensions[number].column for number in texts]
    page = json.dumps([[values[number] for number in texts] for values in answered])
    values = ", ".join(f"texts[{place}] AS {name}" for place, name in enumerate(names, 1))
    sql = (
        f"SELECT groups.*\nFROM (\n{groups.sql}\n) AS groups\nSEMI JOIN (\n"
        f"    SELECT {values}\n    FROM (SELECT unnest(from_json($page, '[[\"VARCHAR\"]]')) AS texts)\n"
        f") AS page USING ({', '.join(names)})"
    )
    return Statement(sql, {**groups.parameters, "page": page})


class ComparisonRows:
    """Finds the group of the other period for a group: with equal texts, and its time at the same position."""

    def __init__(
        self,
        request: QueryRequest,
        rows: Sequence[Sequence[Any]],
        places: Mapping[str, str],
        *,
        absent_is_zero: bool = True,
        money_is_comparable: bool = True,
    ) -> None:
        """`rows` are those of the other period. `places` maps each time label to the label at the same position in that
        period. Counts of an absent group are 0, or null unless `absent_is_zero`, since the group may have been left
        out. Money is not compared unless `money_is_comparable`.
        """
        self._absent = [0 if metric.counts and absent_is_zero else None for metric in request.metrics]
        self._compared = [money_is_comparable or Need.REVENUE not in metric.needs for metric in request.metrics]
        self._kinds = [dimension.kind for dimension in request.dimensions]
        self._places = places
        width = len(request.dimensions)
        self._rows = {tuple(row[:width]): list(row[width:]) for row in rows}

    def comparison(self, group: Group) -> ComparedGroup:
        """The numbers of the other period for a group."""
        there = [
            value if kind is Kind.TEXT else self._places.get(value)
            for kind, value in zip(self._kinds, group.dimensions, strict=True)
        ]
        numbers = self._rows.get(tuple(there), self._absent)
        before = [number if same else None for number, same in zip(numbers, self._compared, strict=True)]
        return ComparedGroup(there, before, list(map(change, group.metrics, before)))


def change(now: float | None, before: float | None) -> float | None:
    """Change in percent, to a tenth; None if the value was 0 and is not, or if one of the values is unknown."""
    if now is None or before is None or (before == 0 and now != 0):
        return None
    return 0.0 if now == before else round(100 * (now - before) / before, 1)
