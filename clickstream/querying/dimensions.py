"""What every dimension means: each defined once, in SQL over one of a site's events.

The events come from the relation `of_site` of visits.py; what is `of_visits` needs `visited` instead. What looks at
a clock needs the parameter `$time_zone`, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PROPERTY = "event:props:"
MAX_PROPERTY_CHARACTERS = 200
GOAL = "event:goal"
BOT = "event:bot"
NONE, NOT_SET = "(none)", "(not set)"

_LOCAL = "timezone($time_zone, occurred_at)"


class Kind(StrEnum):
    """How a dimension's values are answered: as a text, or as what time of the site's zone begins."""

    TEXT = "text"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What events are grouped by; texts can be filtered by too.

    `value` may be null only of one that says what is answered then: `missing`.
    """

    name: str
    description: str
    value: str
    missing: str | None = None
    kind: Kind = Kind.TEXT
    of_visits: bool = False

    @property
    def column(self) -> str:
        """The name of its column, in SQL."""
        return quoted(self.name)

    @property
    def sql(self) -> str:
        """The value in SQL; never null."""
        return self.value if self.missing is None else f"coalesce({self.value}, '{self.missing}')"


def quoted(name: str) -> str:
    """A name in SQL, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _of_arrival(name: str, description: str, part: str, missing: str = NOT_SET) -> Dimension:
    return Dimension(name, description, f"arrival_{part}", missing, of_visits=True)


def _derived(name: str, description: str, column: str) -> Dimension:
    return Dimension(name, f"{description}; `(not set)` where it is not known.", column, NOT_SET)


def _campaign(part: str) -> Dimension:
    return _of_arrival(
        f"visit:utm_{part}", f"`utm_{part}` of the same event; `(none)` without one.", f"utm_{part}", NONE
    )


def _date(name: str, description: str, kind: Kind) -> Dimension:
    return Dimension(name, description, f"CAST(date_trunc('{kind}', {_LOCAL}) AS DATE)", kind=kind)


DIMENSIONS: Mapping[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Dimension("event:page", "Path of the event's page; `(none)` without a page.", "page_path", NONE),
        Dimension("event:hostname", "Host of the event's page; `(none)` without a page.", "page_host", NONE),
        Dimension("event:page_title", "Title of the event's page; `(none)` without one.", "page_title", NONE),
        Dimension("event:name", "The event's name.", "event_name"),
        Dimension(
            GOAL,
            "Each goal of the site that the event meets; an event that meets none is left out.",
            "goal",
        ),
        _derived(BOT, "`true` or `false`: the event's `is_bot`", "CAST(is_bot AS VARCHAR)"),
        Dimension("event:dialect", "The protocol that the event arrived in.", "dialect"),
        Dimension(
            "visit:entry_page",
            "Path of the first page that was viewed in the visit; `(none)` where none was.",
            "visit_entry_page",
            NONE,
            of_visits=True,
        ),
        Dimension(
            "visit:exit_page",
            "Path of the last page that was viewed in the visit; `(none)` where none was.",
            "visit_exit_page",
            NONE,
            of_visits=True,
        ),
        Dimension(
            "visit:source",
            "Where the visit came from: the referring host of its first event; `(direct)` without one, or where it "
            "is the page's own host.",
            "visit_source",
            of_visits=True,
        ),
        _of_arrival(
            "visit:source_name",
            "Name of where the visit came from: `source` of its first event that has one or has campaign parameters, "
            "`(direct)` where that came from the site itself; `(not set)` without one.",
            "source",
        ),
        _of_arrival("visit:medium", "`medium` of the same event; `(none)` where that came from the site.", "medium"),
        _of_arrival("visit:channel", "`channel` of the same event; `Direct` where that came from the site.", "channel"),
        _of_arrival(
            "visit:referrer",
            "`referrer` of the same event; `(none)` without one, or where that came from the site.",
            "referrer",
            NONE,
        ),
        *(_campaign(part) for part in ("source", "medium", "campaign", "term", "content")),
        _derived("visit:country", "The event's `country`", "country"),
        _derived("visit:region", "The event's `region`", "region"),
        _derived("visit:city", "The event's `city`", "city"),
        _derived("visit:browser", "The event's `browser`", "browser"),
        _derived("visit:browser_version", "The event's `browser_version`", "browser_version"),
        _derived("visit:os", "The event's `os`", "os"),
        _derived("visit:os_version", "The event's `os_version`", "os_version"),
        _derived("visit:device", "The event's `device_class`", "device_class"),
        _derived("visit:screen", "The event's `screen_class`", "screen_class"),
        _derived("visit:language", "The event's `primary_language`", "primary_language"),
        Dimension(
            "time:minute",
            "Start of the minute, with its offset.",
            "date_trunc('minute', occurred_at)",
            kind=Kind.MINUTE,
        ),
        Dimension(
            "time:hour",
            "Start of the hour in the site's time zone, with its offset from UTC.",
            f"occurred_at - ({_LOCAL} - date_trunc('hour', {_LOCAL}))",
            kind=Kind.HOUR,
        ),
        Dimension("time:day", "Date in the site's time zone.", f"CAST({_LOCAL} AS DATE)", kind=Kind.DAY),
        _date("time:week", "The Monday that begins the week, in the site's time zone.", Kind.WEEK),
        _date("time:month", "The first day of the month, in the site's time zone.", Kind.MONTH),
        Dimension(
            "time:weekday",
            "Day of the week in the site's time zone, from `1`, Monday, to `7`, Sunday.",
            f"CAST(isodow({_LOCAL}) AS VARCHAR)",
        ),
        Dimension(
            "time:hour_of_day",
            "Hour of the day in the site's time zone, from `00` to `23`.",
            f"strftime({_LOCAL}, '%H')",
        ),
    )
}
KNOWN = ", ".join((*DIMENSIONS, f"{PROPERTY}<name>"))


def dimension_named(name: str) -> Dimension | None:
    """The dimension, or None for a name that is none."""
    if name.startswith(PROPERTY):
        return _property(name, name.removeprefix(PROPERTY))
    return DIMENSIONS.get(name)


def _property(name: str, key: str) -> Dimension | None:
    if not key or len(key) > MAX_PROPERTY_CHARACTERS or "\0" in key:
        return None
    return Dimension(name, f"The event's property; `{NONE}` without it.", property_sql(key), NONE)


def property_sql(key: str) -> str:
    """A property of an event in SQL: a text as it is, all else as JSON; null without it."""
    if key == "*":  # in a path it would mean every property
        return "properties->>'/*'"
    path = key.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    return f"properties->>'$.\"{path}\"'"
