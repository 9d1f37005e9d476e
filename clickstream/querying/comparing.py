"""A report beside the same one of another period."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from clickstream.querying.dimensions import Dimension, Kind
from clickstream.querying.period import Period, previous, resolve, year_before
from clickstream.querying.request import Comparisons, QueryRequest
from clickstream.querying.statement import Statement


def compared_period(comparisons: Comparisons, period: Period, zone: ZoneInfo, now: datetime) -> Period:
    """The period to compare with. Raise ValueError or OverflowError for one out of reach."""
    if comparisons.mode == "previous_period":
        return previous(period)
    if comparisons.mode == "year_over_year":
        return year_before(period)
    return resolve(comparisons.date_range, zone, now)


def compile_compared(
    groups: Statement, dimensions: Sequence[Dimension], answered: Sequence[Sequence[str]]
) -> Statement:
    """Of all groups those whose texts are those of an answered one."""
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


class Beside:
    """Finds the group of the other period for a group: equal in its texts, and in its time at the same place."""

    def __init__(
        self,
        request: QueryRequest,
        rows: Sequence[Sequence[Any]],
        places: Mapping[str, str],
    ) -> None:
        """`rows` are the other period's; `places` says for a label of time which one of that period stands there."""
        self._nothing = [0 if metric.counts else None for metric in request.metrics]
        self._kinds = [dimension.kind for dimension in request.dimensions]
        self._places = places
        width = len(request.dimensions)
        self._rows = {tuple(row[:width]): list(row[width:]) for row in rows}

    def comparison(self, dimensions: Sequence[str], metrics: Sequence[Any]) -> dict[str, Any]:
        """What is told beside the group."""
        there = [
            value if kind is Kind.TEXT else self._places.get(value)
            for kind, value in zip(self._kinds, dimensions, strict=True)
        ]
        before = self._rows.get(tuple(there), self._nothing)
        return {"dimensions": there, "metrics": before, "change": list(map(change, metrics, before))}


def change(now: float | None, before: float | None) -> float | None:
    """In percent, to a tenth; None from nothing to something, and where one is not known."""
    if now is None or before is None or (before == 0 and now != 0):
        return None
    return 0.0 if now == before else round(100 * (now - before) / before, 1)
