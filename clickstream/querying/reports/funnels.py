"""Funnels of the site's document or of the request, and the visits behind their numbers."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from clickstream.filters.dimensions import Dimension
from clickstream.problems import pointer, problem_lines
from clickstream.querying.goals import sequence_of
from clickstream.querying.reports.report import (
    Column,
    ColumnType,
    Parameter,
    Report,
    ReportContext,
    Rows,
    read_json,
    short_text,
    switch,
    text_dimension,
    whole_number,
)
from clickstream.querying.reports.statements import LIMITS, invalid_parameter, run_statement, slice_of
from clickstream.querying.scope import Sequence
from clickstream.querying.sequences.funnels import funnel_statement, funnel_visits_statement
from clickstream.sites.funnels import MAX_STEPS, Funnel, funnel_problems

AD_HOC_NAME = "definition"
FUNNEL_COLUMNS = (
    Column("step", ColumnType.INTEGER, "Number of the step, from 1."),
    Column("name", ColumnType.TEXT, "Name of the step: its goal, event or page."),
    Column("reached", ColumnType.INTEGER, "Visits, visitors or persons that reached the step."),
    Column("dropped", ColumnType.INTEGER, "Those of them that did not reach the next step."),
    Column("percent_of_first", ColumnType.NUMBER, "Reached, in percent of those at the first step."),
    Column("percent_of_previous", ColumnType.NUMBER, "Reached, in percent of those at the step before."),
    Column("median_seconds", ColumnType.NUMBER, "Median time since the step before."),
    Column("mean_seconds", ColumnType.NUMBER, "Mean time since the step before."),
)
VISIT_COLUMNS = (
    Column("visitor", ColumnType.TEXT, "The visitor; the person if the funnel follows persons."),
    Column("started_at", ColumnType.MOMENT, "Time of the first step."),
    Column("reached", ColumnType.INTEGER, "Number of the last step that was reached."),
    Column("seconds", ColumnType.NUMBER, "Time from the first step to that one."),
    Column("event_ids", ColumnType.TEXTS, "`event_id` of each step; `visit_events` takes any of them."),
)


def _read_definition(text: str) -> Funnel:
    """Parse a funnel of a site's document without its name. Raise ValueError with every problem."""
    written = read_json(text, '{"steps": [{"page": "/cart"}, {"event": "buy"}]}')
    if not isinstance(written, dict):
        raise ValueError("must be an object with `steps`")
    try:
        return Funnel.model_validate({**written, "name": AD_HOC_NAME})
    except ValidationError as error:
        raise ValueError("; ".join(problem_lines(error))) from None


FUNNEL_PARAMETERS = (
    Parameter("funnel", "Name of one of the site's funnels.", short_text),
    Parameter(
        "definition",
        "Instead of a name: a funnel as in [sites.md](sites.md), in JSON and without its name.",
        _read_definition,
    ),
    Parameter("by", "A dimension of [query.md](query.md) that holds texts.", text_dimension),
)


def _sequence(context: ReportContext) -> Sequence:
    name, definition = context.own["funnel"], context.own["definition"]
    if (name is None) is (definition is None):
        raise invalid_parameter("funnel", "is required, or a definition in its place, and not both")
    if definition is not None:
        for place, message in funnel_problems((definition,), context.site.goals):
            raise invalid_parameter(f"definition{pointer(place[1:])}", message)
        return sequence_of(definition, definition.within, context.site.goals)
    funnels = context.site.funnels
    if name not in funnels:
        raise invalid_parameter(
            "funnel", f"no funnel is called {name[:100]!r}; known are {', '.join(funnels) or 'none'}"
        )
    return funnels[name].sequence


def _funnel(context: ReportContext) -> Rows:
    by: Dimension | None = context.own["by"]
    dimensions = () if by is None else (by,)
    statement = funnel_statement(_sequence(context), slice_of(context), dimensions)
    groups = [
        Column(dimension.name.partition(":")[2], ColumnType.TEXT, dimension.description) for dimension in dimensions
    ]
    return run_statement(context, (*groups, *FUNNEL_COLUMNS), statement)


def _funnel_visits(context: ReportContext) -> Rows:
    own: dict[str, Any] = dict(context.own)
    by, value = own["by"], own["value"]
    if (by is None) is not (value is None):
        raise invalid_parameter("value", "is needed with `by`, and only then")
    sequence = _sequence(context)
    if own["step"] > len(sequence.steps):
        raise invalid_parameter("step", f"the funnel has {len(sequence.steps)} steps")
    statement = funnel_visits_statement(
        sequence,
        slice_of(context),
        own["step"],
        dropped=own["dropped"],
        group=None if by is None else {by: value},
        limit=context.engine.limit(context.query),
        offset=context.query.pagination.offset,
    )
    return run_statement(context, VISIT_COLUMNS, statement)


FUNNEL = Report(
    "funnel",
    "How many reached each step, as [sequences.md](sequences.md) defines it: a row for each step; with `by`, one for "
    "each step of each of the largest groups, with the group's value as first column.",
    FUNNEL_COLUMNS,
    _funnel,
    frozenset({"date_range", "filters"}),
    FUNNEL_PARAMETERS,
)
FUNNEL_VISITS = Report(
    "funnel_visits",
    "The visits, visitors or persons behind a number of the funnel, the latest first.",
    VISIT_COLUMNS,
    _funnel_visits,
    frozenset({"filters", *LIMITS}),
    (
        *FUNNEL_PARAMETERS,
        Parameter("value", "With `by`, the value of the group.", short_text),
        Parameter("step", "Those that reached the step of this number.", whole_number(1, MAX_STEPS), "1"),
        Parameter("dropped", "`1`: of these, those that did not reach the next step.", switch, "0"),
    ),
    personal=True,
)
