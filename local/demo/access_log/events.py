"""Convert log lines to page view events."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from clickstream.collecting.request import parse_address
from local.demo.access_log.line import Line

SECONDS_REMEMBERED = 10_000


def page_view(line: Line, host: str, key: bytes) -> dict[str, Any]:
    """The page view of a line, for an import key. `host` is used if the log has none.

    The event id derives from the line and its number, so that sending a log again sends the same events. The visitor id
    is an HMAC with `key` of address and user agent, because a log has no other identity.
    """
    visitor = hmac.new(key, f"{line.visitor}\n{line.user_agent}".encode(), sha256).hexdigest()[:32]
    event = {
        "name": "page_view",
        "event_id": str(uuid5(NAMESPACE_URL, f"{line.number}\n{line.text}")),
        "created_at": line.occurred_at.isoformat(),
        "anonymous_id": visitor,
        "page_url": f"{line.origin or f'http://{host}'}{line.target}",
        "user_agent": line.user_agent,
        "tracker": "access-log",
    }
    if (address := parse_address(line.visitor)) is not None:
        event["ip"] = address
    if line.referrer:
        event["referrer"] = line.referrer
    return event


class Order:
    """Makes equal times distinct in the log's order: each is a microsecond after the previous equal one.

    Servers write a line when a request ends, so an equal time may follow a later one. The class therefore remembers the
    last SECONDS_REMEMBERED times.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[datetime, int] = OrderedDict()

    def next(self, moment: datetime) -> datetime:
        """The time plus one microsecond for each earlier equal time."""
        place = self._seen.get(moment, 0)
        self._seen[moment] = place + 1
        self._seen.move_to_end(moment)
        if len(self._seen) > SECONDS_REMEMBERED:
            self._seen.popitem(last=False)
        return moment + timedelta(microseconds=place)
