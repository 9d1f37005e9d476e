"""A query as one SQL statement with bound parameters; identifiers come from the semantic layer alone.

Visits: a tracker's session id is a visit; events without one are joined to visits per visitor, each ending where the next
event is more than 30 minutes away. Rows of one day before the range are read too, so that a visit under way at its
start keeps its source; they are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clickstream.querying.request import Clause, Filter, Group, QueryRequest
from clickstream.querying.semantics import DIMENSIONS, METRICS
from clickstream.querying.time_ranges import TimeRange, offsets

VISIT_GAP_MINUTES = 30


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values of its `$parameters`."""

    sql: str
    parameters: Mapping[str, Any]


class _Parameters:
    """Gives each value a name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def add(self, name: str, value: object) -> str:
        """The placeholder for a value."""
        unique = name if name not in self.values else f"{name}_{len(self.values)}"
        self.values[unique] = value
        return f"${unique}"


def compile_query(
    query: QueryRequest, span: TimeRange, zone: ZoneInfo, dates: tuple[date, date], max_rows: int
) -> Statement:
    """The statement for a query. `dates` are the first and last `event_date` that the range may touch."""
    bound = _Parameters()
    site = bound.add("site", query.site_id)
    first, last = bound.add("first_date", dates[0]), bound.add("last_date", dates[1])
    counted = ["true"]
    if span.start is not None:
        counted.append(f"utc_at >= {bound.add('start', _naive(span.start))}")
    if span.end is not None:
        counted.append(f"utc_at < {bound.add('end', _naive(span.end))}")
    counted += [_condition(each, bound) for each in query.filters]
    columns = [f'{DIMENSIONS[name].sql} AS "{name}"' for name in query.dimensions]
    columns += [f'{METRICS[name].sql} AS "{name}"' for name in query.metrics]
    if query.total_rows:
        columns.append('count(*) OVER () AS "total_rows"')
    positions = ", ".join(str(number + 1) for number in range(len(query.dimensions)))
    group = f"\nGROUP BY {positions}" if positions else ""
    order = _order(query)
    limit = bound.add("limit", min(query.limit or max_rows, max_rows))
    offset = bound.add("offset", query.offset)
    sql = f"""WITH scoped AS (
  SELECT
    event_id, event_type, event_name, page_path, session_id,
    coalesce(anonymous_id, user_id) AS visitor,
    CASE WHEN referrer_host IS NULL OR referrer_host = page_host THEN '(direct)' ELSE referrer_host END AS source,
    make_timestamp(epoch_us(occurred_at)) AS utc_at
  FROM events
  WHERE site = {site} AND event_date BETWEEN {first} AND {last}
),
gaps AS (
  SELECT *, CASE
      WHEN session_id IS NULL AND utc_at - lag(utc_at) OVER earlier <= INTERVAL {VISIT_GAP_MINUTES} MINUTE THEN 0
      ELSE 1
    END AS begins
  FROM scoped
  WINDOW earlier AS (PARTITION BY visitor, session_id ORDER BY utc_at, event_id)
),
numbered AS (
  SELECT *, CASE
      WHEN session_id IS NOT NULL THEN concat_ws('/', visitor, session_id)
      WHEN visitor IS NOT NULL THEN concat_ws('/', visitor, '#', sum(begins) OVER so_far)
    END AS visit
  FROM gaps
  WINDOW so_far AS (PARTITION BY visitor, session_id ORDER BY utc_at, event_id ROWS UNBOUNDED PRECEDING)
),
visited AS (
  SELECT *,
    first_value(source) OVER (PARTITION BY coalesce(visit, event_id) ORDER BY utc_at, event_id) AS visit_source,
    {_local(zone, dates)} AS local_at
  FROM numbered
)
SELECT
  {("," + chr(10) + "  ").join(columns)}
FROM visited
WHERE {" AND ".join(counted)}{group}
ORDER BY {order}
LIMIT {limit} OFFSET {offset}"""
    return Statement(sql, bound.values)


def _order(query: QueryRequest) -> str:
    """As asked; else by time where time is the first dimension, else the first metric falling. Ties by dimension."""
    asked = [f'"{name}" {direction}' for name, direction in query.order_by]
    if not asked and not (query.dimensions and query.dimensions[0].startswith("time:")):
        asked = [f'"{query.metrics[0]}" desc']
    return ", ".join([*asked, *(f'"{name}" asc' for name in query.dimensions)])


def _condition(given: Filter, bound: _Parameters) -> str:
    if isinstance(given, Group):
        inner = [_condition(each, bound) for each in given.filters]
        if given.operator == "not":
            return f"NOT {inner[0]}"
        return f"({f' {given.operator.upper()} '.join(inner)})"
    return _clause(given, bound)


def _clause(clause: Clause, bound: _Parameters) -> str:
    column = DIMENSIONS[clause.dimension].sql
    placeholders: Sequence[str] = [bound.add("value", value) for value in clause.values]
    if clause.operator.startswith("is"):
        condition = f"{column} IN ({', '.join(placeholders)})"
    else:
        condition = f"({' OR '.join(f'contains({column}, {placeholder})' for placeholder in placeholders)})"
    return f"NOT {condition}" if clause.operator.endswith("_not") else condition


def _local(zone: ZoneInfo, dates: tuple[date, date]) -> str:
    """The site's wall clock, from `utc_at`. The engine has no time zones, so their changes stand in the statement."""
    changes = offsets(zone, *dates)
    if all(seconds == 0 for _, seconds in changes):
        return "utc_at"
    branches = "".join(
        f" WHEN utc_at >= TIMESTAMP '{_naive(moment)}' THEN utc_at + INTERVAL {seconds} SECOND"
        for moment, seconds in reversed(changes[1:])
        if moment is not None
    )
    first = f"utc_at + INTERVAL {changes[0][1]} SECOND"
    return f"CASE{branches} ELSE {first} END" if branches else first


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def dates_of(span: TimeRange, held: tuple[date, date]) -> tuple[date, date]:
    """The event dates to read: those of the range and one day before it, within what the table holds."""
    first = held[0] if span.start is None else max(held[0], span.start.date() - timedelta(days=1))
    last = held[1] if span.end is None else min(held[1], span.end.date())
    return first, last
