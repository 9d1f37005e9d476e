"""The relation `stays`: visits as they are counted, a row for each; and marks of what visit files make faster.

It sums up the events of `visited` in the period by visit and, if a time is a dimension, by that: then a visit has a row
for each of these times in it. A question about visits as a whole reads nothing else, and visit files (see
visit_files.py) have these rows ready.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clickstream.filters.dimensions import DIMENSIONS, Kind
from clickstream.querying.visitors import IN_PERIOD
from clickstream.querying.visits import ARRIVAL, PLACES_AND_DEVICES

# Columns that have one value for a visit, and those that sum up its events.
ATTRIBUTES = (
    *("visit", "visitor_key", "visit_bounced", "visit_begun", "visit_ended"),
    *("visit_entry_page", "visit_exit_page", "visit_source", "visit_arrives"),
    *(f"arrival_{name}" for name in ARRIVAL),
    *(f"visit_{name}" for name in PLACES_AND_DEVICES),
)
SUMS: Mapping[str, str] = {
    "occurred_at": "min(occurred_at)",
    "moment_place": "arg_min(moment_place, visit_place)",
    "events": "count(*)",
    "views": "count(*) FILTER (event_type = 'page_view')",
}
COLUMNS = (*SUMS, *ATTRIBUTES)
# The columns of metrics (`Metric.parts`) as a stay has them.
PARTS: Mapping[str, str] = {
    "views": "views",
    "events": "events",
    "bounced": "visit_bounced",
    "visit_us": "epoch_us(visit_ended) - epoch_us(visit_begun)",
}
# A statement over stays may have a relation of this name: a few events of `visited`, which nothing before it reads.
FEW = "converting"
_FEW = f"{FEW} AS NOT MATERIALIZED ("
# The rows of a relation of this name follow from each visit alone: those of some visits and those of all others add up.
OF_EACH_VISIT = "of_each_visit"
_GROUPED, _NEXT, _END = "    GROUP BY visit_key", ",\n        ", "\n),\n"
_STAYS = re.compile(rf"stays AS \(\n.*?{_END.replace(')', '[)]')}", re.S)
_COLUMN = re.compile(r" AS (\w+),?\n")
# Times of which a visit's events have the same one if its first and its last have.
TIMES = (Kind.HOUR, Kind.DAY, Kind.WEEK, Kind.MONTH)
_TIMES = {dimension.sql: dimension.kind for dimension in DIMENSIONS.values() if dimension.kind in TIMES}


@dataclass(frozen=True, slots=True)
class Stays:
    """The relation as a statement has it: its text, the names of its columns, and SQL of its times."""

    text: str
    columns: tuple[str, ...]
    times: tuple[str, ...]


def reading_few(sql: str) -> str | None:
    """What a statement over stays has from its few events on; None if it reads none."""
    _, relation, rest = sql.partition(_FEW)
    return rest if relation else None


def finding_few_once(sql: str) -> str:
    """The statement with its few events in memory."""
    return sql.replace(_FEW, _FEW.replace("NOT ", ""), 1)


def split_of_each_visit(sql: str) -> tuple[str, str] | None:
    """A statement, without the relations that it began with, in two parts: its relations up to `OF_EACH_VISIT`, and the
    rest; None if it has no such relation.
    """
    before, relation, after = sql.partition(f"{OF_EACH_VISIT} AS (\n")
    if not relation:
        return None
    body, end, rest = after.partition(_END)
    return f"{before}{relation}{body}{end}", rest


@dataclass(frozen=True, slots=True)
class Times:
    """SQL of the times by which a visit has several rows, in a time zone."""

    each: tuple[str, ...]
    zone: object

    @property
    def are_days_of_utc(self) -> bool:
        return not self.each or (self.zone == "UTC" and all(_TIMES[sql] is not Kind.HOUR for sql in self.each))


def stays(columns: Iterable[str], times: Iterable[str]) -> str:
    """The common table expression, to follow `visited`, with these of `COLUMNS`; `times` are dimensions' SQL."""
    named = _NEXT.join(["visit_key", *map(aggregate, columns)])
    by = _NEXT.join([_GROUPED, *times])
    return f"stays AS (\n    SELECT\n        {named}\n    FROM visited\n    WHERE {IN_PERIOD}\n{by}{_END}".removesuffix(
        ",\n"
    )


def stays_for(rest: str, times: Iterable[str] = ()) -> str:
    """The same with those of `COLUMNS` that the rest of the statement uses."""
    words = frozenset(re.findall(r"\w+", rest))
    return stays([name for name in COLUMNS if name in words], times)


def stays_of(sql: str) -> Stays | None:
    """The relation in a statement."""
    if (found := _STAYS.search(sql)) is None:
        return None
    text = found[0]
    selected, _, by = text.removesuffix(_END).partition(_GROUPED)
    return Stays(text, ("visit_key", *_COLUMN.findall(selected)), tuple(by.split(_NEXT)[1:]))


def aggregate(column: str) -> str:
    """SQL for a column, over the events of a visit."""
    return f"{SUMS.get(column, f'any_value({column})')} AS {column}"
