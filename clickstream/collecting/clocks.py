"""The four clocks of an event, and which moment is believed."""

from __future__ import annotations

from datetime import datetime, timedelta

OLDEST = timedelta(days=7)
NEWEST = timedelta(minutes=5)


def occurred(received_at: datetime, sent_at: datetime | None, created_at: datetime | None) -> tuple[datetime, bool]:
    """When it happened by the server's clock, and whether that had to be clamped.

    The device's clock may be wrong, but the time between making and sending an event is not: received - (sent -
    created). A negative difference counts as none (one tracker cuts `sent` to whole seconds). Without `sent`, `created`
    is taken as it is. The result is held within [received - 7 days, received + 5 minutes].
    """
    if created_at is None:
        return received_at, False
    # No further back than matters, or a device that stands at the year 1970 would leave the calendar.
    age = min(max(sent_at - created_at, timedelta()), 2 * OLDEST) if sent_at else received_at - created_at
    moment = received_at - age
    held = min(max(moment, received_at - OLDEST), received_at + NEWEST)
    return held, held != moment
