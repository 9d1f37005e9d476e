"""The visits behind any number, and the events of one of them."""

from __future__ import annotations

from clickstream.querying.conditions import ask_for_bots, conditions
from clickstream.querying.dimensions import DIMENSIONS, Dimension
from clickstream.querying.reports.report import Asked, Column, ColumnType, Parameter, Report, Rows, short_text
from clickstream.querying.reports.statements import LIMITS, ask, page, parameters_of, visited
from clickstream.querying.statement import Statement
from clickstream.querying.visits import IN_PERIOD

IN_ORDER = "(occurred_at, event_id)"
# Of a visit's first event.
DESCRIBED = (
    "visit:entry_page", "visit:exit_page", "visit:source_name", "visit:medium", "visit:channel", "visit:country",
    "visit:device", "visit:browser", "visit:os",
)  # fmt: skip


def _name(dimension: str) -> str:
    return dimension.partition(":")[2]


VISIT_COLUMNS = (
    Column("visit", ColumnType.TEXT, "The visit's first event, by which `visit_events` finds it."),
    Column("visitor", ColumnType.TEXT, "`anonymous_id`, else `user_id`; null for who denied consent."),
    Column("user_id", ColumnType.TEXT, "The known person, where an event of the visit tells."),
    Column("began_at", ColumnType.MOMENT, "When its first event happened."),
    Column("ended_at", ColumnType.MOMENT, "When its last event happened."),
    Column("pageviews", ColumnType.INTEGER, "Its events of type `page_view`."),
    Column("events", ColumnType.INTEGER, "Its events of every type."),
    *(
        Column(_name(name), ColumnType.TEXT, f"`{name}` of its first event, as in [query.md](query.md).")
        for name in DESCRIBED
    ),
)
EVENT_COLUMNS = (
    Column("event_id", ColumnType.TEXT, "As in `events`, as are all of these."),
    Column("occurred_at", ColumnType.MOMENT, "When it happened."),
    Column("event_type", ColumnType.TEXT, "Its type."),
    Column("event_name", ColumnType.TEXT, "Its name."),
    Column("page_host", ColumnType.TEXT, "Host of its page."),
    Column("page_path", ColumnType.TEXT, "Path of its page."),
    Column("page_title", ColumnType.TEXT, "Title of its page."),
    Column("referrer", ColumnType.TEXT, "The address that led there."),
    Column("properties", ColumnType.TEXT, "What the site says about it, as JSON."),
    Column("dialect", ColumnType.TEXT, "The protocol it arrived in."),
)


def _told(dimension: Dimension) -> str:
    """What a visit has one value of may be taken from any of its events; else the first event tells."""
    return f"any_value({dimension.sql})" if dimension.of_visits else f"arg_min({dimension.sql}, {IN_ORDER})"


def visits_statement(asked: Asked) -> Statement:
    """One row for each visit with an event of the period that the filters hold for, the newest first.

    Those of the page are chosen before anything is said of them, since that costs more.
    """
    parameters = parameters_of(asked)
    filters = asked.query().filters
    wanted = asked.query().pagination
    limit, offset = parameters.bind(asked.engine.limit(wanted.limit)), parameters.bind(wanted.offset)
    chosen = " AND ".join(["visit IS NOT NULL", IN_PERIOD, *conditions(filters, parameters)])
    described = ",\n    ".join(f'{_told(DIMENSIONS[name])} AS "{_name(name)}"' for name in DESCRIBED)
    sql = f"""
WITH {visited(asked, with_bots=ask_for_bots(filters, asked.scope))},
chosen AS (
    SELECT visit, min(event_id) AS first_id
    FROM visited
    WHERE {chosen}
    GROUP BY visit
    ORDER BY min(visit_begun) DESC, first_id
    LIMIT {limit} OFFSET {offset}
)
SELECT
    arg_min(event_id, {IN_ORDER}) AS visit,
    max(visitor) AS visitor,
    max(user_id) AS user_id,
    min(occurred_at) AS began_at,
    max(occurred_at) AS ended_at,
    count(*) FILTER (event_type = 'page_view') AS pageviews,
    count(*) AS events,
    {described}
FROM visited AS of_visit JOIN chosen USING (visit)
GROUP BY of_visit.visit
ORDER BY began_at DESC, min(first_id)""".strip()
    return Statement(sql, parameters.of(sql))


def visit_events_statement(asked: Asked) -> Statement:
    """The events of the visit that holds the named one, in order."""
    parameters = parameters_of(asked)
    sql = f"""
WITH {visited(asked, with_bots=True)}
SELECT {", ".join(column.name for column in EVENT_COLUMNS)}
FROM visited
WHERE visit IN (SELECT visit FROM visited WHERE event_id = {parameters.bind(asked.own["visit"])})
ORDER BY occurred_at, event_id""".strip()
    return Statement(sql, parameters.of(sql))


def _visits(asked: Asked) -> Rows:
    return ask(asked, VISIT_COLUMNS, visits_statement(asked))


def _visit_events(asked: Asked) -> Rows:
    return ask(asked, EVENT_COLUMNS, page(asked, visit_events_statement(asked)))


VISITS = Report(
    "visits",
    "One row for each visit with an event that the filters hold for: the visits behind a number.",
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
