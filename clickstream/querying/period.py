"""Resolve a date range to a period between two moments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from clickstream.filters.dimensions import Kind

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
        """The same begin, and the later of both ends."""
        later = max(self.end.astimezone(UTC), end.astimezone(UTC))
        return Period(self.begin, later.astimezone(self.end.tzinfo))

    def since(self, begin: datetime) -> Period:
        """The same end, and the earlier of both begins."""
        earlier = min(self.begin.astimezone(UTC), begin.astimezone(UTC))
        return Period(earlier.astimezone(self.begin.tzinfo), self.end)

    def bucket_end(self, label: date, kind: Kind) -> datetime:
        """The end of the minute, hour, day, week or month that begins with a label of `labels`."""
        if isinstance(label, datetime):
            return _next_start(_LENGTHS[kind], label)
        days = 7 if kind is Kind.WEEK else 1
        after = _months_back(label, -1) if kind is Kind.MONTH else label + timedelta(days)
        return _midnight(after, _zone_of(self.begin))

    def partial_labels(self, kind: Kind, until: datetime | None) -> Iterator[date]:
        """The labels whose time lies partly outside the period or after `until`; all labels if that is unknown."""
        begin, end = self.begin.astimezone(UTC), self.end.astimezone(UTC)
        if until is not None:
            end = min(end, until.astimezone(UTC))
        for label in self.labels(kind):
            first = label if isinstance(label, datetime) else _midnight(label, _zone_of(self.begin))
            if until is None or first.astimezone(UTC) < begin or self.bucket_end(label, kind).astimezone(UTC) > end:
                yield label

    @property
    def is_of_days(self) -> bool:
        """Whether it begins and ends with a day of the zone."""
        zone = _zone_of(self.begin)
        return all(moment == _midnight(moment.date(), zone) for moment in (self.begin, self.end))

    def labels(self, kind: Kind) -> Iterator[date]:
        """The start of every minute, hour, day, week or month of the zone that the period touches, in order.

        Moments for minutes and hours, in which a repeated hour comes twice; otherwise dates.
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
        while moment.astimezone(UTC) < self.end.astimezone(UTC):
            yield moment
            moment = _next_start(length, moment)


def _start_of(length: timedelta, local: datetime) -> datetime:
    """The start of a minute or an hour; computed in UTC, so that it is right on days when the clocks change.

    If they change within the hour, the part after the change begins with it: at a half hour of UTC.
    """
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) % length
    moment = local.astimezone(UTC)
    start = (moment - past).astimezone(local.tzinfo)
    if start.replace(tzinfo=None) == local.replace(tzinfo=None) - past:
        return start
    past = timedelta(minutes=moment.minute % 30, seconds=moment.second, microseconds=moment.microsecond)
    return (moment - past).astimezone(local.tzinfo)


def _next_start(length: timedelta, start: datetime) -> datetime:
    """The start of the next minute or hour. Offsets of zones are whole quarters of an hour."""
    moment, step = start.astimezone(UTC), min(length, timedelta(minutes=15))
    while True:
        moment += step
        after = _start_of(length, moment.astimezone(start.tzinfo))
        if after.astimezone(UTC) > start.astimezone(UTC):
            return after


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


# For each name, the function from the current time in the site's zone to the period.
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

    Raise ValueError with a message for the caller.
    """
    if isinstance(range_, str):
        return NAMED_RANGES[range_](now.astimezone(zone))
    return parse_pair(range_, zone)


def parse_pair(pair: tuple[str, str], zone: ZoneInfo) -> Period:
    """`resolve` for two dates or two moments."""
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
    # Converted to UTC and back, so that a skipped midnight becomes the first moment that exists.
    return datetime.combine(day, time(), zone).astimezone(UTC).astimezone(zone)


def _in_reach(day: _Day) -> _Day:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"years go from {FIRST_YEAR} to {LAST_YEAR}, not {day.year}")
    return day


def previous(period: Period, match_day_of_week: bool = False) -> Period:
    """The period of the same length right before. For whole days, it has as many days, whatever their length.

    With `match_day_of_week`, it begins whole weeks earlier, as few as possible without an overlap.
    """
    if not period.is_of_days:
        length = period.end.astimezone(UTC) - period.begin.astimezone(UTC)
        back = _whole_weeks(length) if match_day_of_week else length
        return Period(*((moment.astimezone(UTC) - back).astimezone(moment.tzinfo) for moment in _ends(period)))
    first, end = period.begin.date(), period.end.date()
    back = _whole_weeks(end - first) if match_day_of_week else end - first
    return _days(first - back, end - back - timedelta(1), _zone_of(period.begin))


def year_before(period: Period, match_day_of_week: bool = False) -> Period:
    """The same dates, or the same moments by the clock, of the year before; 28 February for 29 February.

    With `match_day_of_week` it is moved to the nearest dates that begin with the same day of the week.
    """
    if not period.is_of_days:
        begin, end = _ends(period)
        moved = _to_day_of_week(begin, _year_before(begin)) if match_day_of_week else timedelta()
        return Period(_year_before(begin) + moved, _year_before(end) + moved)
    first, last = period.begin.date(), period.end.date() - timedelta(1)
    moved = _to_day_of_week(first, _year_before(first)) if match_day_of_week else timedelta()
    if match_day_of_week:  # as many days, over a leap day too
        return _days(_year_before(first) + moved, _year_before(first) + moved + (last - first), _zone_of(period.begin))
    return _days(_year_before(first), _year_before(last), _zone_of(period.begin))


def same_part(other: Period, period: Period, until: datetime) -> Period:
    """The part of the other period that corresponds to `period` until a moment: to the same time of the same day.

    The whole other period if the moment is outside `period`.
    """
    until = until.astimezone(period.begin.tzinfo)
    if not period.begin.astimezone(UTC) < until.astimezone(UTC) < period.end.astimezone(UTC):
        return other
    if period.is_of_days and other.is_of_days:
        day = other.begin.date() + (until.date() - period.begin.date())
        end = datetime.combine(day, until.time(), other.begin.tzinfo).astimezone(UTC)
    else:
        end = other.begin.astimezone(UTC) + (until.astimezone(UTC) - period.begin.astimezone(UTC))
    end = max(end.replace(microsecond=0), other.begin.astimezone(UTC) + timedelta(seconds=1))
    return Period(other.begin, min(end, other.end.astimezone(UTC)).astimezone(other.begin.tzinfo))


def _ends(period: Period) -> tuple[datetime, datetime]:
    return period.begin, period.end


def _whole_weeks(length: timedelta) -> timedelta:
    return timedelta(weeks=max(1, -(-length // timedelta(weeks=1))))


def _to_day_of_week(day: date, other: date) -> timedelta:
    """From `other` to the nearest date with the day of the week that `day` has."""
    return timedelta((day.weekday() - other.weekday() + 3) % 7 - 3)


def _year_before(day: _Day) -> _Day:
    leap = (day.month, day.day) == (2, 29)
    before: _Day = day.replace(year=day.year - 1, day=28 if leap else day.day)
    return before
