"""The time a query is about: from a range as the caller says it to two moments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 1970, 2999
DateRange = str | tuple[str, str]
_Day = TypeVar("_Day", bound=date)

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def _months_back(today: date, months: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _days_back(days: int) -> Callable[[date], date]:
    return lambda today: today - timedelta(days - 1)


# A named range ends with today; its first day follows from today.
NAMED_RANGES: Mapping[str, Callable[[date], date]] = {
    "day": lambda today: today,
    "7d": _days_back(7),
    "28d": _days_back(28),
    "30d": _days_back(30),
    "91d": _days_back(91),
    "month": lambda today: _months_back(today, 0),
    "6mo": lambda today: _months_back(today, 5),
    "12mo": lambda today: _months_back(today, 11),
    "year": lambda today: today.replace(month=1, day=1),
    "all": lambda today: date(FIRST_YEAR, 1, 1),
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin`, included, to `end`, excluded: both aware, in the time zone of the site."""

    begin: datetime
    end: datetime

    @property
    def last(self) -> datetime:
        """The last second that belongs to it."""
        return (self.end.astimezone(UTC) - timedelta(seconds=1)).astimezone(self.end.tzinfo)

    def to(self, end: datetime) -> Period:
        """The same beginning, and another end where that is later."""
        later = max(self.end.astimezone(UTC), end.astimezone(UTC))
        return Period(self.begin, later.astimezone(self.end.tzinfo))

    def days(self) -> Iterator[date]:
        """Every date of the zone that the period touches."""
        day = self.begin.date()
        while day <= self.last.date():
            yield day
            day += timedelta(1)

    def hours(self) -> Iterator[datetime]:
        """The start of every hour of the zone that the period touches, in order; a repeated hour comes twice."""
        zone = self.begin.tzinfo
        moment = _start_of_hour(self.begin)
        while moment < self.end.astimezone(UTC):
            yield moment.astimezone(zone)
            moment = _start_of_hour((moment + timedelta(hours=1)).astimezone(zone))


def _start_of_hour(local: datetime) -> datetime:
    """In UTC, where subtracting is right on the days when the clocks change."""
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return local.astimezone(UTC) - past


def resolve(range_: DateRange, zone: ZoneInfo, now: datetime) -> Period:
    """The period of a named range, of two dates (both included) or of two moments (both included, to the second).

    Raise ValueError with what is wrong, in words for the caller.
    """
    if isinstance(range_, str):
        today = now.astimezone(zone).date()
        return _days(NAMED_RANGES[range_](today), today, zone)
    return parse_pair(range_, zone)


def parse_pair(pair: tuple[str, str], zone: ZoneInfo) -> Period:
    """As `resolve`, of two dates or two moments."""
    first, last = pair
    if all(_DATE.fullmatch(text) for text in pair):
        period = _days(_in_reach(date.fromisoformat(first)), _in_reach(date.fromisoformat(last)), zone)
    elif all(_MOMENT.fullmatch(text) for text in pair):
        begin, end = (_in_reach(datetime.fromisoformat(text)) for text in pair)
        after = end.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        period = Period(begin.astimezone(zone), after.astimezone(zone))
    else:
        raise ValueError("must be two dates (2026-03-01) or two moments with an offset (2026-03-01T12:00:00+02:00)")
    if period.end.astimezone(UTC) <= period.begin.astimezone(UTC):
        raise ValueError(f"ends before it begins: {first} to {last}")
    return period


def _days(first: date, last: date, zone: ZoneInfo) -> Period:
    return Period(_midnight(first, zone), _midnight(last + timedelta(1), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # By way of UTC, so that where midnight is skipped it becomes the first moment that there is.
    return datetime.combine(day, time(), zone).astimezone(UTC).astimezone(zone)


def _in_reach(day: _Day) -> _Day:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"years go from {FIRST_YEAR} to {LAST_YEAR}, not {day.year}")
    return day
