"""Whether everything arrived: failed events, and the counts of every stage."""

from __future__ import annotations

from clickstream.lake.delta import FAILED_TABLE, PIPELINE_TABLE
from clickstream.querying.reports.report import Asked, Column, ColumnType, Parameter, Report, Rows, short_text
from clickstream.querying.reports.statements import LIMITS, ask, page, parameters_of
from clickstream.querying.statement import Statement

FAILED_COLUMNS = (
    Column("failure_class", ColumnType.TEXT, "The kind of failure."),
    Column("stage", ColumnType.TEXT, "`collect` or `compact`: where they failed."),
    Column("dialect", ColumnType.TEXT, "The protocol they arrived in; null where that is not known."),
    Column("pointer", ColumnType.TEXT, "JSON pointer to what is wrong; empty for the whole."),
    Column("message", ColumnType.TEXT, "What is wrong."),
    Column("failed_events", ColumnType.INTEGER, "How many there are of this kind."),
    Column("first_seen", ColumnType.MOMENT, "When the first of them was received."),
    Column("last_seen", ColumnType.MOMENT, "When the newest of them was received."),
    Column("newest", ColumnType.TEXT, "`failed_event_id` of the newest."),
)
SAMPLE_COLUMNS = (
    Column("failed_event_id", ColumnType.TEXT, "As in `failed_events`, as are all of these."),
    Column("received_at", ColumnType.MOMENT, "When it was received."),
    Column("failure_class", ColumnType.TEXT, "The kind of failure."),
    Column("stage", ColumnType.TEXT, "`collect` or `compact`: where it failed."),
    Column("dialect", ColumnType.TEXT, "The protocol it arrived in."),
    Column("key_kind", ColumnType.TEXT, "Kind of the write key it came with."),
    Column("pointer", ColumnType.TEXT, "JSON pointer to what is wrong; empty for the whole."),
    Column("message", ColumnType.TEXT, "What is wrong."),
    Column("payload_bytes", ColumnType.INTEGER, "Length of what is kept of it; the bytes themselves are not answered."),
    Column("payload_truncated", ColumnType.BOOLEAN, "Whether it was cut."),
)
COUNTS = {
    "received": ("request_accepted + request_failed", "Events of all requests, by the requests' own word."),
    "acknowledged": (
        "CASE WHEN hub_partition <> 'spill' THEN captured - redelivered ELSE 0 END",
        "Messages that the hub took, each once.",
    ),
    "spilled": (
        "CASE WHEN hub_partition = 'spill' THEN captured - redelivered ELSE 0 END",
        "Messages that the spill took and the hub did not.",
    ),
    "captured": ("captured", "Messages read from files."),
    "redelivered": ("redelivered", "Of these, messages that were read before."),
    "compacted": ("compacted", "Rows added to `events`."),
    "failed": ("failed", "Rows added to `failed_events`."),
    "duplicates": ("duplicates", "Messages whose event was there already."),
    "erased": ("erased", "Messages dropped because their person was erased."),
    "missing": ("missing", "Numbers of the hub that no file holds."),
}
HOUR_COLUMNS = (
    Column("hour", ColumnType.MOMENT, "The UTC hour in which they were received."),
    *(Column(name, ColumnType.INTEGER, description) for name, (_, description) in COUNTS.items()),
    Column("difference", ColumnType.INTEGER, "By how many events the sums are off; 0 where all is well."),
    Column("complete", ColumnType.BOOLEAN, "Whether the hour lies before `complete_until`; until then it is filling."),
)
RECEIVED_IN_PERIOD = "received_at >= CAST($from AS TIMESTAMPTZ) AND received_at < CAST($to AS TIMESTAMPTZ)"


def _failed_events(asked: Asked) -> Rows:
    parameters = parameters_of(asked)
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
    return ask(asked, FAILED_COLUMNS, page(asked, Statement(sql, parameters.of(sql))), FAILED_TABLE)


def _failed_event_samples(asked: Asked) -> Rows:
    parameters = parameters_of(asked)
    like = [f"{name} = {parameters.bind(value)}" for name, value in asked.own.items() if value is not None]
    sql = f"""
SELECT failed_event_id, received_at, failure_class, stage, dialect, key_kind, pointer, message,
    octet_length(payload) AS payload_bytes, payload_truncated
FROM failed_events
WHERE {" AND ".join(["site = $site", RECEIVED_IN_PERIOD, *like])}
ORDER BY received_at DESC, failed_event_id""".strip()
    return ask(asked, SAMPLE_COLUMNS, page(asked, Statement(sql, parameters.of(sql))), FAILED_TABLE)


def _reconciliation(asked: Asked) -> Rows:
    parameters = parameters_of(asked)
    sums = ",\n        ".join(f"CAST(sum({count}) AS BIGINT) AS {name}" for name, (count, _) in COUNTS.items())
    until = asked.complete_until
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
    abs(received - acknowledged - spilled) + abs(captured - compacted - failed - duplicates - erased) + missing
        AS difference,
    {complete} AS complete
FROM hours
ORDER BY hour""".strip()
    return ask(asked, HOUR_COLUMNS, page(asked, Statement(sql, parameters.of(sql))), PIPELINE_TABLE)


FAILED_EVENTS = Report(
    "failed_events",
    "What could not become an event, by kind of failure; the most frequent first.",
    FAILED_COLUMNS,
    _failed_events,
    LIMITS,
)
FAILED_EVENT_SAMPLES = Report(
    "failed_event_samples",
    "The newest failed events, one row for each, without what they hold.",
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
    "What became of all that was received, hour by hour: see [reconciliation.md](reconciliation.md).",
    HOUR_COLUMNS,
    _reconciliation,
    LIMITS,
)
