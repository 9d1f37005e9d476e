"""Retention, visit frequency, and the attribution of conversions to visits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import ValidationError

from clickstream.filters.dimensions import Dimension
from clickstream.problems import problem_lines
from clickstream.querying.currencies import currency_meta
from clickstream.querying.goals import step_of
from clickstream.querying.reports.breakdowns import CURRENCY_COLUMN
from clickstream.querying.reports.report import (
    Column,
    ColumnType,
    Parameter,
    Report,
    ReportContext,
    Rows,
    one_of,
    read_json,
    short_text,
    text_dimension,
    whole_number,
)
from clickstream.querying.reports.statements import LIMITS, goal_of, invalid_parameter, run_statement, slice_of
from clickstream.querying.scope import Matching
from clickstream.querying.sequences.attribution import (
    MAX_WINDOW,
    Model,
    attributed_period,
    attribution_statement,
)
from clickstream.querying.sequences.retention import Unit, frequency_statement, retention_statement
from clickstream.sites.funnels import FunnelStep, Within, duration

RETENTION_COLUMNS = (
    Column("cohort", ColumnType.DATE, "First day of the unit in which the cohort's members first came."),
    Column("size", ColumnType.INTEGER, "Number of members."),
    Column("units_later", ColumnType.INTEGER, "Number of units since then, from 0."),
    Column("reached", ColumnType.INTEGER, "Number of members that came in that unit."),
    Column("percent", ColumnType.NUMBER, "The same in percent of the cohort."),
)
FREQUENCY_COLUMNS = (
    Column("visits", ColumnType.INTEGER, "Number of visits; the greatest number includes all greater ones."),
    Column("reached", ColumnType.INTEGER, "Number of visitors or persons with so many visits."),
    Column("percent", ColumnType.NUMBER, "The same in percent of all."),
)
SHARE_COLUMNS = (
    Column("conversions", ColumnType.NUMBER, "Sum of the conversions' shares that are attributed to such visits."),
    Column("revenue", ColumnType.NUMBER, "The same shares of the conversions' revenue."),
)


def _step(text: str) -> FunnelStep:
    """Parse a step of a funnel of a site's document. Raise ValueError with every problem."""
    try:
        return FunnelStep.model_validate(read_json(text, '{"event": "signup"}'))
    except ValidationError as error:
        raise ValueError("; ".join(problem_lines(error))) from None


def _matching(context: ReportContext, name: str) -> Matching | None:
    step: FunnelStep | None = context.own[name]
    if step is None:
        return None
    if step.goal is not None and step.goal not in context.site.goals:
        names = ", ".join(context.site.goals) or "none"
        raise invalid_parameter(f"{name}/goal", f"no goal is called {step.goal!r}; known are {names}")
    return step_of(step, context.site.goals).matching


def _window(text: str) -> timedelta:
    window = duration(text)
    if window > MAX_WINDOW:
        raise ValueError(f"must be at most {MAX_WINDOW.days}d")
    return window


def _retention(context: ReportContext) -> Rows:
    statement = retention_statement(
        slice_of(context),
        Unit(context.own["unit"]),
        within=Within(context.own["within"]),
        start=_matching(context, "start"),
        back=_matching(context, "back"),
    )
    return run_statement(context, RETENTION_COLUMNS, statement)


def _frequency(context: ReportContext) -> Rows:
    within, most = Within(context.own["within"]), context.own["most"]
    return run_statement(context, FREQUENCY_COLUMNS, frequency_statement(slice_of(context), within=within, most=most))


def _attribution(context: ReportContext) -> Rows:
    by: Dimension = context.own["by"]
    window: timedelta = context.own["window"]
    statement = attribution_statement(
        slice_of(context),
        goal_of(context),
        (by,),
        model=Model(context.own["model"]),
        window=window,
        within=Within(context.own["within"]),
        limit=context.engine.limit(context.query),
        offset=context.query.pagination.offset,
    )
    group = Column(by.name.partition(":")[2], ColumnType.TEXT, by.description)
    read = attributed_period(context.period, window)
    result = run_statement(context, (group, *SHARE_COLUMNS, CURRENCY_COLUMN), statement, period=read)
    currencies = result.rows[0][-1] if result.rows else ()
    money_meta = currency_meta(currencies, context.site, by_currency=False)
    return replace(
        result,
        rows=[[*row[:-1], money_meta["currency"]] for row in result.rows],
        meta={**result.meta, **money_meta},
    )


_WITHIN = Parameter(
    "within", "Whose events are followed: `visitor` or `person`.", one_of(Within.VISITOR, Within.PERSON), Within.VISITOR
)
RETENTION = Report(
    "retention",
    "How many members of each cohort came back, unit by unit: see [sequences.md](sequences.md).",
    RETENTION_COLUMNS,
    _retention,
    frozenset({"date_range", "filters"}),
    (
        Parameter("unit", "`day`, `week` or `month`.", one_of(*Unit), Unit.WEEK),
        Parameter(
            "start",
            "Events that make a member of a cohort, as a step of a funnel in [sites.md](sites.md), in JSON: "
            '`{"event": "signup"}`; without it, any event.',
            _step,
        ),
        Parameter("back", "Events that count as coming back, likewise; without it, any event.", _step),
        _WITHIN,
    ),
)
FREQUENCY = Report(
    "frequency",
    "Number of visitors with one visit, two visits and so on: see [sequences.md](sequences.md).",
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
    "Conversions, attributed to the visits that led to them and grouped by a dimension of these: see "
    "[sequences.md](sequences.md).",
    (
        Column("channel", ColumnType.TEXT, "The dimension's value; the column has the dimension's name."),
        *SHARE_COLUMNS,
        CURRENCY_COLUMN,
    ),
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
            "Maximum time from the start of a visit to the conversion: as `90s`, `30m`, `12h` or `7d`.",
            _window,
            "30d",
        ),
        _WITHIN,
    ),
)
