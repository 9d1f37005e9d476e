"""The four clocks of an event, and the moment that is taken as the time of the event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from clickstream.model.pipeline_hour import floored

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
OLDEST = timedelta(days=7)
NEWEST = timedelta(minutes=5)


def occurred(received_at: datetime, sent_at: datetime | None, created_at: datetime | None) -> tuple[datetime, bool]:
    """The time of the event by the server's clock, and whether it was clamped.

    The device's clock may be wrong, but the time between two of its readings is not: received - (sent - created). A
    negative difference counts as zero (one tracker truncates `sent` to whole seconds). Without `sent`, `created` is
    used unchanged; without `created`, `received`. The result is clamped to [received - 7 days, received + 5 minutes].
    """
    if created_at is None:
        return received_at, False
    # Bounded, because a device whose clock shows the year 1970 would overflow the calendar.
    age = min(max(sent_at - created_at, timedelta()), 2 * OLDEST) if sent_at else received_at - created_at
    moment = received_at - age
    clamped = min(max(moment, received_at - OLDEST), received_at + NEWEST)
    return clamped, clamped != moment


def moments_of_receipt(received_at: datetime, count: int) -> Sequence[datetime]:
    """A moment for each event of one request, in order, a microsecond apart and in one hour.

    They distinguish a message that is delivered twice from one that a request contains twice, and keep the order of
    events that have no time of their own.
    """
    if count > 1:
        # Events are counted by hour, and a request is counted as a whole, so all moments are in one hour.
        received_at = min(received_at, floored(received_at) + HOUR - MICROSECOND * count)
    return [received_at + MICROSECOND * number for number in range(count)]
