"""How much there was: in all or over time, and just now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from clickstream.querying.reports.breakdowns import COMMON_OF_QUERIES, columns_of, queried
from clickstream.querying.reports.report import Asked, Parameter, Report, Rows, one_of

METRICS = (
    "visitors", "visits", "pageviews", "events", "views_per_visit", "bounce_rate", "visit_duration", "new_visitors"
)  # fmt: skip
NOW_METRICS = ("visitors", "visits", "pageviews", "events")
INTERVALS = {name: f"time:{name}" for name in ("minute", "hour", "day", "week", "month")}
GROUPS = {
    "minute": "time:minute",
    "page": "event:page",
    "event": "event:name",
    "source": "visit:source_name",
    "country": "visit:country",
    "device": "visit:device",
}
LATELY = timedelta(minutes=30)


def _overview(asked: Asked) -> Rows:
    interval = asked.own["interval"]
    return queried(asked, METRICS, dimensions=[] if interval is None else [INTERVALS[interval]])


def _realtime(asked: Asked) -> Rows:
    """Of the newest minutes that are whole: nothing later is known to be complete."""
    end = asked.complete_until or asked.now
    by = asked.own["by"]
    # Both ends belong to a range, to the second.
    first, last = (
        moment.astimezone(UTC).replace(microsecond=0) for moment in (end - LATELY, end - timedelta(seconds=1))
    )
    common = {**asked.common, "date_range": [first.isoformat(), last.isoformat()]}
    return queried(replace(asked, common=common), NOW_METRICS, dimensions=[] if by is None else [GROUPS[by]])


OVERVIEW = Report(
    "overview",
    "The headline numbers: one row, or one for each interval of time that has events.",
    columns_of(METRICS, ()),
    _overview,
    COMMON_OF_QUERIES,
    (
        Parameter(
            "interval",
            f"{', '.join(f'`{name}`' for name in INTERVALS)}: a row for each, with its beginning as first column.",
            one_of(*INTERVALS),
        ),
    ),
)
REALTIME = Report(
    "realtime",
    "The last 30 minutes that are complete: one row, or one for each group.",
    columns_of(NOW_METRICS, ()),
    _realtime,
    COMMON_OF_QUERIES - {"date_range", "compare"},
    (
        Parameter(
            "by",
            f"{', '.join(f'`{name}`' for name in GROUPS)}: a row for each, with its name as first column.",
            one_of(*GROUPS),
        ),
    ),
)
