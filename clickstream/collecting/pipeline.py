"""From what a client states and what the server saw to the canonical event: the steps, in order."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from clickstream.collecting import clocks, pages
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.request import Request, parse_address, truncated
from clickstream.event import Event, fingerprint
from clickstream.sites.directory import WriteAccess
from clickstream.sites.document import KeyKind

NAMES_OF_TYPES = {"pageview": "page_view", "$pageview": "page_view"}
TYPES = frozenset({"page_view", "page_ping", "identify", "group", "alias", "screen"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """One client event with all that the steps may look at."""

    event: ClientEvent
    request: Request
    access: WriteAccess
    dialect: str
    address: str | None
    new_id: Callable[[], str]
    visitor_id_key: bytes

    @property
    def from_server(self) -> bool:
        """A secret key speaks for somebody else's device, so what it says of that device counts."""
        return self.access.kind is not KeyKind.PUBLIC


Step = Callable[[Envelope], Mapping[str, Any]]


def name_it(envelope: Envelope) -> Mapping[str, Any]:
    """Id, type and name; a name that is one of the types is the type."""
    event = envelope.event
    name = NAMES_OF_TYPES.get(event.name, event.name)
    kind = event.type or (name if name in TYPES else "custom")
    return {"event_id": event.event_id or envelope.new_id(), "event_type": kind, "event_name": name}


def set_clocks(envelope: Envelope) -> Mapping[str, Any]:
    """The four clocks. An import key states history, so its `created_at` is taken as it is."""
    event, received_at = envelope.event, envelope.request.received_at
    if envelope.access.kind is KeyKind.IMPORT and event.created_at is not None:
        occurred_at, clamped = event.created_at, False
    else:
        occurred_at, clamped = clocks.occurred(received_at, event.sent_at, event.created_at)
    return {
        "created_at": event.created_at,
        "sent_at": event.sent_at,
        "received_at": received_at,
        "occurred_at": occurred_at,
        "clock_clamped": clamped,
    }


def describe_device(envelope: Envelope) -> Mapping[str, Any]:
    """Agent, language and screen."""
    event, headers = envelope.event, envelope.request.headers
    agent = event.user_agent if envelope.from_server else headers.get("user-agent")
    accepted = None if envelope.from_server else headers.get("accept-language")
    return {
        "user_agent": agent[:1024] if agent else None,
        "language": event.language or _first_language(accepted),
        "screen_width": event.screen_width,
        "screen_height": event.screen_height,
        "viewport_width": event.viewport_width,
        "viewport_height": event.viewport_height,
        "time_zone": event.time_zone,
    }


def identify(envelope: Envelope) -> Mapping[str, Any]:
    """Who it was. The whole address is used here, for the hash, and nowhere after."""
    event = envelope.event
    address = _visitor_address(envelope)
    agent = event.user_agent if envelope.from_server else envelope.request.headers.get("user-agent")
    anonymous_id = event.anonymous_id
    if anonymous_id is None and address is not None:
        day = envelope.request.received_at.date().isoformat()
        anonymous_id = _visitor_id(envelope.visitor_id_key, day, envelope.access.site.site, address, agent or "")
    return {
        "anonymous_id": anonymous_id,
        "user_id": event.user_id,
        "previous_id": event.previous_id,
        "group_id": event.group_id,
        "session_id": event.session_id,
        "session_index": event.session_index,
        "ip": truncated(address) if address else None,
        "consent": event.consent,
    }


def describe_page(envelope: Envelope) -> Mapping[str, Any]:
    """Page, referrer and campaign."""
    event = envelope.event
    found: dict[str, Any] = {"page_title": event.page_title}
    if event.page_url:
        page = pages.parse_address(event.page_url)
        found |= {"page_url": page.url, "page_host": page.host, "page_path": page.path, "page_query": page.query}
        found |= pages.campaign(page.query)
    if event.referrer:
        referrer = pages.parse_address(event.referrer)
        found |= {"referrer": referrer.url, "referrer_host": referrer.host}
    return found


def keep_the_rest(envelope: Envelope) -> Mapping[str, Any]:
    """What the site and the tracker said freely."""
    event = envelope.event
    return {"properties": event.properties, "context": event.context, "tracker": event.tracker}


STEPS: tuple[Step, ...] = (name_it, set_clocks, describe_device, identify, describe_page, keep_the_rest)

# Content that says whether two events with one id are copies: no ids and clocks of transport, nothing the server saw.
CONTENT = ("event_type", "event_name", "created_at", "user_id", "page_url", "referrer", "properties")


def canonical(envelope: Envelope) -> Event:
    """The canonical event."""
    fields: dict[str, Any] = {"site": envelope.access.site.site, "dialect": envelope.dialect}
    for step in STEPS:
        fields |= step(envelope)
    content = {name: value for name in CONTENT if (value := fields.get(name)) is not None}
    return Event(**fields, fingerprint=fingerprint(content))


def _visitor_address(envelope: Envelope) -> str | None:
    if not envelope.from_server:
        return envelope.address
    return parse_address(envelope.event.ip) if envelope.event.ip else None


def _visitor_id(key: bytes, day: str, site: str, address: str, agent: str) -> str:
    """128 bits in hex that hold for one day and one site; without the key nobody can find the address by trying."""
    return hmac.new(key, "\n".join((day, site, address, agent)).encode(), sha256).hexdigest()[:32]


def _first_language(accepted: str | None) -> str | None:
    if not accepted:
        return None
    return accepted.partition(",")[0].partition(";")[0].strip()[:35] or None
