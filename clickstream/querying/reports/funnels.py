"""Funnels: of the site's document, or stated with the question; and who stands behind their numbers."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from clickstream.querying.dimensions import Dimension
from clickstream.querying.reports.report import (
    Asked,
    Column,
    ColumnType,
    Parameter,
    Report,
    Rows,
    read_json,
    short_text,
    switch,
    text_dimension,
    whole_number,
)
from clickstream.querying.reports.statements import LIMITS, ask, refused, slice_of
from clickstream.querying.sequences.definition import Sequence, funnels_of
from clickstream.querying.sequences.funnels import funnel_statement, funnel_visits_statement
from clickstream.sites.funnels import MAX_STEPS, Funnel, funnel_problems
from clickstream.sites.problems import pointer, told

STATED = "asked"
FUNNEL_COLUMNS = (
    Column("step", ColumnType.INTEGER, "Its number, from 1."),
    Column("name", ColumnType.TEXT, "What it is called: its goal, event or page."),
    Column("reached", ColumnType.INTEGER, "Visits, visitors or persons that came to it."),
    Column("dropped", ColumnType.INTEGER, "Those of them that did not come to the next."),
    Column("percent_of_first", ColumnType.NUMBER, "Reached, in percent of those at the first step."),
    Column("percent_of_previous", ColumnType.NUMBER, "Reached, in percent of those at the step before."),
    Column("median_seconds", ColumnType.NUMBER, "Time since the step before: half took less."),
    Column("mean_seconds", ColumnType.NUMBER, "Time since the step before, the mean."),
)
VISIT_COLUMNS = (
    Column("visitor", ColumnType.TEXT, "The visitor, or the person where the funnel follows persons."),
    Column("started_at", ColumnType.MOMENT, "When the first step was taken."),
    Column("reached", ColumnType.INTEGER, "Number of the last step that was reached."),
    Column("seconds", ColumnType.NUMBER, "From the first step to that one."),
    Column("event_ids", ColumnType.TEXTS, "The event of each step, by which `visit_events` finds the visit."),
)


def _stated(text: str) -> Funnel:
    """A funnel as in a site's document, but for its name."""
    written = read_json(text, '{"steps": [{"page": "/cart"}, {"event": "buy"}]}')
    if not isinstance(written, dict):
        raise ValueError("must be an object with `steps`")
    try:
        return Funnel.model_validate({**written, "name": STATED})
    except ValidationError as error:
        raise ValueError("; ".join(told(error))) from None


FUNNEL_PARAMETERS = (
    Parameter("funnel", "Name of one of the site's funnels.", short_text),
    Parameter(
        "definition",
        "In place of a name, a funnel as in [sites.md](sites.md), in JSON and without its name.",
        _stated,
    ),
    Parameter("by", "A dimension of [query.md](query.md) that holds texts.", text_dimension),
)


def _sequence(asked: Asked) -> Sequence:
    name, stated = asked.own["funnel"], asked.own["definition"]
    if (name is None) is (stated is None):
        raise refused("funnel", "is required, or a definition in its place, and not both")
    if stated is not None:
        for place, message in funnel_problems((stated,), asked.scope.goals):
            raise refused(f"definition{pointer(place[1:])}", message)
        return funnels_of(asked.site.model_copy(update={"funnels": (stated,)}))[STATED].sequence
    known = asked.scope.funnels
    if name not in known:
        raise refused("funnel", f"no funnel is called {name[:100]!r}; known are {', '.join(known) or 'none'}")
    return known[name].sequence


def _funnel(asked: Asked) -> Rows:
    by: Dimension | None = asked.own["by"]
    dimensions = () if by is None else (by,)
    statement = funnel_statement(_sequence(asked), slice_of(asked), dimensions)
    groups = [
        Column(dimension.name.partition(":")[2], ColumnType.TEXT, dimension.description) for dimension in dimensions
    ]
    return ask(asked, (*groups, *FUNNEL_COLUMNS), statement)


def _funnel_visits(asked: Asked) -> Rows:
    own: dict[str, Any] = dict(asked.own)
    by, value = own["by"], own["value"]
    if (by is None) is not (value is None):
        raise refused("value", "is needed with `by`, and only then")
    sequence = _sequence(asked)
    if own["step"] > len(sequence.steps):
        raise refused("step", f"the funnel has {len(sequence.steps)} steps")
    page = asked.query().pagination
    statement = funnel_visits_statement(
        sequence,
        slice_of(asked),
        own["step"],
        dropped=own["dropped"],
        group=None if by is None else {by: value},
        limit=asked.engine.limit(page.limit),
        offset=page.offset,
    )
    return ask(asked, VISIT_COLUMNS, statement)


FUNNEL = Report(
    "funnel",
    "How many came to each step, as [sequences.md](sequences.md) counts them: a row for each step; with `by`, one for "
    "each step of each of the greatest groups, with the group's value as first column.",
    FUNNEL_COLUMNS,
    _funnel,
    frozenset({"date_range", "filters"}),
    FUNNEL_PARAMETERS,
)
FUNNEL_VISITS = Report(
    "funnel_visits",
    "Who stands behind a number of the funnel, the latest first.",
    VISIT_COLUMNS,
    _funnel_visits,
    frozenset({"filters", *LIMITS}),
    (
        *FUNNEL_PARAMETERS,
        Parameter("value", "With `by`, the value of the group.", short_text),
        Parameter("step", "Those that came to the step of this number.", whole_number(1, MAX_STEPS), "1"),
        Parameter("dropped", "`1`: of these, those that did not come to the next.", switch, "0"),
    ),
    personal=True,
)
