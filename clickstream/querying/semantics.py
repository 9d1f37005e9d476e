"""What every metric and every dimension means: each defined once, in SQL over a site's events.

The events come from the relation `of_site`: each with its visitor. What is `of_visits` needs the relation `visited`
instead: each event with its visit and that visit's source, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Metric:
    """A number about a group of events."""

    name: str
    description: str
    sql: str
    of_visits: bool = False


class Kind(StrEnum):
    """How a dimension's values are answered."""

    TEXT = "text"
    DAY = "day"  # a date in the site's time zone
    HOUR = "hour"  # the moment an hour of the site's time zone begins


@dataclass(frozen=True, slots=True)
class Dimension:
    """What events are grouped by; texts can be filtered by too."""

    name: str
    description: str
    sql: str
    kind: Kind = Kind.TEXT
    of_visits: bool = False


def _of_visit(name: str, description: str, part: str) -> Dimension:
    return Dimension(name, description, f"coalesce(visit_arrival.{part}, '(not set)')", of_visits=True)


def _derived(name: str, description: str, column: str) -> Dimension:
    return Dimension(name, f"{description}; `(not set)` where it is not known.", f"coalesce({column}, '(not set)')")


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "visitors",
            "Distinct visitors. A visitor is the event's `anonymous_id`, else its `user_id`.",
            "count(DISTINCT visitor)",
        ),
        Metric(
            "visits",
            "Distinct visits. A visit is a visitor's `session_id`; where the tracker gives none, a run of the "
            "visitor's events with no more than 30 minutes between one and the next. Of who denied consent no id is "
            "kept: there a page view that no page of the same host led to is a visit.",
            "count(DISTINCT visit)",
            of_visits=True,
        ),
        Metric("pageviews", "Events of type `page_view`.", "count(*) FILTER (event_type = 'page_view')"),
        Metric("events", "Events of every type.", "count(*)"),
    )
}

DIMENSIONS: Mapping[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Dimension("event:page", "Path of the event's page; `(none)` without a page.", "coalesce(page_path, '(none)')"),
        Dimension("event:name", "The event's name.", "event_name"),
        Dimension(
            "visit:source",
            "Where the visit came from: the referring host of its first event; `(direct)` without one, or where it "
            "is the page's own host.",
            "visit_source",
            of_visits=True,
        ),
        _of_visit(
            "visit:source_name",
            "Name of where the visit came from: `source` of its first event that has one, `(direct)` where that came "
            "from the site itself; `(not set)` without one.",
            "source",
        ),
        _of_visit("visit:medium", "`medium` of the same event; `(none)` where that came from the site.", "medium"),
        _of_visit("visit:channel", "`channel` of the same event; `Direct` where that came from the site.", "channel"),
        _derived("visit:browser", "The event's `browser`", "browser"),
        _derived("visit:browser_version", "The event's `browser_version`", "browser_version"),
        _derived("visit:os", "The event's `os`", "os"),
        _derived("visit:os_version", "The event's `os_version`", "os_version"),
        _derived("visit:device", "The event's `device_class`", "device_class"),
        _derived("visit:screen", "The event's `screen_class`", "screen_class"),
        _derived("visit:language", "The event's `primary_language`", "primary_language"),
        _derived("visit:country", "The event's `country`", "country"),
        _derived("visit:region", "The event's `region`", "region"),
        _derived("visit:city", "The event's `city`", "city"),
        _derived("event:bot", "`true` or `false`: the event's `is_bot`", "CAST(is_bot AS VARCHAR)"),
        Dimension(
            "time:day",
            "Date in the site's time zone.",
            "CAST(timezone($time_zone, occurred_at) AS DATE)",
            Kind.DAY,
        ),
        Dimension(
            "time:hour",
            "Start of the hour in the site's time zone, with its offset from UTC.",
            "occurred_at - (timezone($time_zone, occurred_at) - date_trunc('hour', timezone($time_zone, occurred_at)))",
            Kind.HOUR,
        ),
    )
}

# The site's events of the period. A visit is looked for from a day before it on, so that one that began earlier is not
# cut in two.
EVENTS_OF_SITE = """
of_site AS (
    SELECT *, coalesce(anonymous_id, user_id) AS visitor
    FROM events
    WHERE site = $site
        AND occurred_at >= CAST($from AS TIMESTAMPTZ) - INTERVAL 1 DAY AND occurred_at < CAST($to AS TIMESTAMPTZ)
)""".strip()

# Who has neither id makes no visit, but for who denied consent; such an event's source is its own.
VISITED = """
pauses AS (
    SELECT *, CASE WHEN referrer_host <> coalesce(page_host, '') THEN referrer_host ELSE '(direct)' END AS referred_by,
        session_id IS NULL AND NOT coalesce(
            occurred_at - lag(occurred_at) OVER (PARTITION BY visitor, session_id ORDER BY occurred_at, event_id)
                <= INTERVAL 30 MINUTE, false) AS begins,
        CASE WHEN channel = 'Internal' THEN struct_pack(source := '(direct)', medium := '(none)', channel := 'Direct')
            WHEN channel IS NOT NULL THEN struct_pack(source := source, medium := medium, channel := channel)
            END AS arrival
    FROM of_site
),
runs AS (
    SELECT *, count_if(begins) OVER (PARTITION BY visitor, session_id ORDER BY occurred_at, event_id) AS run
    FROM pauses
),
visited AS (
    SELECT *,
        CASE WHEN coalesce(visitor, session_id) IS NOT NULL THEN row(visitor, session_id, run)
            WHEN consent = 'denied' AND event_type = 'page_view' AND referrer_host IS DISTINCT FROM page_host
            THEN row(event_id, session_id, run) END AS visit,
        CASE WHEN coalesce(visitor, session_id) IS NULL THEN referred_by
            ELSE first_value(referred_by) OVER (PARTITION BY visitor, session_id, run ORDER BY occurred_at, event_id)
            END AS visit_source,
        CASE WHEN coalesce(visitor, session_id) IS NULL THEN arrival
            ELSE first_value(arrival IGNORE NULLS) OVER (
                PARTITION BY visitor, session_id, run ORDER BY occurred_at, event_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) END AS visit_arrival
    FROM runs
)""".strip()
