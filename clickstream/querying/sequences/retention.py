"""Retention: how many members of a cohort come back, unit by unit; and the frequency of visits."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from itertools import islice

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import DIMENSIONS, Kind
from clickstream.querying.conditions import are_of_visits, condition, conditions
from clickstream.querying.period import Period
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.streams import Slice, finished, select, streams
from clickstream.querying.statement import Statement
from clickstream.querying.stays import stays_for
from clickstream.querying.visits import relations
from clickstream.sites.funnels import Within

MAX_UNITS = 400


class Unit(StrEnum):
    """Unit of time, by the site's clock; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def retention_statement(
    slice_: Slice,
    unit: Unit,
    *,
    within: Within = Within.VISITOR,
    start: Matching | None = None,
    back: Matching | None = None,
) -> Statement:
    """A row for each cohort and each unit of the range from the cohort's on.

    The members of a cohort are the visitors or persons whose first event that matches `start` (without it, any event)
    lies in the cohort's unit. They come back in each unit in which they have an event that matches `back` (without it,
    any event).

    Columns: `cohort`, the date on which its unit begins; `size`, the number of members; `units_later`, from 0, the
    cohort's own unit, in which `reached` is `size`; `reached`, how many came back; `percent`, of `size`.

    Raise InvalidRequest if the range has more than `MAX_UNITS` units.
    """
    units = _units(slice_.period, unit)
    parameters = slice_.parameters()
    matchings = {"starts": start or Matching(), "is_back": back or Matching()}
    columns = {name: condition(matching, parameters) for name, matching in matchings.items()}
    columns["unit"] = DIMENSIONS[f"time:{unit}"].sql
    needs_visits = any(matching.needs_visits for matching in matchings.values())
    dates = ", ".join(f"(DATE '{begin}', {number})" for number, begin in enumerate(units))
    expressions = [
        streams(slice_, within, columns, parameters, needs_visits=needs_visits, in_order=False),
        f"units (unit, number) AS (VALUES {dates})",
        select(
            "presence",
            ["stream_key", "unit", "bool_or(starts) AS starts", "bool_or(is_back) AS is_back"],
            "streams",
            [],
            ["stream_key", "unit"],
        ),
        select("members", ["stream_key", "min(unit) AS cohort"], "presence", ["starts"], ["stream_key"]),
        select("cohorts", ["cohort", "number", "count(*) AS size"], "members JOIN units ON unit = cohort", [], ["ALL"]),
        select(
            "present",
            ["cohort", "unit", "count(*) AS came"],
            "presence JOIN members USING (stream_key)",
            ["is_back"],
            ["cohort", "unit"],
        ),
    ]
    with_ = ",\n".join(expressions)
    sql = f"""
WITH {with_}
SELECT
    cohort,
    size,
    units.number - cohorts.number AS units_later,
    CASE WHEN units.number = cohorts.number THEN size ELSE coalesce(came, 0) END AS reached,
    100.0 * CASE WHEN units.number = cohorts.number THEN size ELSE coalesce(came, 0) END / size AS percent
FROM cohorts
    JOIN units ON units.number >= cohorts.number
    LEFT JOIN present USING (cohort, unit)
ORDER BY cohort, units_later""".strip()
    return finished(sql, parameters)


def frequency_statement(slice_: Slice, *, within: Within = Within.VISITOR, most: int = 10) -> Statement:
    """A row for each number of visits that visitors or persons made, up to `most`, which includes all greater numbers.

    Columns: `visits`; `reached`, the number of visitors or persons with so many visits; `percent`, of all.
    """
    parameters = slice_.parameters()
    if within is Within.VISITOR and are_of_visits(slice_.filters, slice_.site):
        split = slice_.site.split_at_midnight
        where = ["visit IS NOT NULL", "visitor_key IS NOT NULL", *conditions(slice_.filters, parameters)]
        counted = select("counted", ["visitor_key", "count(*) AS visits"], "stays", where, ["visitor_key"])
        expressions = [relations(of_visits=True, split_at_midnight=split), stays_for(counted), counted]
    else:
        expressions = [
            streams(slice_, within, {"visit": "visit"}, parameters, needs_visits=True, in_order=False),
            select(
                "counted",
                ["stream_key", "count(DISTINCT visit) AS visits"],
                "streams",
                ["visit IS NOT NULL"],
                ["stream_key"],
            ),
        ]
    with_ = ",\n".join(expressions)
    sql = f"""
WITH {with_}
SELECT
    least(visits, {parameters.bind(most)}) AS visits,
    count(*) AS reached,
    100.0 * count(*) / sum(count(*)) OVER () AS percent
FROM counted
GROUP BY 1
ORDER BY 1""".strip()
    return finished(sql, parameters)


def _units(period: Period, unit: Unit) -> list[date]:
    """The first date of each unit that the period touches. Raise InvalidRequest above `MAX_UNITS`."""
    units = list(islice(period.dates(Kind(unit)), MAX_UNITS + 1))
    if len(units) > MAX_UNITS:
        message = f"/unit: the range has more than {MAX_UNITS} of a {unit}"
        raise InvalidRequest(message, code="invalid_query", pointer="/unit")
    return units
