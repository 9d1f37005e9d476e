"""What arrives: the newest events with their verdict, and the names of their properties."""

from __future__ import annotations

from clickstream.querying.reports.report import Column, ColumnType, Report, ReportContext, Rows
from clickstream.querying.reports.statements import LIMITS, page, parameters_of, run_statement
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import IN_PERIOD

NEWEST_COLUMNS = (
    Column("event_id", ColumnType.TEXT, "Column of `events`, as are all of these except `verdict`."),
    Column("received_at", ColumnType.MOMENT, "When it was received."),
    Column("occurred_at", ColumnType.MOMENT, "When it happened."),
    Column("verdict", ColumnType.TEXT, "`accepted`, or `bot`: stored, and left out of reports."),
    Column("event_type", ColumnType.TEXT, "Its type."),
    Column("event_name", ColumnType.TEXT, "Its name."),
    Column("page_host", ColumnType.TEXT, "Host of its page."),
    Column("page_path", ColumnType.TEXT, "Path of its page."),
    Column("consent", ColumnType.TEXT, "The visitor's consent: `full`, `anonymous` or `denied`."),
    Column("browser", ColumnType.TEXT, "The visitor's browser."),
    Column("dialect", ColumnType.TEXT, "The protocol it arrived in."),
    Column("tracker", ColumnType.TEXT, "The tracker that sent it."),
    Column("key_kind", ColumnType.TEXT, "Kind of the write key it came with."),
    Column("properties", ColumnType.TEXT, "Its properties, as JSON."),
)
NAME_COLUMNS = (
    Column("property", ColumnType.TEXT, "Name of a property; `event:props:<name>` is its dimension."),
    Column("events", ColumnType.INTEGER, "Number of events that have it."),
    Column("last_seen", ColumnType.MOMENT, "When the last of these events happened."),
)


def _newest_events(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    names = [column.name for column in NEWEST_COLUMNS]
    columns = ", ".join(
        "CASE WHEN is_bot THEN 'bot' ELSE 'accepted' END AS verdict" if n == "verdict" else n for n in names
    )
    sql = f"""
SELECT {columns}
FROM events
WHERE site = $site AND {IN_PERIOD}
ORDER BY received_at DESC, event_id""".strip()
    statement = page(context, Statement(sql, parameters.of(sql)))
    return run_statement(context, NEWEST_COLUMNS, statement, leaves_out_bots=False)


def _property_names(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    sql = f"""
SELECT property, count(*) AS events, max(occurred_at) AS last_seen
FROM (
    SELECT unnest(json_keys(properties)) AS property, occurred_at
    FROM events
    WHERE site = $site AND {IN_PERIOD}
)
GROUP BY property
ORDER BY events DESC, property""".strip()
    statement = page(context, Statement(sql, parameters.of(sql)))
    return run_statement(context, NAME_COLUMNS, statement, leaves_out_bots=False)


NEWEST_EVENTS = Report(
    "newest_events",
    "The events that were received last, one row for each, those of bots included. Failed events are in "
    "`failed_event_samples`.",
    NEWEST_COLUMNS,
    _newest_events,
    LIMITS,
    personal=True,
)
PROPERTY_NAMES = Report(
    "property_names",
    "The names of the events' properties, the most frequent first, those of bots' events included.",
    NAME_COLUMNS,
    _property_names,
    LIMITS,
)
