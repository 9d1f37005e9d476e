"""The collector: every event of a request becomes durable, as an event or as a failed event, before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from clickstream.collecting import client_event, plain
from clickstream.collecting.pipeline import Envelope, canonical
from clickstream.collecting.request import Request, client_address, write_key
from clickstream.delivery.message import Delivery, Message
from clickstream.errors import InvalidRequest, RequestTooLarge
from clickstream.event import SCHEMA_VERSION, Event, FailedEvent
from clickstream.settings import Settings
from clickstream.sites.directory import SiteDirectory, WriteAccess

MAX_PAYLOAD_KEPT_BYTES = 32_768


class Sink(Protocol):
    """Where messages go to be durable."""

    max_message_bytes: int

    async def send(self, messages: Sequence[Message]) -> Delivery:
        """Return once every message is durable; else raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event of a request."""

    status: Literal["accepted", "failed"]
    event_id: str
    code: str | None = None
    pointer: str | None = None
    message: str | None = None


class Collector:
    """Takes requests in, in any number at once."""

    def __init__(
        self, settings: Settings, sites: SiteDirectory, events: Sink, failed_events: Sink, new_id: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._sites = sites
        self._events = events
        self._failed_events = failed_events
        self._new_id = new_id

    async def collect(self, request: Request) -> Sequence[Verdict]:
        """Take the events of a body. Every verdict is of something durable.

        Raise Unauthorized, RequestTooLarge, InvalidRequest (an empty body) and Unavailable; nothing was taken then.
        """
        self._check_size(request)
        access = await self._sites.writer(write_key(request))
        try:
            items = plain.read_body(request.body, request.headers.get("content-type", ""))
        except InvalidRequest as problem:
            if problem.code == "empty":
                raise
            items = [plain.Item(None, request.body, problem)]
        return await self._take(request, access, items)

    async def collect_pixel(self, request: Request) -> Sequence[Verdict]:
        """Take the one event that the query's parameters tell. Raises as `collect`."""
        access = await self._sites.writer(write_key(request))
        return await self._take(request, access, [plain.read_parameters(request.parameters)])

    def _check_size(self, request: Request) -> None:
        limit = self._settings.max_request_bytes
        if len(request.body) > limit:
            raise RequestTooLarge(f"a request has at most {limit} bytes, not {len(request.body)}")

    async def _take(self, request: Request, access: WriteAccess, items: Sequence[plain.Item]) -> Sequence[Verdict]:
        limit = self._settings.max_events_per_request
        if len(items) > limit:
            raise RequestTooLarge(f"a request has at most {limit} events, not {len(items)}")
        address = client_address(request.headers, self._settings.trusted_proxy_hops)
        outcomes = [self._outcome(request, access, item, address) for item in items]
        await self._events.send([message for message, verdict in outcomes if verdict.status == "accepted"])
        await self._failed_events.send([message for message, verdict in outcomes if verdict.status == "failed"])
        return [verdict for _, verdict in outcomes]

    def _outcome(
        self, request: Request, access: WriteAccess, item: plain.Item, address: str | None
    ) -> tuple[Message, Verdict]:
        try:
            if item.problem is not None:
                raise item.problem
            event = canonical(
                Envelope(
                    event=client_event.check(item.fields or {}),
                    request=request,
                    access=access,
                    dialect=plain.DIALECT,
                    address=address,
                    new_id=self._new_id,
                    visitor_id_key=self._settings.visitor_id_key.encode(),
                )
            )
            return self._event_message(event), Verdict("accepted", event.event_id)
        except InvalidRequest as problem:
            payload = item.payload()
            failed = FailedEvent(
                failed_event_id=self._new_id(),
                site=access.site.site,
                received_at=request.received_at,
                stage="collect",
                failure_class=problem.code,
                pointer=problem.pointer or "",
                message=problem.message,
                dialect=plain.DIALECT,
                payload=payload[:MAX_PAYLOAD_KEPT_BYTES],
                payload_truncated=len(payload) > MAX_PAYLOAD_KEPT_BYTES,
            )
            verdict = Verdict("failed", failed.failed_event_id, problem.code, problem.pointer, problem.message)
            return _failed_message(failed), verdict

    def _event_message(self, event: Event) -> Message:
        body = event.to_json()
        if len(body) > self._events.max_message_bytes:
            raise InvalidRequest(
                f"an event has at most {self._events.max_message_bytes} bytes, this one {len(body)}",
                code="size_violation",
                pointer="",
            )
        properties = {
            "site": event.site,
            "event_type": event.event_type,
            "event_name": event.event_name,
            "schema_version": SCHEMA_VERSION,
        }
        return Message(body, event.visitor, properties)


def _failed_message(failed: FailedEvent) -> Message:
    properties = {"failure_class": failed.failure_class, "schema_version": SCHEMA_VERSION}
    if failed.site:
        properties["site"] = failed.site
    return Message(failed.to_json(), failed.failed_event_id, properties)
