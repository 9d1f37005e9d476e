"""Paths: what visitors do after a page or an event, or before it."""

from __future__ import annotations

from clickstream.querying.reports.report import (
    Asked,
    Column,
    ColumnType,
    Parameter,
    Report,
    Rows,
    one_of,
    short_text,
    switch,
    whole_number,
)
from clickstream.querying.reports.statements import ask, goal_of, refused, slice_of
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.paths import MAX_BRANCHES, MAX_LENGTH, MIN_LENGTH, Direction, paths_statement
from clickstream.sites.funnels import Within

COLUMNS = (
    Column("step", ColumnType.INTEGER, "How many events the path has."),
    Column(
        "path",
        ColumnType.TEXTS,
        "These, as `page /cart` and `event purchase`; the last may be `other`, or `end` where nothing follows.",
    ),
    Column("kind", ColumnType.TEXT, "Of the last of them: `page`, `event`, `other` or `end`."),
    Column("label", ColumnType.TEXT, "Of the last of them: the page's path or the event's name."),
    Column("reached", ColumnType.INTEGER, "Visits, visitors or persons that went it."),
    Column("times", ColumnType.INTEGER, "How often they did."),
)
STARTS = ("page", "event", "goal")


def _start(asked: Asked) -> Matching | None:
    given = [name for name in STARTS if asked.own[name] is not None]
    if len(given) > 1:
        raise refused(given[1], f"paths begin with one of {', '.join(STARTS)}")
    if asked.own["goal"] is not None:
        return goal_of(asked).matching
    return Matching(asked.own["event"], asked.own["page"]) if given else None


def _paths(asked: Asked) -> Rows:
    statement = paths_statement(
        slice_of(asked),
        _start(asked),
        direction=Direction(asked.own["direction"]),
        within=Within(asked.own["within"]),
        length=asked.own["length"],
        branches=asked.own["branches"],
        fold_repeats=asked.own["fold_repeats"],
    )
    return ask(asked, COLUMNS, statement)


PATHS = Report(
    "paths",
    "Ways on from a page, an event or a goal, or back from it, as [sequences.md](sequences.md) follows them; without "
    "one, ways from where visits begin.",
    COLUMNS,
    _paths,
    frozenset({"date_range", "filters"}),
    (
        Parameter("page", "Paths begin with views of this page; `*` stands for any text.", short_text),
        Parameter("event", "Paths begin with events of this name.", short_text),
        Parameter("goal", "Paths begin with events of this goal of the site's.", short_text),
        Parameter("direction", "`forward`, or `backward`: what came before.", one_of(*Direction), Direction.FORWARD),
        Parameter(
            "within", "Whose events are followed: `visit`, `visitor` or `person`.", one_of(*Within), Within.VISIT
        ),
        Parameter(
            "length",
            f"Events of the longest paths, from {MIN_LENGTH} to {MAX_LENGTH}.",
            whole_number(MIN_LENGTH, MAX_LENGTH),
            "4",
        ),
        Parameter(
            "branches",
            f"Ways that lead on from each path, at most {MAX_BRANCHES}; the rest are `other`.",
            whole_number(1, MAX_BRANCHES),
            "10",
        ),
        Parameter("fold_repeats", "`1`: alike events in a row are one.", switch, "0"),
    ),
)
