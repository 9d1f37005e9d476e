"""From what a client states and what the server saw to the canonical event: the steps, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clickstream.collecting import clocks, pages
from clickstream.collecting.client_event import ClientEvent
from clickstream.errors import InvalidRequest
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.sites.judging import Definitions

NAMES_OF_TYPES = {"pageview": "page_view", "$pageview": "page_view"}
TYPES = frozenset({"page_view", "page_ping", "identify", "group", "alias", "screen"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server saw of who sent a request, already made harmless: `ip` is cut, `visitor_id` a keyed hash.

    `signals` are the headers that speak of consent.
    """

    visitor_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    language: str | None = None
    network_user_id: str | None = None
    signals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One client event with all that the steps may look at."""

    event: ClientEvent
    seen: Seen
    received_at: datetime
    access: Access
    dialect: str
    new_id: Callable[[], str]


Step = Callable[[Envelope], Mapping[str, Any]]


def name_it(envelope: Envelope) -> Mapping[str, Any]:
    """Id, type and name; a name that is one of the types is the type."""
    event = envelope.event
    name = NAMES_OF_TYPES.get(event.name, event.name)
    kind = event.type or (name if name in TYPES else "custom")
    return {"event_id": event.event_id or envelope.new_id(), "event_type": kind, "event_name": name}


def set_clocks(envelope: Envelope) -> Mapping[str, Any]:
    """The four clocks. An import key states history, so its `created_at` is taken as it is."""
    event, received_at = envelope.event, envelope.received_at
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
    event, seen = envelope.event, envelope.seen
    return {
        "user_agent": seen.user_agent,
        "language": event.language or seen.language,
        "screen_width": event.screen_width,
        "screen_height": event.screen_height,
        "viewport_width": event.viewport_width,
        "viewport_height": event.viewport_height,
        "time_zone": event.time_zone,
    }


def identify(envelope: Envelope) -> Mapping[str, Any]:
    """Who it was."""
    event, seen = envelope.event, envelope.seen
    return {
        "anonymous_id": event.anonymous_id or seen.network_user_id or seen.visitor_id,
        "user_id": event.user_id,
        "previous_id": event.previous_id,
        "group_id": event.group_id,
        "session_id": event.session_id,
        "session_index": event.session_index,
        "ip": seen.ip,
    }


def describe_page(envelope: Envelope) -> Mapping[str, Any]:
    """Page, referrer and campaign. What the page's query says of the campaign goes before what the client says."""
    event = envelope.event
    found: dict[str, Any] = {"page_title": event.page_title}
    found |= {name: stated for name in pages.UTM if (stated := getattr(event, name))}
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
    event, network_user_id = envelope.event, envelope.seen.network_user_id
    context = event.context
    if network_user_id is not None:
        context = {"network_user_id": network_user_id, **context}
    return {
        "properties": event.properties,
        "context": context,
        "tracker": event.tracker,
        "definition_version": event.schema_version,
    }


STEPS: tuple[Step, ...] = (name_it, set_clocks, describe_device, identify, describe_page, keep_the_rest)


def described(envelope: Envelope) -> dict[str, Any]:
    """The canonical event's fields, before privacy. Raise InvalidRequest (definition_violation) where it is blocked."""
    site = envelope.access.site
    fields: dict[str, Any] = {"site": site.site, "dialect": envelope.dialect}
    for step in STEPS:
        fields |= step(envelope)
    fields |= hold_to_definition(fields, site.definitions, envelope.event.schema_version)
    return fields


def hold_to_definition(fields: Mapping[str, Any], definitions: Definitions, version: str | None) -> Mapping[str, Any]:
    """The violations that the event carries, none where it has none. Raise InvalidRequest where they block it."""
    judgement = definitions.check(fields["event_type"], fields["event_name"], fields["properties"], version)
    if not judgement.violations:
        return {}
    if judgement.block:
        first, more = judgement.violations[0], len(judgement.violations) - 1
        message = f"{first.message} (and {more} more)" if more else first.message
        raise InvalidRequest(message, code="definition_violation", pointer=first.pointer)
    return {"violations": [violation.to_dict() for violation in judgement.violations]}
