"""NCRONTAB: six fields, `{second} {minute} {hour} {day} {month} {day of week}`, in UTC.

The rules are those of the library NCrontab, not of Vixie cron: day of month AND day of week must match, Sunday is 0 and
7 is an error, `a-b` with a > b is swapped, `n/step` runs to the end, names may be abbreviated.
Source: https://github.com/atifaziz/NCrontab
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
# Lowest and highest value of each field, and names of the values from the lowest on.
_FIELDS: Sequence[tuple[str, int, int, Sequence[str]]] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_YEARS_AHEAD = 30


class InvalidSchedule(ValueError):
    """The schedule is invalid. The message names the field."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedule of a timer: six sets of values, or a fixed interval."""

    fields: tuple[frozenset[int], ...] = ()
    every: timedelta | None = None

    def next_after(self, moment: datetime) -> datetime:
        """The first run after `moment`, in aware UTC. Raise InvalidSchedule if there is none within 30 years."""
        if self.every is not None:
            return moment + self.every
        seconds, minutes, hours, days, months, weekdays = self.fields
        at = moment.replace(microsecond=0) + timedelta(seconds=1)
        while at.year <= moment.year + _YEARS_AHEAD:
            if at.month not in months:
                at = (at.replace(day=1, hour=0, minute=0, second=0) + timedelta(days=32)).replace(day=1)
            elif at.day not in days or (at.isoweekday() % 7) not in weekdays:
                at = at.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif at.hour not in hours:
                at = at.replace(minute=0, second=0) + timedelta(hours=1)
            elif at.minute not in minutes:
                at = at.replace(second=0) + timedelta(minutes=1)
            elif at.second not in seconds:
                at += timedelta(seconds=1)
            else:
                return at
        raise InvalidSchedule("the schedule never occurs")

    @property
    def is_sub_minute(self) -> bool:
        """Whether it runs more than once a minute. The host stores no status of such timers."""
        return len(self.fields[0]) > 1 if self.fields else (self.every or timedelta()) < timedelta(minutes=1)


def parse_schedule(text: str) -> Schedule:
    """Parse six fields, five (second 0), or an interval `hh:mm:ss`. Raise InvalidSchedule."""
    parts = text.split()
    if len(parts) == 1 and text.count(":") == 2:
        try:
            hours, minutes, seconds = (int(part) for part in text.split(":"))
        except ValueError:
            raise InvalidSchedule(f"{text!r} is not hh:mm:ss") from None
        return Schedule(every=timedelta(hours=hours, minutes=minutes, seconds=seconds))
    if len(parts) == 5:
        parts = ["0", *parts]
    if len(parts) != 6:
        raise InvalidSchedule(f"{text!r} has {len(parts)} fields, not six")
    return Schedule(tuple(_field(part, *limits) for part, limits in zip(parts, _FIELDS, strict=True)))


def _field(text: str, what: str, low: int, high: int, names: Sequence[str]) -> frozenset[int]:
    values: set[int] = set()
    for item in text.split(","):
        span, _, step_text = item.partition("/")
        try:
            step = int(step_text) if "/" in item else 1
        except ValueError:
            raise InvalidSchedule(f"{what}: {item!r} has an invalid step") from None
        if step < 1:
            raise InvalidSchedule(f"{what}: a step is at least 1")
        if span == "*":
            first, last = low, high
        else:
            ends = [_value(end, what, low, high, names) for end in span.split("-", 1)]
            first, last = min(ends), max(ends)
            if len(ends) == 1 and "/" in item:
                last = high
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _value(text: str, what: str, low: int, high: int, names: Sequence[str]) -> int:
    if text.isdigit():
        value = int(text)
        if low <= value <= high:
            return value
        raise InvalidSchedule(f"{what}: {value} is not between {low} and {high}")
    matches = [number for number, name in enumerate(names, low) if text and name.startswith(text.lower())]
    if not matches:
        raise InvalidSchedule(f"{what}: {text!r} is not a value")
    return matches[0]
