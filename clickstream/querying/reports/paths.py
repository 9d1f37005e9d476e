"""Paths: what visitors do after a page or an event, or before it."""

from __future__ import annotations

from clickstream.querying.reports.report import (
    Column,
    ColumnType,
    Parameter,
    Report,
    ReportContext,
    Rows,
    one_of,
    short_text,
    switch,
    whole_number,
)
from clickstream.querying.reports.statements import goal_of, invalid_parameter, run_statement, slice_of
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.paths import MAX_BRANCHES, MAX_LENGTH, MIN_LENGTH, Direction, paths_statement
from clickstream.sites.funnels import Within

COLUMNS = (
    Column("step", ColumnType.INTEGER, "Number of events in the path."),
    Column(
        "path",
        ColumnType.TEXTS,
        "Its events, as `page /cart` and `event purchase`; the last may be `other`, or `end` if nothing follows.",
    ),
    Column("kind", ColumnType.TEXT, "Kind of the last event: `page`, `event`, `other` or `end`."),
    Column("label", ColumnType.TEXT, "Label of the last event: the page's path or the event's name."),
    Column("reached", ColumnType.INTEGER, "Visits, visitors or persons that took the path."),
    Column("times", ColumnType.INTEGER, "How often they took it."),
)
STARTS = ("page", "event", "goal")


def _start(context: ReportContext) -> Matching | None:
    given = [name for name in STARTS if context.own[name] is not None]
    if len(given) > 1:
        raise invalid_parameter(given[1], f"paths begin with one of {', '.join(STARTS)}")
    if context.own["goal"] is not None:
        return goal_of(context).matching
    return Matching(context.own["event"], context.own["page"]) if given else None


def _paths(context: ReportContext) -> Rows:
    statement = paths_statement(
        slice_of(context),
        _start(context),
        direction=Direction(context.own["direction"]),
        within=Within(context.own["within"]),
        length=context.own["length"],
        branches=context.own["branches"],
        fold_repeats=context.own["fold_repeats"],
        limit=context.engine.limit(context.query),
    )
    return run_statement(context, COLUMNS, statement)


PATHS = Report(
    "paths",
    "Paths that follow a page, an event or a goal, or that lead to it, as [sequences.md](sequences.md) defines them; "
    "without one of these, paths from the start of visits.",
    COLUMNS,
    _paths,
    frozenset({"date_range", "filters"}),
    (
        Parameter("page", "Paths begin with views of this page; `*` matches any text.", short_text),
        Parameter("event", "Paths begin with events of this name.", short_text),
        Parameter("goal", "Paths begin with events of this goal.", short_text),
        Parameter("direction", "`forward`, or `backward`: what came before.", one_of(*Direction), Direction.FORWARD),
        Parameter(
            "within", "Whose events are followed: `visit`, `visitor` or `person`.", one_of(*Within), Within.VISIT
        ),
        Parameter(
            "length",
            f"Number of events in the longest paths, from {MIN_LENGTH} to {MAX_LENGTH}.",
            whole_number(MIN_LENGTH, MAX_LENGTH),
            "4",
        ),
        Parameter(
            "branches",
            f"Number of branches that continue each path, at most {MAX_BRANCHES}; the rest are `other`.",
            whole_number(1, MAX_BRANCHES),
            "10",
        ),
        Parameter("fold_repeats", "`1`: equal events in a row count as one.", switch, "0"),
    ),
)
