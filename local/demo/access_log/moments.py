"""Parses the moments of access logs, in every notation that web servers write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_COMMON = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6})\d*)? ([+-])(\d\d):?(\d\d)")
_MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SLASHES = re.compile(r"(\d{4})/(\d\d)/(\d\d)")
# As seconds, the year 5138: larger numbers are in thousandths, millionths or billionths.
_NOT_SECONDS = 1e11


def parse_moment(text: str) -> datetime:
    """The moment in UTC. Raise ValueError.

    Reads the common log format's `17/Nov/2026:10:00:00 +0000`, ISO 8601, `2026/11/17 10:00:00`, and numbers since 1970
    in seconds or in thousandths, millionths or billionths of them. A moment without a zone is in UTC. A leap second
    becomes the last microsecond of its minute, as in the collector.
    """
    if (match := _COMMON.fullmatch(text)) is not None:
        day, month, year, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        is_leap = second == "60"
        return datetime(
            int(year), _MONTHS.index(month), int(day), int(hour), int(minute), 59 if is_leap else int(second),
            999_999 if is_leap else int((fraction or "0").ljust(6, "0")),
            timezone(-offset if sign == "-" else offset),
        ).astimezone(UTC)  # fmt: skip
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(_SLASHES.sub(r"\1-\2-\3", text, count=1))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    for _ in range(3):
        if seconds >= _NOT_SECONDS:
            seconds /= 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError(f"no moment: {text}") from None
