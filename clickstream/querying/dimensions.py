"""What every dimension means: each defined once, in SQL over one of a site's events.

The events come from the relation `of_site` of visits.py; what is `of_visits` needs `visited` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
