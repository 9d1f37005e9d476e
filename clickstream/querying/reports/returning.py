"""Who comes back, how often, and which visits are to be thanked for what they do in the end."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ValidationError

from clickstream.querying.dimensions import Dimension
from clickstream.querying.reports.report import (
    Asked,
    Column,
    ColumnType,
    Parameter,
    Report,
    Rows,
    one_of,
    read_json,
    short_text,
    text_dimension,
    whole_number,
)
from clickstream.querying.reports.statements import LIMITS, ask, goal_of, refused, slice_of
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.attribution import (
    MAX_WINDOW,
    Model,
    attributed_period,
    attribution_statement,
)
from clickstream.querying.sequences.definition import step_of
from clickstream.querying.sequences.retention import Unit, frequency_statement, retention_statement
from clickstream.sites.funnels import FunnelStep, Within, duration
from clickstream.sites.problems import told

RETENTION_COLUMNS = (
    Column("cohort", ColumnType.DATE, "The day, or first day, of the unit in which they first came."),
    Column("size", ColumnType.INTEGER, "How many they are."),
    Column("units_later", ColumnType.INTEGER, "How many units later, from 0."),
    Column("reached", ColumnType.INTEGER, "How many of them came then."),
    Column("percent", ColumnType.NUMBER, "The same in percent of them."),
)
FREQUENCY_COLUMNS = (
    Column("visits", ColumnType.INTEGER, "How many visits; the greatest number stands for more, too."),
    Column("reached", ColumnType.INTEGER, "How many visitors or persons made so many."),
    Column("percent", ColumnType.NUMBER, "The same in percent of all."),
)
SHARE_COLUMNS = (
    Column("conversions", ColumnType.NUMBER, "Conversions, each in the part that is due to such visits."),
    Column("revenue", ColumnType.NUMBER, "What they are worth, in the same part."),
)


def _step(text: str) -> FunnelStep:
    """A step as in a funnel of a site's document."""
    try:
        return FunnelStep.model_validate(read_json(text, '{"event": "signup"}'))
    except ValidationError as error:
        raise ValueError("; ".join(told(error))) from None


def _matching(asked: Asked, name: str) -> Matching | None:
    step: FunnelStep | None = asked.own[name]
    if step is None:
        return None
    if step.goal is not None and step.goal not in asked.scope.goals:
        known = ", ".join(asked.scope.goals) or "none"
        raise refused(f"{name}/goal", f"no goal is called {step.goal!r}; known are {known}")
    return step_of(step, asked.scope.goals).matching


def _window(text: str) -> timedelta:
    window = duration(text)
    if window > MAX_WINDOW:
        raise ValueError(f"must be at most {MAX_WINDOW.days}d")
    return window


def _retention(asked: Asked) -> Rows:
    statement = retention_statement(
        slice_of(asked),
        Unit(asked.own["unit"]),
        within=Within(asked.own["within"]),
        start=_matching(asked, "start"),
        back=_matching(asked, "back"),
    )
    return ask(asked, RETENTION_COLUMNS, statement)


def _frequency(asked: Asked) -> Rows:
    within, most = Within(asked.own["within"]), asked.own["most"]
    return ask(asked, FREQUENCY_COLUMNS, frequency_statement(slice_of(asked), within=within, most=most))


def _attribution(asked: Asked) -> Rows:
    by: Dimension = asked.own["by"]
    window: timedelta = asked.own["window"]
    page = asked.query().pagination
    statement = attribution_statement(
        slice_of(asked),
        goal_of(asked),
        (by,),
        model=Model(asked.own["model"]),
        window=window,
        within=Within(asked.own["within"]),
        limit=asked.engine.limit(page.limit),
        offset=page.offset,
    )
    group = Column(by.name.partition(":")[2], ColumnType.TEXT, by.description)
    return ask(asked, (group, *SHARE_COLUMNS), statement, period=attributed_period(asked.period, window))


_WITHIN = Parameter(
    "within", "Who is followed: `visitor` or `person`.", one_of(Within.VISITOR, Within.PERSON), Within.VISITOR
)
RETENTION = Report(
    "retention",
    "How many of those who first came at one time came back, unit by unit: see [sequences.md](sequences.md).",
    RETENTION_COLUMNS,
    _retention,
    frozenset({"date_range", "filters"}),
    (
        Parameter("unit", "`day`, `week` or `month`.", one_of(*Unit), Unit.WEEK),
        Parameter(
            "start",
            'Events that begin it, as a step of a funnel in [sites.md](sites.md), in JSON: `{"event": "signup"}`; '
            "without it, any.",
            _step,
        ),
        Parameter("back", "Events that say who is back, likewise; without it, any.", _step),
        _WITHIN,
    ),
)
FREQUENCY = Report(
    "frequency",
    "How many visitors made one visit, two visits and so on: see [sequences.md](sequences.md).",
    FREQUENCY_COLUMNS,
    _frequency,
    frozenset({"date_range", "filters"}),
    (
        Parameter("most", "The greatest number of visits that has a row of its own.", whole_number(1, 1000), "10"),
        _WITHIN,
    ),
)
ATTRIBUTION = Report(
    "attribution",
    "Conversions, shared out among the visits that led to them, by where these came from: see "
    "[sequences.md](sequences.md).",
    (Column("channel", ColumnType.TEXT, "The dimension's value; the column has the dimension's name."), *SHARE_COLUMNS),
    _attribution,
    frozenset({"filters", *LIMITS}),
    (
        Parameter(
            "goal", "Name of one of the site's goals: its events are the conversions.", short_text, required=True
        ),
        Parameter("by", "A dimension of the visits that holds texts.", text_dimension, "visit:channel"),
        Parameter("model", "`first`, `last`, `linear` or `position`.", one_of(*Model), Model.LAST),
        Parameter(
            "window",
            "How long before it a visit may have begun: as `90s`, `30m`, `12h` or `7d`.",
            _window,
            "30d",
        ),
        _WITHIN,
    ),
)
