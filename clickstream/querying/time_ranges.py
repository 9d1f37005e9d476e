"""Ranges of time in a site's time zone, safe over changes of the clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clickstream.errors import InvalidRequest

FIRST_YEAR, LAST_YEAR = 1970, 2200
_DAYS = re.compile(r"([1-9]\d{0,3})d")
_MONTHS = re.compile(r"([1-9]\d{0,2})mo")
NAMED = "day, Nd, month, Nmo, year, all"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` (included) to `end` (not), aware UTC; None is unbounded."""

    start: datetime | None
    end: datetime | None


def parse_range(given: str | Sequence[str], zone: ZoneInfo, now: datetime) -> TimeRange:
    """A range by name (whole days in the zone, today included) or by two ends.

    Of two dates both are included; of two moments the second is not. Raise InvalidRequest.
    """
    if isinstance(given, str):
        return _named(given, zone, now.astimezone(zone).date())
    if len(given) != 2:
        raise _problem(f"has two ends, not {len(given)}")
    first, last = given
    if len(first) == len(last) == 10:
        start, end = _midnight(_date(first), zone), _midnight(_date(last) + timedelta(1), zone)
    else:
        start, end = _moment(first, zone), _moment(last, zone)
    if start >= end:
        raise _problem(f"ends before it begins: {first} to {last}")
    return TimeRange(start, end)


def _named(name: str, zone: ZoneInfo, today: date) -> TimeRange:
    tomorrow = _midnight(today + timedelta(1), zone)
    if name == "all":
        return TimeRange(None, None)
    if name == "day":
        return TimeRange(_midnight(today, zone), tomorrow)
    if found := _DAYS.fullmatch(name):
        return TimeRange(_midnight(today - timedelta(int(found[1]) - 1), zone), tomorrow)
    if name == "month":
        return TimeRange(_midnight(today.replace(day=1), zone), tomorrow)
    if name == "year":
        return TimeRange(_midnight(today.replace(month=1, day=1), zone), tomorrow)
    if found := _MONTHS.fullmatch(name):
        months = today.year * 12 + today.month - int(found[1])
        first = date(max(months // 12, FIRST_YEAR), months % 12 + 1, 1)
        return TimeRange(_midnight(first, zone), tomorrow)
    raise _problem(f"must be one of {NAMED}, or two dates or moments, not {name!r}")


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _problem(f"{text!r} is no date") from None
    _check_year(day.year)
    return day


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _problem(f"{text!r} is neither a date nor a moment in ISO 8601") from None
    _check_year(moment.year)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise _problem(f"lies between the years {FIRST_YEAR} and {LAST_YEAR}, not in {year}")


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _problem(message: str) -> InvalidRequest:
    return InvalidRequest(f"date_range {message}", pointer="/date_range")


def offsets(zone: ZoneInfo, first: date, last: date) -> Sequence[tuple[datetime | None, int]]:
    """The zone's offsets over some days: (from this moment on, seconds east of UTC), the first from None.

    The engine knows no time zones, so a query carries the changes that it needs.
    """
    start = datetime.combine(first, time(), UTC) - timedelta(days=2)
    end = datetime.combine(last, time(), UTC) + timedelta(days=3)
    found: list[tuple[datetime | None, int]] = [(None, _offset(zone, start))]
    at = start
    while at < end:
        after = at + timedelta(days=1)
        if _offset(zone, after) != found[-1][1]:
            found.append((_change(zone, at, after), _offset(zone, after)))
        at = after
    return found


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the offset changes, by halving."""
    offset = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        before, after = (middle, after) if _offset(zone, middle) == offset else (before, middle)
    return after


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None, "a zone always has an offset"
    return int(offset.total_seconds())
