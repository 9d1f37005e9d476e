"""The collector: every event of a request becomes durable, as an event or as a failed event, before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TypeVar

from clickstream.collecting.batch import Batch
from clickstream.collecting.bots import verdicts_with_bots
from clickstream.collecting.clocks import moments_of_receipt
from clickstream.collecting.decoding import decode_body
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Reading, Verdict
from clickstream.collecting.event_processor import EventProcessor, Outcome
from clickstream.collecting.json_values import TOO_MANY_VALUES, holds_too_many_values
from clickstream.collecting.rate_limit import RateLimit
from clickstream.collecting.request import MAX_ORIGIN, Request, wants_verdicts, write_key
from clickstream.collecting.sinks import Counts, Sink, Sinks
from clickstream.collecting.threads import Spent, Threads
from clickstream.collecting.visitor_cookie import visitor_cookie
from clickstream.errors import Forbidden, InvalidRequest, RequestTooLarge, Unauthorized
from clickstream.model.message import Delivery
from clickstream.privacy.salts import DailySalts
from clickstream.settings import HOLDING, Settings
from clickstream.sites.directory import Access, SiteDirectory
from clickstream.sites.document import KeyKind

Result = TypeVar("Result")

# A larger request is parsed and processed in a thread, because it could block the event loop, and starting a thread is
# cheap in comparison. A smaller one is processed on the loop, for at most this long.
LARGE_BYTES = 65_536
ON_LOOP_SECONDS = 0.01
# Processor time for parsing and processing a request. Anybody can use a public key; the other kinds are secret.
PUBLIC_SECONDS = 0.15
SECRET_SECONDS = 2.0
# The longest time that an answer waits for bot detection.
BOT_SECONDS = 30.0
# Values of a body that are looked up as its key before it is parsed.
MAX_CANDIDATES = 5_000
# Limit of the bytes of all messages of a request, as a multiple of the limit of a request's bytes.
OUTPUT_PER_INPUT = 2


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of a request of a site. `respond` writes the answer that its client counts as success."""

    site: str
    verdicts: Sequence[Verdict]
    delivery: Delivery
    respond: Callable[[Sequence[Verdict]], Answer]
    set_cookie: str | None = None
    has_salt: bool = True

    @property
    def failed(self) -> Sequence[Verdict]:
        """The verdicts of events that failed."""
        return [verdict for verdict in self.verdicts if verdict.status == "failed"]


class Collector:
    """Processes requests and makes their events durable. Safe for any number of concurrent requests."""

    def __init__(
        self,
        settings: Settings,
        sites: SiteDirectory,
        salts: DailySalts,
        events: Sink,
        failed_events: Sink,
        counts: Counts,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._sites = sites
        self._salts = salts
        self._sinks = Sinks(events, failed_events, counts, settings.sending_time, now)
        self._new_id = new_id
        self._now = now
        self._rates = RateLimit(time.monotonic)
        self._threads = Threads()
        self.processor = EventProcessor.from_settings(settings, events.max_message_bytes)

    async def collect(self, request: Request, dialect: Dialect, endpoint: Endpoint) -> Collected:
        """Store the events of a request. Every event with a verdict is durable, as an event or as a failed event.

        Raise Unauthorized, Forbidden, RequestTooLarge, LengthRequired, UnsupportedEncoding, TooManyRequests,
        InvalidRequest (an empty body) and what the endpoint's `admit` raises: nothing is stored then. Raise Unavailable
        if not every event is known to be durable: the client sends all of them again.
        """
        spent = Spent()
        key, access, reading = await self._read(request, endpoint, spent)
        salt = await self._salts.current()
        cookie = visitor_cookie(request, access, self._new_id)
        sender = None
        events, rate = len(reading.elements), access.site.rate_limit_per_second
        if access.kind is KeyKind.PUBLIC:
            value = cookie.value if cookie else None
            sender = self.processor.context_reader.of_request(request, access.site.site, salt, value)
            self._rates.take_from(sender.ip, key, events, rate)
        else:
            self._rates.take(key, events, rate)

        moments = moments_of_receipt(request.received_at, len(reading.elements))
        moment = iter(moments)

        def process(item: Item) -> Outcome:
            return self.processor.process(item, dialect, access, sender, next(moment), self._new_id, salt)

        outcomes = await self._processed(request, access, reading, process, spent)
        accepted = [outcome.message for outcome in outcomes if outcome.verdict.status == "accepted"]
        failed = [outcome.message for outcome in outcomes if outcome.verdict.status == "failed"]
        received_at = moments[0] if moments else request.received_at
        delivery = await self._sinks.send(access.site.site, received_at, accepted, failed)
        verdicts: Sequence[Verdict] = [outcome.verdict for outcome in outcomes]
        if wants_verdicts(request):
            verdicts = await verdicts_with_bots(outcomes, self._threads, BOT_SECONDS)
        set_cookie = cookie.header_for(verdicts) if cookie else None
        respond = reading.respond or partial(endpoint.respond, request)
        return Collected(access.site.site, verdicts, delivery, respond, set_cookie, salt is not None)

    async def _read(self, request: Request, endpoint: Endpoint, spent: Spent) -> tuple[str, Access, Reading]:
        """The write key, what it opens, and the events. The body is parsed only if a key opens a site."""
        header_key = write_key(request)
        opened = None
        if header_key is not None or endpoint.body_keys is None:
            opened = await self._sites.first_writer([header_key] if header_key else _parameters(request, endpoint))
        try:
            decoded = await self._off_the_loop(request, spent, lambda: self._decoded(request))
            if opened is None:
                keys = await self._off_the_loop(decoded, spent, lambda: _candidates(decoded, endpoint))
                opened = await self._sites.first_writer(keys)
            self._admit(request, endpoint, opened[1])
            reading = await self._off_the_loop(decoded, spent, lambda: self._split(decoded, endpoint))
        except InvalidRequest as problem:
            if opened is None:
                raise Unauthorized("this write key opens no site") from None
            if problem.code == "empty":
                raise
            return *opened, _unreadable(request.body, problem)
        if header_key is None:
            opened = await self._sites.first_writer([reading.write_key] if reading.write_key else [])
            self._admit(request, endpoint, opened[1])
        return *opened, reading

    def _decoded(self, request: Request) -> Request:
        return replace(request, body=decode_body(request.body, request.headers, self._settings.max_request_bytes))

    def _split(self, request: Request, endpoint: Endpoint) -> Reading:
        if holds_too_many_values(request.body):
            raise RequestTooLarge(TOO_MANY_VALUES)
        return endpoint.split(request, self._settings.max_events_per_request)

    def _admit(self, request: Request, endpoint: Endpoint, access: Access) -> None:
        origin = request.headers.get("origin")
        if origin is not None and (len(origin) > MAX_ORIGIN or not access.site.allows_origin(origin)):
            raise Forbidden("this site takes no events from pages of this origin", code="origin_not_allowed")
        if endpoint.admit is not None:
            endpoint.admit(request, access.site)

    async def _processed(
        self, request: Request, access: Access, reading: Reading, process: Callable[[Item], Outcome], spent: Spent
    ) -> Sequence[Outcome]:
        """Process the events on the event loop, or in a thread if they are large or exceed ON_LOOP_SECONDS."""
        items = map(reading.complete, reading.elements)
        batch = Batch(items, len(reading.elements), process, OUTPUT_PER_INPUT * self._settings.max_request_bytes)
        seconds = PUBLIC_SECONDS if access.kind is KeyKind.PUBLIC else SECRET_SECONDS
        done = len(request.body) <= LARGE_BYTES and spent.on(lambda: batch.process(ON_LOOP_SECONDS))
        left = seconds - spent.seconds
        if not done and not await self._threads.run(lambda: batch.process(left), self._seconds_left(request)):
            raise RequestTooLarge(
                f"to read and judge these events takes more than {seconds * 1000:.0f} ms of processor time; "
                "send fewer at once"
            )
        return batch.outcomes

    async def _off_the_loop(self, request: Request, spent: Spent, work: Callable[[], Result]) -> Result:
        """The work's result. Small requests run on the event loop, because a thread would cost more than the work."""
        if len(request.body) <= LARGE_BYTES:
            return spent.on(work)
        return await self._threads.run(lambda: spent.on(work), self._seconds_left(request))

    def _seconds_left(self, request: Request) -> float:
        """How long the request may wait until its events are too old to be sent."""
        return (request.received_at + HOLDING - self._now()).total_seconds()


def _parameters(request: Request, endpoint: Endpoint) -> Sequence[str]:
    """The values of the endpoint's key parameters."""
    return [value for name in endpoint.key_parameters if (value := request.parameters.get(name))]


def _candidates(request: Request, endpoint: Endpoint) -> Sequence[str]:
    """Distinct candidates for the key, from the parameters and the unparsed body. Raise InvalidRequest."""
    in_body = [] if endpoint.body_keys is None else islice(endpoint.body_keys(request), MAX_CANDIDATES)
    return list(dict.fromkeys([*_parameters(request, endpoint), *in_body]))


def _unreadable(body: bytes, problem: InvalidRequest) -> Reading:
    """A body that cannot be parsed, as one failed event."""
    return Reading([body], complete=lambda original: Item(original, problem))
