"""Definition of every dimension, in SQL over one event of a site.

The events come from the relation `of_site` of visitors.py. Dimensions `of_visits` need `visited` instead, those
`of_money` the relation `paid` of revenue.py over either, and those `of_people` the relation `persons` of the package
`identity` over any of them. Dimensions of time also need the parameter `$time_zone`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PROPERTY = "event:props:"
MAX_PROPERTY_CHARACTERS = 200
GOAL = "event:goal"
BOT = "event:bot"
CURRENCY = "event:currency"
PERSON = "person:id"
TRAIT = "person:traits:"
NONE, NOT_SET = "(none)", "(not set)"

_LOCAL = "timezone($time_zone, occurred_at)"
_HOUR = f"occurred_at - ({_LOCAL} - date_trunc('hour', {_LOCAL}))"
# If the clocks changed within the hour, the local start of the hour is another moment: then the hour begins with the
# change, and clocks change at a half hour of UTC.
_START_OF_HOUR = (
    f"CASE WHEN timezone($time_zone, {_HOUR}) = date_trunc('hour', {_LOCAL}) THEN {_HOUR} "
    "ELSE date_trunc('hour', occurred_at) + CASE WHEN extract(minute FROM occurred_at) >= 30 "
    "THEN INTERVAL 30 MINUTE ELSE INTERVAL 0 MINUTE END END"
)


class Kind(StrEnum):
    """Type of a dimension's values: a text, or the start of this unit of time in the site's zone."""

    TEXT = "text"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What events are grouped by; text dimensions can be filtered by, too.

    `value` is SQL about an event. It may be null only if `missing` gives the text to answer then.
    """

    name: str
    description: str
    value: str
    missing: str | None = None
    kind: Kind = Kind.TEXT
    of_visits: bool = False
    of_money: bool = False
    of_people: bool = False

    @property
    def column(self) -> str:
        """The quoted name of its column in SQL."""
        return quoted(self.name)

    @property
    def sql(self) -> str:
        """The value in SQL; never null."""
        return self.value if self.missing is None else f"coalesce({self.value}, '{self.missing}')"


def quoted(name: str) -> str:
    """The name as a quoted identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _of_arrival(name: str, description: str, part: str, missing: str = NOT_SET) -> Dimension:
    return Dimension(name, description, f"arrival_{part}", missing, of_visits=True)


def _derived(name: str, description: str, column: str) -> Dimension:
    return Dimension(name, f"{description}; `(not set)` if it is unknown.", column, NOT_SET)


def _of_visit(name: str, column: str) -> Dimension:
    description = f"`{column}` of the visit's first event that has one; `(not set)` if none has"
    return Dimension(name, f"{description}.", f"visit_{column}", NOT_SET, of_visits=True)


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
        Dimension(
            CURRENCY,
            "The currency of the event's revenue; `(not set)` if neither the event nor the site names one, `(none)` "
            "without revenue.",
            "revenue_currency",
            NONE,
            of_money=True,
        ),
        Dimension(
            PERSON,
            "The event's person: see [identity.md](identity.md); `(none)` if it has no id.",
            "person",
            NONE,
            of_people=True,
        ),
        Dimension(
            "person:known",
            "`true` if the event's person is a user, who logged in before or after it; else `false`.",
            "CAST(is_known AS VARCHAR)",
            of_people=True,
        ),
        Dimension("event:dialect", "The protocol that the event arrived in.", "dialect"),
        Dimension(
            "visit:entry_page",
            "Path of the first page that was viewed in the visit; `(none)` if none was.",
            "visit_entry_page",
            NONE,
            of_visits=True,
        ),
        Dimension(
            "visit:exit_page",
            "Path of the last page that was viewed in the visit; `(none)` if none was.",
            "visit_exit_page",
            NONE,
            of_visits=True,
        ),
        Dimension(
            "visit:source",
            "Where the visit came from: the referring host of its first event that has a source or campaign "
            "parameters, else of its first; `(direct)` without one, or if it is one of the site's own hosts.",
            "visit_source",
            of_visits=True,
        ),
        _of_arrival(
            "visit:source_name",
            "Name of where the visit came from: `source` of its first event that has one or has campaign parameters, "
            "`(direct)` if that came from the site itself; `(not set)` without one.",
            "source",
        ),
        _of_arrival("visit:medium", "`medium` of the same event; `(none)` if that came from the site.", "medium"),
        _of_arrival("visit:channel", "`channel` of the same event; `Direct` if that came from the site.", "channel"),
        _of_arrival(
            "visit:referrer",
            "`referrer` of the same event; `(none)` without one, or if that came from the site.",
            "referrer",
            NONE,
        ),
        *(_campaign(part) for part in ("source", "medium", "campaign", "term", "content")),
        _of_visit("visit:country", "country"),
        _of_visit("visit:region", "region"),
        _of_visit("visit:city", "city"),
        _of_visit("visit:browser", "browser"),
        _of_visit("visit:browser_version", "browser_version"),
        _of_visit("visit:os", "os"),
        _of_visit("visit:os_version", "os_version"),
        _of_visit("visit:device", "device_class"),
        _of_visit("visit:screen", "screen_class"),
        _of_visit("visit:language", "primary_language"),
        Dimension(
            "time:minute",
            "Start of the minute, with its offset.",
            "date_trunc('minute', occurred_at)",
            kind=Kind.MINUTE,
        ),
        Dimension(
            "time:hour",
            "Start of the hour in the site's time zone, with its offset from UTC; if the clocks change within an hour, "
            "the part after the change is an hour of its own.",
            _START_OF_HOUR,
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
DIMENSION_NAMES = ", ".join((*DIMENSIONS, f"{PROPERTY}<name>", f"{TRAIT}<name>"))


def dimension_named(name: str) -> Dimension | None:
    """The dimension of this name, or None if there is none."""
    if name.startswith(PROPERTY):
        return _property(name, name.removeprefix(PROPERTY))
    if name.startswith(TRAIT):
        return _trait(name, name.removeprefix(TRAIT))
    return DIMENSIONS.get(name)


def _property(name: str, key: str) -> Dimension | None:
    if not _is_key(key):
        return None
    return Dimension(name, f"The event's property; `{NONE}` without it.", property_sql(key), NONE)


def _trait(name: str, key: str) -> Dimension | None:
    if not _is_key(key):
        return None
    # Names that no relation of events has, because `person` is the event's.
    of_people = f"(SELECT person AS described, {property_sql(key, 'traits')} AS trait FROM profiles)"
    value = f"(SELECT trait FROM {of_people} WHERE described = person)"
    return Dimension(name, f"The trait of the event's person; `{NONE}` without it.", value, NONE, of_people=True)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= MAX_PROPERTY_CHARACTERS and "\0" not in key


def property_sql(key: str, column: str = "properties") -> str:
    """SQL for a member of a JSON object: a text as it is, any other value as JSON; null without the member."""
    if key == "*":  # in a JSON path, `*` matches every member
        return f"{column}->>'/*'"
    path = key.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    return f"{column}->>'$.\"{path}\"'"
