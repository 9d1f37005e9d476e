"""Headline numbers: in total, over time, and of the last 30 minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from clickstream.querying.reports.breakdowns import COMMON_OF_QUERIES, columns_of, queried
from clickstream.querying.reports.report import Parameter, Report, ReportContext, Rows, one_of

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


def _overview(context: ReportContext) -> Rows:
    interval = context.own["interval"]
    return queried(context, context.query.grouped(METRICS, [] if interval is None else [INTERVALS[interval]]))


def _realtime(context: ReportContext) -> Rows:
    """The last 30 minutes before `complete_until`: later events may still be missing."""
    end = context.complete_until or context.now
    by = context.own["by"]
    # Both ends belong to a range, to the second.
    first, last = (
        moment.astimezone(UTC).replace(microsecond=0) for moment in (end - LATELY, end - timedelta(seconds=1))
    )
    query = replace(context.query, date_range=(first.isoformat(), last.isoformat()))
    return queried(context, query.grouped(NOW_METRICS, [] if by is None else [GROUPS[by]]))


OVERVIEW = Report(
    "overview",
    "The headline numbers: one row, or one for each interval of time that has events.",
    columns_of(METRICS, ()),
    _overview,
    COMMON_OF_QUERIES,
    (
        Parameter(
            "interval",
            f"{', '.join(f'`{name}`' for name in INTERVALS)}: a row for each, with its start as first column.",
            one_of(*INTERVALS),
        ),
    ),
    shared=True,
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
