"""The collector: every event of a request becomes durable, as an event or as a failed event, before it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from clickstream.collecting.bots import is_bot
from clickstream.collecting.decoding import decode_body
from clickstream.collecting.dialect import Dialect, Endpoint, Item, Reading, Verdict
from clickstream.collecting.judging import Judge
from clickstream.collecting.rate_limit import RateLimit
from clickstream.collecting.request import Request, wants_verdicts, write_key
from clickstream.collecting.visitor_cookie import visitor_cookie
from clickstream.delivery.message import Delivery, Message
from clickstream.errors import Forbidden, InvalidRequest, RequestTooLarge, Unavailable
from clickstream.event import with_request_counts
from clickstream.privacy.salts import DailySalts
from clickstream.settings import Settings
from clickstream.sites.directory import Access, SiteDirectory
from clickstream.sites.document import KeyKind

# Each sink keeps its own deadline; two in turn must not add up to more than trackers wait.
ANSWER_DEADLINE_SECONDS = 3.5


class Sink(Protocol):
    """Where messages go to be durable."""

    max_message_bytes: int

    async def send(self, messages: Sequence[Message]) -> Delivery:
        """Return once every message is durable; else raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a request."""

    verdicts: Sequence[Verdict]
    delivery: Delivery
    set_cookie: str | None = None

    @property
    def failed(self) -> Sequence[Verdict]:
        """The verdicts of events that failed."""
        return [verdict for verdict in self.verdicts if verdict.status == "failed"]


class Collector:
    """Takes requests in, in any number at once."""

    def __init__(
        self,
        settings: Settings,
        sites: SiteDirectory,
        salts: DailySalts,
        events: Sink,
        failed_events: Sink,
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._sites = sites
        self._salts = salts
        self._events = events
        self._failed_events = failed_events
        self._new_id = new_id
        self._rates = RateLimit(time.monotonic)
        self.judge = Judge.from_settings(settings, events.max_message_bytes)

    async def collect(self, request: Request, dialect: Dialect, endpoint: Endpoint) -> Collected:
        """Take the events of a request. Every verdict is of something durable.

        Raise Unauthorized, Forbidden, RequestTooLarge, UnsupportedEncoding, TooManyRequests, InvalidRequest (an empty
        body), Unavailable and what the endpoint's `admit` raises; nothing was taken then.
        """
        key = write_key(request)
        access = await self._sites.writer(key) if key else None
        reading = self._read(request, endpoint)
        if access is None:
            access = await self._sites.writer(reading.write_key)
        self._check_origin(request, access)
        if endpoint.admit is not None:
            endpoint.admit(request, access.site)
        limit = self._settings.max_events_per_request
        if len(reading.items) > limit:
            raise RequestTooLarge(f"a request has at most {limit} events, not {len(reading.items)}")
        self._rates.take(key or reading.write_key or "", len(reading.items), access.site.rate_limit_per_second)
        return await self._take(request, dialect, access, reading.items)

    def _read(self, request: Request, endpoint: Endpoint) -> Reading:
        try:
            body = decode_body(request.body, request.headers, self._settings.max_request_bytes)
            return endpoint.split(replace(request, body=body))
        except InvalidRequest as problem:
            if problem.code == "empty":
                raise
            return Reading([Item.unreadable(request.body, problem)])

    def _check_origin(self, request: Request, access: Access) -> None:
        origin = request.headers.get("origin")
        if origin is not None and not access.site.allows_origin(origin):
            raise Forbidden("this site takes no events from pages of this origin", code="origin_not_allowed")

    async def _take(self, request: Request, dialect: Dialect, access: Access, items: Sequence[Item]) -> Collected:
        salt = await self._salts.current()
        cookie = visitor_cookie(request, access, self._new_id)
        sender = None
        if access.kind is KeyKind.PUBLIC:
            known = cookie.network_user_id if cookie else None
            sender = self.judge.watcher.sender(request, access.site.site, salt, known)
        outcomes = [
            self.judge.judge(item, dialect, access, sender, request.received_at, self._new_id, salt) for item in items
        ]
        accepted = [outcome.message for outcome in outcomes if outcome.verdict.status == "accepted"]
        failed = [outcome.message for outcome in outcomes if outcome.verdict.status == "failed"]
        delivery = await self._deliver(*_counted(accepted, failed))
        verdicts = [outcome.verdict for outcome in outcomes]
        if wants_verdicts(request):
            verdicts = [
                replace(outcome.verdict, bot=is_bot(outcome.user_agent, outcome.tracker)) for outcome in outcomes
            ]
        return Collected(verdicts, delivery, cookie.header_for(verdicts) if cookie else None)

    async def _deliver(self, accepted: Sequence[Message], failed: Sequence[Message]) -> Delivery:
        """Events first: when they are refused the client sends all again, and no failure must count twice by that.

        Raise Unavailable.
        """
        if not failed:
            return await self._events.send(accepted)
        try:
            async with asyncio.timeout(ANSWER_DEADLINE_SECONDS):
                events = await self._events.send(accepted)
                failures = await self._failed_events.send(failed)
        except TimeoutError:
            raise Unavailable("neither hub nor spill took the failed events in time") from None
        return Delivery(events.acknowledged + failures.acknowledged, events.spilled + failures.spilled)


def _counted(accepted: Sequence[Message], failed: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """The messages of a request, the first of which tells how many there are of each."""
    if not accepted and not failed:
        return (), ()
    first, *rest = accepted or failed
    counted = replace(first, body=with_request_counts(first.body, len(accepted), len(failed)))
    return ([counted, *rest], failed) if accepted else ([], [counted, *rest])
