"""Completeness of the pipeline: failed events, and the counts of every stage."""

from __future__ import annotations

from clickstream.querying.reports.report import Column, ColumnType, Parameter, Report, ReportContext, Rows, short_text
from clickstream.querying.reports.statements import LIMITS, page, parameters_of, run_statement
from clickstream.querying.statement import Statement
from clickstream.table.specs import FAILED_TABLE, PIPELINE_TABLE

FAILED_COLUMNS = (
    Column("failure_class", ColumnType.TEXT, "The kind of failure."),
    Column("stage", ColumnType.TEXT, "`collect` or `compact`: where they failed."),
    Column("dialect", ColumnType.TEXT, "The protocol they arrived in; null if that is unknown."),
    Column("pointer", ColumnType.TEXT, "JSON pointer to what is wrong; empty for the whole."),
    Column("message", ColumnType.TEXT, "What is wrong."),
    Column("failed_events", ColumnType.INTEGER, "Number of failed events of this kind."),
    Column("first_seen", ColumnType.MOMENT, "When the first of them was received."),
    Column("last_seen", ColumnType.MOMENT, "When the newest of them was received."),
    Column("newest", ColumnType.TEXT, "`failed_event_id` of the newest."),
)
SAMPLE_COLUMNS = (
    Column("failed_event_id", ColumnType.TEXT, "Column of `failed_events`, as are all of these."),
    Column("received_at", ColumnType.MOMENT, "When it was received."),
    Column("failure_class", ColumnType.TEXT, "The kind of failure."),
    Column("stage", ColumnType.TEXT, "`collect` or `compact`: where it failed."),
    Column("dialect", ColumnType.TEXT, "The protocol it arrived in."),
    Column("key_kind", ColumnType.TEXT, "Kind of the write key it came with."),
    Column("pointer", ColumnType.TEXT, "JSON pointer to what is wrong; empty for the whole."),
    Column("message", ColumnType.TEXT, "What is wrong."),
    Column("payload_bytes", ColumnType.INTEGER, "Length of the stored payload; its bytes are not in the answer."),
    Column("payload_truncated", ColumnType.BOOLEAN, "Whether the payload was truncated."),
)
COUNTS = {
    "answered": (
        "request_accepted + request_failed",
        "Events of requests that were answered, as the collectors counted them.",
    ),
    "unanswered": ("coalesce(unanswered, 0)", "Events that became durable although their request was refused."),
    "unresolved": ("coalesce(unresolved, 0)", "Events of refused requests whose outcome is unknown."),
    "acknowledged": (
        "CASE WHEN hub_partition <> 'spill' THEN captured - redelivered ELSE 0 END",
        "Messages that the hub accepted, each counted once.",
    ),
    "spilled": (
        "CASE WHEN hub_partition = 'spill' THEN captured - redelivered ELSE 0 END",
        "Messages that the spill accepted and the hub did not.",
    ),
    "captured": ("captured", "Messages read from files."),
    "redelivered": ("redelivered", "Captured messages that were read before."),
    "compacted": ("compacted", "Rows added to `events`."),
    "failed": ("failed", "Rows added to `failed_events`."),
    "duplicates": ("duplicates", "Messages whose event was in the table already."),
    "erased": ("erased", "Messages dropped because their person was erased."),
    "missing": ("missing", "Sequence numbers of the hub that no file contains."),
}
HOUR_COLUMNS = (
    Column("hour", ColumnType.MOMENT, "The UTC hour in which they were received."),
    *(Column(name, ColumnType.INTEGER, description) for name, (_, description) in COUNTS.items()),
    Column("uncounted", ColumnType.INTEGER, "Messages that arrived but that no collector counted."),
    Column(
        "difference",
        ColumnType.INTEGER,
        "Number of events missing after a stage; 0 if all is well.",
    ),
    Column("complete", ColumnType.BOOLEAN, "Whether the hour lies before `complete_until`; if not, it may still grow."),
)
RECEIVED_IN_PERIOD = "received_at >= CAST($from AS TIMESTAMPTZ) AND received_at < CAST($to AS TIMESTAMPTZ)"


def _failed_events(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    sql = f"""
SELECT failure_class, stage, dialect, pointer, message,
    count(*) AS failed_events,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    arg_max(failed_event_id, (received_at, failed_event_id)) AS newest
FROM failed_events
WHERE site = $site AND {RECEIVED_IN_PERIOD}
GROUP BY ALL
ORDER BY failed_events DESC, failure_class, stage, dialect, pointer, message""".strip()
    return run_statement(context, FAILED_COLUMNS, page(context, Statement(sql, parameters.of(sql))), FAILED_TABLE)


def _failed_event_samples(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    like = [f"{name} = {parameters.bind(value)}" for name, value in context.own.items() if value is not None]
    sql = f"""
SELECT failed_event_id, received_at, failure_class, stage, dialect, key_kind, pointer, message,
    octet_length(payload) AS payload_bytes, payload_truncated
FROM failed_events
WHERE {" AND ".join(["site = $site", RECEIVED_IN_PERIOD, *like])}
ORDER BY received_at DESC, failed_event_id""".strip()
    return run_statement(context, SAMPLE_COLUMNS, page(context, Statement(sql, parameters.of(sql))), FAILED_TABLE)


def _reconciliation(context: ReportContext) -> Rows:
    parameters = parameters_of(context)
    sums = ",\n        ".join(f"CAST(sum({count}) AS BIGINT) AS {name}" for name, (count, _) in COUNTS.items())
    until = context.complete_until
    complete = "false"
    if until is not None:
        complete = f"hour + INTERVAL 1 HOUR <= CAST({parameters.bind(until.isoformat())} AS TIMESTAMPTZ)"
    sql = f"""
WITH hours AS (
    SELECT hour,
        {sums}
    FROM pipeline_hours
    WHERE site = $site AND hour >= CAST($from AS TIMESTAMPTZ) AND hour < CAST($to AS TIMESTAMPTZ)
    GROUP BY hour
)
SELECT *,
    greatest(acknowledged + spilled - answered - unanswered - unresolved, 0) AS uncounted,
    greatest(answered + unanswered - acknowledged - spilled, 0)
        + abs(captured - compacted - failed - duplicates - erased) + missing AS difference,
    {complete} AS complete
FROM hours
ORDER BY hour""".strip()
    return run_statement(context, HOUR_COLUMNS, page(context, Statement(sql, parameters.of(sql))), PIPELINE_TABLE)


FAILED_EVENTS = Report(
    "failed_events",
    "Failed events by kind of failure, the most frequent first.",
    FAILED_COLUMNS,
    _failed_events,
    LIMITS,
)
FAILED_EVENT_SAMPLES = Report(
    "failed_event_samples",
    "The newest failed events, one row for each, without their payload.",
    SAMPLE_COLUMNS,
    _failed_event_samples,
    LIMITS,
    (
        Parameter("failure_class", "Only those of this class.", short_text),
        Parameter("pointer", "Only those with this pointer.", short_text),
        Parameter("message", "Only those with this message.", short_text),
    ),
    personal=True,
)
RECONCILIATION = Report(
    "reconciliation",
    "Counts of every stage from the answered request to the table, hour by hour: see "
    "[reconciliation.md](reconciliation.md).",
    HOUR_COLUMNS,
    _reconciliation,
    LIMITS,
)
