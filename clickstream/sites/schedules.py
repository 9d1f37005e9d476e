"""When a job runs: a frequency, and optionally a time of day in a time zone. Right on nights when clocks change."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, model_validator

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Schedule(BaseModel):
    """How often a job runs. The first run is due at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["hour", "day", "week", "month"] = Field(default="day", description="How often the job runs.")
    at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = Field(
        default=None,
        description="Time of day, HH:MM in the job's time zone. None: an interval after the end of the last run.",
    )
    day: (
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "last"]
        | Annotated[StrictInt, Field(ge=1, le=31)]
        | None
    ) = Field(
        default=None,
        description="With `at`: the weekday of a weekly job, or the day of the month of a monthly one, 1 to 31 or "
        "last; in a short month 31 is its last day. None: that of the first run.",
    )

    @model_validator(mode="after")
    def _fits_the_frequency(self) -> Self:
        if self.every == "hour" and self.at is not None:
            raise ValueError("a job of every hour has no time of day")
        if self.day is not None:
            if self.at is None or self.every not in ("week", "month"):
                raise ValueError("`day` needs `at`, and a weekly or monthly job")
            if (self.every == "week") != (self.day in WEEKDAYS):
                raise ValueError("`day` of a weekly job is a weekday; of a monthly one 1 to 31, or last")
        return self

    def due_after(self, moment: datetime, first: datetime, zone: ZoneInfo) -> datetime:
        """The next due time after a moment, in UTC.

        `first` is the due time of the first run. With `at`, `moment` is any moment; without, the end of a run.
        """
        if self.every == "hour":
            return moment.astimezone(UTC) + HOUR
        local = moment.astimezone(zone)
        if self.at is None:
            return in_utc(datetime.combine(self._next_day(local.date(), local.date()), local.time()), zone)
        clock = time_of_day.fromisoformat(self.at)
        anchor = first.astimezone(zone).date()
        day = local.date() - DAY  # a gap may move yesterday's time of day to today
        while (due := in_utc(datetime.combine(day, clock), zone)) <= moment or not self._is_day(day, anchor):
            day += DAY
        return due

    def latest_due(self, due: datetime, now: datetime, first: datetime, zone: ZoneInfo) -> datetime:
        """The last due time that is not after `now`. One run makes up for all due times that were missed."""
        while self.at is not None and (following := self.due_after(due, first, zone)) <= now:
            due = following
        return due

    def _next_day(self, day: date, anchor: date) -> date:
        if self.every == "month":
            first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            return first.replace(day=min(anchor.day, _days_of_month(first)))
        return day + (7 * DAY if self.every == "week" else DAY)

    def _is_day(self, day: date, anchor: date) -> bool:
        if self.every == "week":
            return day.weekday() == (anchor.weekday() if self.day is None else WEEKDAYS.index(str(self.day)))
        if self.every == "month":
            wanted = anchor.day if self.day is None else 31 if self.day == "last" else int(self.day)
            return day.day == min(wanted, _days_of_month(day))
        return True


def in_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment when clocks of the zone show `wall`: the first of two; the end of the gap if they never show it."""
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall = wall.replace(second=0, microsecond=0) + MINUTE


def _days_of_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]
