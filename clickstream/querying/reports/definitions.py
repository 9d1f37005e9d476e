"""Validate events against the site's current event definitions, whatever definitions applied when they arrived."""

from __future__ import annotations

from typing import Any

from clickstream.errors import LimitExceeded
from clickstream.querying.reports.report import Column, ColumnType, Report, ReportContext, Rows
from clickstream.querying.reports.statements import parameters_of
from clickstream.querying.statement import Statement
from clickstream.querying.visitors import IN_PERIOD
from clickstream.sites.linting import Linter

# Each distinct kind is validated once, so this bounds the duration of the report.
MAX_KINDS = 100_000
DEFINITION = "definition"
COLUMNS = (
    Column(
        "kind",
        ColumnType.TEXT,
        "`definition`: one version of a definition. Otherwise a finding: `never_arrived`, `undefined_event`, or "
        "`drift`, which is one way in which events violate their definition.",
    ),
    Column("event", ColumnType.TEXT, "Name of the event."),
    Column("version", ColumnType.TEXT, "Version of its definition."),
    Column("pointer", ColumnType.TEXT, "JSON pointer into the event to what is wrong; `*` for any item of a list."),
    Column("code", ColumnType.TEXT, "Code of what is wrong."),
    Column("message", ColumnType.TEXT, "What is wrong."),
    Column("events", ColumnType.INTEGER, "Number of events; for a drift, the number of events that have it."),
    Column("share", ColumnType.NUMBER, "Share of the definition's events that violate it, from 0 to 1."),
    Column("first_seen", ColumnType.MOMENT, "When the first of these events happened."),
    Column("last_seen", ColumnType.MOMENT, "When the last of these events happened."),
)


def alike_statement(context: ReportContext) -> Statement:
    """Count events that are alike for every definition as one row. Properties count only if the event is defined.

    At most `MAX_KINDS` + 1 rows: `event_type`, `event_name`, `definition_version`, `properties` (null without a
    definition), `events`, `occurred_at` of the first and `last_occurred_at` of the last of them.
    """
    parameters = parameters_of(context)
    names = dict.fromkeys(item.name for item in context.site.events.definitions)
    defined = ", ".join(parameters.bind(name) for name in names) or "NULL"
    sql = f"""
SELECT event_type, event_name, definition_version,
    CASE WHEN CASE event_type WHEN 'custom' THEN event_name ELSE event_type END IN ({defined}) THEN properties END
        AS properties,
    count(*) AS events,
    min(occurred_at) AS occurred_at,
    max(occurred_at) AS last_occurred_at
FROM events
WHERE site = $site AND {IN_PERIOD}
GROUP BY event_type, event_name, definition_version, 4
LIMIT {MAX_KINDS + 1}""".strip()
    return Statement(sql, parameters.of(sql))


def _event_definitions(context: ReportContext) -> Rows:
    statement = alike_statement(context)
    alike = context.engine.run(statement, context.site, context.period)
    if alike.num_rows > MAX_KINDS:
        raise LimitExceeded(f"more than {MAX_KINDS} different events to validate; ask for a shorter range")
    linter = Linter(context.site.site_id, context.site.events)
    for batch in alike.to_batches():
        linter.take_events(batch.to_pylist())
    report = linter.report()
    rows: list[list[Any]] = [
        [
            DEFINITION, total.name, total.version, None, None, None, total.events,
            total.events_with_violations / total.events if total.events else None, None, None,
        ]
        for total in report.definitions
    ]  # fmt: skip
    rows += [
        [
            finding.kind, finding.event, finding.version, finding.pointer or None, finding.code or None,
            finding.message or None, finding.events, finding.share, finding.first_seen, finding.last_seen,
        ]
        for finding in report.findings
    ]  # fmt: skip
    return Rows(COLUMNS, rows, statement)


EVENT_DEFINITIONS = Report(
    "event_definitions",
    "Each event definition of the site, and how events violate it: see [sites.md](sites.md).",
    COLUMNS,
    _event_definitions,
    frozenset({"date_range"}),
)
