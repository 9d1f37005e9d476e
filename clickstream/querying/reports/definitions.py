"""How events fare against the site's definitions of them: those now in force, whatever was in force at their time."""

from __future__ import annotations

from typing import Any

from clickstream.errors import LimitExceeded
from clickstream.querying.reports.report import Asked, Column, ColumnType, Report, Rows
from clickstream.querying.reports.statements import parameters_of
from clickstream.querying.statement import Statement
from clickstream.querying.visits import IN_PERIOD
from clickstream.sites.linting import Linter

# Each is judged by itself, so this bounds the time it takes.
MAX_KINDS = 100_000
DEFINITION = "definition"
COLUMNS = (
    Column(
        "kind",
        ColumnType.TEXT,
        "`definition`: one version of a definition. Else a finding: `never_arrived`, `undefined_event`, or `drift`, "
        "which is one way in which events break their definition.",
    ),
    Column("event", ColumnType.TEXT, "Name of the event."),
    Column("version", ColumnType.TEXT, "Version of its definition."),
    Column("pointer", ColumnType.TEXT, "JSON pointer into the event to what is wrong; `*` for any item of a list."),
    Column("code", ColumnType.TEXT, "Code of what is wrong."),
    Column("message", ColumnType.TEXT, "What is wrong."),
    Column("events", ColumnType.INTEGER, "How many events; for a drift, how many have it."),
    Column("share", ColumnType.NUMBER, "Which part of the definition's events is wrong, from 0 to 1."),
    Column("first_seen", ColumnType.MOMENT, "When the first of these events happened."),
    Column("last_seen", ColumnType.MOMENT, "When the last of these events happened."),
)


def alike_statement(asked: Asked) -> Statement:
    """Events that no definition tells apart, counted together; without a definition properties do not matter."""
    parameters = parameters_of(asked)
    names = dict.fromkeys(item.name for item in asked.site.events.definitions)
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


def _event_definitions(asked: Asked) -> Rows:
    statement = alike_statement(asked)
    alike = asked.engine.run(statement, asked.scope, asked.period)
    if alike.num_rows > MAX_KINDS:
        raise LimitExceeded(f"more than {MAX_KINDS} different events are to be judged; ask for less time")
    linter = Linter(asked.site)
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
            found.kind, found.event, found.version, found.pointer or None, found.code or None, found.message or None,
            found.events, found.share, found.first_seen, found.last_seen,
        ]
        for found in report.findings
    ]  # fmt: skip
    return Rows(COLUMNS, rows, statement)


EVENT_DEFINITIONS = Report(
    "event_definitions",
    "Each definition of the site's, and where its events depart from it: see [sites.md](sites.md).",
    COLUMNS,
    _event_definitions,
    frozenset({"date_range"}),
)
