"""The visits behind any number, and the events of one of them."""

from __future__ import annotations

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.identity.persons import RELATION as PERSONS
from clickstream.identity.persons import looks_at_people, persons
from clickstream.querying.conditions import ask_for_bots, conditions
from clickstream.querying.reports.report import Column, ColumnType, Parameter, Report, ReportContext, Rows, short_text
from clickstream.querying.reports.statements import LIMITS, page, parameters_of, run_statement, visited
from clickstream.querying.revenue import RELATION, looks_at_money, paid
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import IN_ORDER, IN_PERIOD

DESCRIBED = (
    "visit:entry_page", "visit:exit_page", "visit:source_name", "visit:medium", "visit:channel", "visit:country",
    "visit:device", "visit:browser", "visit:os",
)  # fmt: skip


def _name(dimension: str) -> str:
    return dimension.partition(":")[2]


VISIT_COLUMNS = (
    Column("visit", ColumnType.TEXT, "`event_id` of the visit's first event; `visit_events` takes it."),
    Column("visitor", ColumnType.TEXT, "As in [visits.md](visits.md#visitors); null for visitors who denied consent."),
    Column("user_id", ColumnType.TEXT, "The known person, if an event of the visit names one."),
    Column("began_at", ColumnType.MOMENT, "When the visitor first did something in it."),
    Column("ended_at", ColumnType.MOMENT, "When it ended, as for `visit_duration`."),
    Column("pageviews", ColumnType.INTEGER, "Number of its events of type `page_view`."),
    Column("events", ColumnType.INTEGER, "Number of its events of every type."),
    *(Column(_name(name), ColumnType.TEXT, f"`{name}`, as in [query.md](query.md).") for name in DESCRIBED),
)
EVENT_COLUMNS = (
    Column("event_id", ColumnType.TEXT, "Column of `events`, as are all of these."),
    Column("occurred_at", ColumnType.MOMENT, "When it happened."),
    Column("event_type", ColumnType.TEXT, "Its type."),
    Column("event_name", ColumnType.TEXT, "Its name."),
    Column("page_host", ColumnType.TEXT, "Host of its page."),
    Column("page_path", ColumnType.TEXT, "Path of its page."),
    Column("page_title", ColumnType.TEXT, "Title of its page."),
    Column("referrer", ColumnType.TEXT, "The address that led there."),
    Column("properties", ColumnType.TEXT, "Its properties, as JSON."),
    Column("dialect", ColumnType.TEXT, "The protocol it arrived in."),
)


def visits_statement(context: ReportContext) -> Statement:
    """One row for each visit with an event of the period that meets the filters, the newest first.

    The visits of the page are selected first; their columns are computed for them alone, since that costs more.
    """
    parameters = parameters_of(context)
    query = context.query
    limit, offset = parameters.bind(context.engine.limit(query)), parameters.bind(query.pagination.offset)
    where = " AND ".join(["visit IS NOT NULL", IN_PERIOD, *conditions(query.filters, parameters)])
    with_bots = ask_for_bots(query.filters, context.site)
    expressions, source = visited(context, with_bots=with_bots), "visited"
    if looks_at_money(where):
        expressions, source = f"{expressions},\n{paid(source, parameters, with_bots=with_bots)}", RELATION
    if looks_at_people(where):
        expressions, source = f"{expressions},\n{persons(source, context.site.trust)}", PERSONS
    described = ",\n    ".join(f'any_value({DIMENSIONS[name].sql}) AS "{_name(name)}"' for name in DESCRIBED)
    sql = f"""
WITH {expressions},
chosen AS (
    SELECT visit, min(event_id) AS first_id
    FROM {source}
    WHERE {where}
    GROUP BY visit
    ORDER BY min(visit_begun) DESC, first_id
    LIMIT {limit} OFFSET {offset}
)
SELECT
    arg_min(event_id, ({IN_ORDER})) AS visit,
    max(visitor) AS visitor,
    max(user_id) AS user_id,
    any_value(visit_begun) AS began_at,
    any_value(visit_ended) AS ended_at,
    count(*) FILTER (event_type = 'page_view') AS pageviews,
    count(*) AS events,
    {described}
FROM visited AS of_visit JOIN chosen USING (visit)
GROUP BY of_visit.visit
ORDER BY began_at DESC, min(first_id)""".strip()
    return Statement(sql, parameters.of(sql))


def visit_events_statement(context: ReportContext) -> Statement:
    """The events of the visit that contains the named event, in order."""
    parameters = parameters_of(context)
    sql = f"""
WITH {visited(context, with_bots=True)}
SELECT {", ".join(column.name for column in EVENT_COLUMNS)}
FROM visited
WHERE visit IN (SELECT visit FROM visited WHERE event_id = {parameters.bind(context.own["visit"])})
ORDER BY {IN_ORDER}""".strip()
    return Statement(sql, parameters.of(sql))


def _visits(context: ReportContext) -> Rows:
    return run_statement(context, VISIT_COLUMNS, visits_statement(context))


def _visit_events(context: ReportContext) -> Rows:
    return run_statement(context, EVENT_COLUMNS, page(context, visit_events_statement(context)), leaves_out_bots=False)


VISITS = Report(
    "visits",
    "One row for each visit with an event that meets the filters: the visits behind a number.",
    VISIT_COLUMNS,
    _visits,
    frozenset({"filters", *LIMITS}),
    personal=True,
)
VISIT_EVENTS = Report(
    "visit_events",
    "The events of one visit, in order, as far as they lie in the range or up to a day before it.",
    EVENT_COLUMNS,
    _visit_events,
    LIMITS,
    (Parameter("visit", "The `event_id` of any of its events.", short_text, required=True),),
    personal=True,
)
