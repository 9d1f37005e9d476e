"""Attribution: which visits, and so which sources, are to be thanked for conversions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from enum import StrEnum

from clickstream.querying.conditions import condition, conditions
from clickstream.querying.dimensions import Dimension
from clickstream.querying.goals import revenue
from clickstream.querying.period import Period
from clickstream.querying.scope import Goal
from clickstream.querying.sequences.streams import Slice, finished, streams
from clickstream.querying.statement import Statement
from clickstream.sites.funnels import Within

MAX_WINDOW = timedelta(days=400)


class Model(StrEnum):
    """How a conversion is shared out among the visits that led to it."""

    FIRST = "first"
    LAST = "last"
    LINEAR = "linear"
    POSITION = "position"


# `place` counts a conversion's visits in order of time, from 1; `visits` is how many they are.
_SHARES = {
    Model.FIRST: "CASE WHEN place = 1 THEN 1.0 ELSE 0.0 END",
    Model.LAST: "CASE WHEN place = visits THEN 1.0 ELSE 0.0 END",
    Model.LINEAR: "1.0 / visits",
    Model.POSITION: "CASE WHEN visits <= 2 THEN 1.0 / visits WHEN place IN (1, visits) THEN 0.4"
    " ELSE 0.2 / (visits - 2) END",
}
# A visit of whose arrival nothing is known is direct where no other host led to it.
_DIRECT = (
    "CASE WHEN NOT visit_arrives THEN visit_source = '(direct)' ELSE arrival_channel IS NOT DISTINCT FROM 'Direct' END"
)


def attributed_period(period: Period, window: timedelta) -> Period:
    """The period whose events a statement about the conversions of `period` looks at."""
    return period.since(period.begin.astimezone(UTC) - window)


def attribution_statement(
    slice_: Slice,
    goal: Goal,
    dimensions: Sequence[Dimension],
    *,
    model: Model,
    window: timedelta,
    within: Within = Within.VISITOR,
    limit: int,
    offset: int = 0,
) -> Statement:
    """A row for each group of the dimensions' values, those with most conversions first.

    Conversions are the events of the slice that are of the goal. Each is shared out among the visits of its visitor or
    person that began at most `window` before it, and its own; direct ones only where there are no others. The filters
    of the slice choose conversions, not visits. To be run over `attributed_period`.

    Columns: each dimension, of a visit's first event; `conversions`, the sum of shares; `revenue`, the same of what the
    conversions are worth. A dimension is `(none)` for conversions without any visit.
    """
    wide = replace(slice_, period=attributed_period(slice_.period, window))
    parameters = wide.parameters()
    names = [dimension.column for dimension in dimensions]
    begin = parameters.bind(slice_.period.begin.isoformat())
    converts = [
        f"occurred_at >= CAST({begin} AS TIMESTAMPTZ)",
        condition(goal.matching, parameters),
        *conditions(slice_.filters, parameters),
    ]
    columns = {
        "visit": "visit",
        "converts": " AND ".join(converts),
        "worth": revenue(goal),
        "direct": _DIRECT,
        **{dimension.name: dimension.sql for dimension in dimensions},
    }
    told = ",\n    ".join(f"coalesce({name}, '(none)') AS {name}" for name in names)
    of_visit = ", ".join(f"visits.{name}" for name in names)
    share = f"CAST({_SHARES[model]} AS DOUBLE)"
    window_us = parameters.bind(window // timedelta(microseconds=1))
    sql = f"""
WITH {streams(wide, within, columns, parameters, needs_visits=True, everything=True)},
conversions AS (
    SELECT *, row_number() OVER (ORDER BY moment, event_id) AS conversion
    FROM streams
    WHERE converts
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY visit ORDER BY moment, event_id) AS number
    FROM streams
    WHERE visit IS NOT NULL AND stream IN (SELECT stream FROM conversions)
),
visits AS (
    SELECT *
    FROM numbered
    WHERE number = 1
),
led AS (
    SELECT conversion, conversions.worth, visits.moment, visits.event_id, {of_visit},
        visits.direct AND bool_or(NOT visits.direct) OVER (PARTITION BY conversion) AS passed_over
    FROM conversions LEFT JOIN visits ON visits.stream = conversions.stream
        AND visits.moment <= conversions.moment
        AND (conversions.moment - visits.moment <= {window_us} OR visits.visit = conversions.visit)
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY conversion ORDER BY moment, event_id) AS place,
        count(*) OVER (PARTITION BY conversion) AS visits
    FROM led
    WHERE passed_over IS NOT TRUE
),
shared AS (
    SELECT *, {share} AS share
    FROM placed
)
SELECT
    {told},
    round(sum(share), 6) AS conversions,
    round(coalesce(sum(share * worth), 0), 6) AS revenue
FROM shared
WHERE share > 0
GROUP BY ALL
ORDER BY conversions DESC, {", ".join(names)}
LIMIT {parameters.bind(limit)} OFFSET {parameters.bind(offset)}""".strip()
    return finished(sql, parameters)
