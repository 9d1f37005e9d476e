"""The time a query is about: from a range as the caller says it to two moments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from clickstream.querying.dimensions import Kind

FIRST_YEAR, LAST_YEAR = 1970, 2999
DateRange = str | tuple[str, str]
_Day = TypeVar("_Day", bound=date)
_LENGTHS = {Kind.MINUTE: timedelta(minutes=1), Kind.HOUR: timedelta(hours=1)}

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Period:
    """From `begin`, included, to `end`, excluded: both aware, in the time zone of the site."""

    begin: datetime
    end: datetime

    @property
    def last(self) -> datetime:
        """The last second that belongs to it."""
        return (self.end.astimezone(UTC) - timedelta(seconds=1)).astimezone(self.end.tzinfo)

    @property
    def texts(self) -> list[str]:
        """Its first and its last second, as ISO 8601."""
        return [self.begin.isoformat(), self.last.isoformat()]

    def to(self, end: datetime) -> Period:
        """The same beginning, and another end where that is later."""
        later = max(self.end.astimezone(UTC), end.astimezone(UTC))
        return Period(self.begin, later.astimezone(self.end.tzinfo))

    def since(self, begin: datetime) -> Period:
        """The same end, and another beginning where that is earlier."""
        earlier = min(self.begin.astimezone(UTC), begin.astimezone(UTC))
        return Period(earlier.astimezone(self.begin.tzinfo), self.end)

    @property
    def is_of_days(self) -> bool:
        """Whether it begins and ends with a day of the zone."""
        zone = _zone_of(self.begin)
        return all(moment == _midnight(moment.date(), zone) for moment in (self.begin, self.end))

    def labels(self, kind: Kind) -> Iterator[date]:
        """The start of every minute, hour, day, week or month of the zone that the period touches, in order.

        Moments for minutes and hours, of which those of a repeated hour come twice; else dates.
        """
        return self.moments(kind) if kind in _LENGTHS else self.dates(kind)

    def dates(self, kind: Kind) -> Iterator[date]:
        """The first date of every day, week or month."""
        last: date | None = None
        day, end = self.begin.date(), self.last.date()
        while day <= end:
            begin = day - timedelta(day.weekday()) if kind is Kind.WEEK else day
            begin = day.replace(day=1) if kind is Kind.MONTH else begin
            if begin != last:
                yield (last := begin)
            day += timedelta(1)

    def moments(self, kind: Kind) -> Iterator[datetime]:
        """The start of every minute or hour."""
        length = _LENGTHS[kind]
        moment = _start_of(length, self.begin)
        while moment < self.end.astimezone(UTC):
            yield moment.astimezone(self.begin.tzinfo)
            moment = _start_of(length, (moment + length).astimezone(self.begin.tzinfo))


def _start_of(length: timedelta, local: datetime) -> datetime:
    """The start of a minute or an hour; in UTC, where subtracting is right on the days when the clocks change."""
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return local.astimezone(UTC) - past % length


def _zone_of(moment: datetime) -> ZoneInfo:
    zone = moment.tzinfo
    assert isinstance(zone, ZoneInfo)
    return zone


def _months_back(today: date, months: int) -> date:
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _days_to_today(first: Callable[[date], date]) -> Callable[[datetime], Period]:
    return lambda now: _days(first(now.date()), now.date(), _zone_of(now))


def _last_days(days: int) -> Callable[[datetime], Period]:
    return _days_to_today(lambda today: today - timedelta(days - 1))


def _yesterday(now: datetime) -> Period:
    yesterday = now.date() - timedelta(1)
    return _days(yesterday, yesterday, _zone_of(now))


def _up_to_now(length: timedelta) -> Callable[[datetime], Period]:
    def period(now: datetime) -> Period:
        end = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        return Period((end - length).astimezone(now.tzinfo), end.astimezone(now.tzinfo))

    return period


# By name: from now, by the clock of the site, to the period.
NAMED_RANGES: Mapping[str, Callable[[datetime], Period]] = {
    "realtime": _up_to_now(timedelta(minutes=30)),
    "24h": _up_to_now(timedelta(hours=24)),
    "day": _days_to_today(lambda today: today),
    "yesterday": _yesterday,
    "7d": _last_days(7),
    "28d": _last_days(28),
    "30d": _last_days(30),
    "91d": _last_days(91),
    "month": _days_to_today(lambda today: _months_back(today, 0)),
    "6mo": _days_to_today(lambda today: _months_back(today, 5)),
    "12mo": _days_to_today(lambda today: _months_back(today, 11)),
    "year": _days_to_today(lambda today: today.replace(month=1, day=1)),
    "all": _days_to_today(lambda _: date(FIRST_YEAR, 1, 1)),
}


def resolve(range_: DateRange, zone: ZoneInfo, now: datetime) -> Period:
    """The period of a named range, of two dates (both included) or of two moments (both included, to the second).

    Raise ValueError with what is wrong, in words for the caller.
    """
    if isinstance(range_, str):
        return NAMED_RANGES[range_](now.astimezone(zone))
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


def previous(period: Period) -> Period:
    """As long a period, right before. Of whole days it has as many days, however long these are."""
    if not period.is_of_days:
        length = period.end.astimezone(UTC) - period.begin.astimezone(UTC)
        return Period((period.begin.astimezone(UTC) - length).astimezone(period.begin.tzinfo), period.begin)
    first = period.begin.date()
    return _days(first - (period.end.date() - first), first - timedelta(1), _zone_of(period.begin))


def year_before(period: Period) -> Period:
    """The same dates, or the same moments by the clock, of the year before; 28 February for 29 February."""
    if not period.is_of_days:
        return Period(_year_before(period.begin), _year_before(period.end))
    last = period.end.date() - timedelta(1)
    return _days(_year_before(period.begin.date()), _year_before(last), _zone_of(period.begin))


def _year_before(day: _Day) -> _Day:
    leap = (day.month, day.day) == (2, 29)
    before: _Day = day.replace(year=day.year - 1, day=28 if leap else day.day)
    return before
