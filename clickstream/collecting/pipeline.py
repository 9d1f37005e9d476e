"""The pipeline: every step from an original to the message of its event, with the reasons for which each step may fail.

A step sets attributes of the envelope. It raises InvalidRequest, whose `code` is one of the step's reasons and becomes
the failure class of the failed event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from clickstream.collecting import client_event, clocks, pages
from clickstream.collecting.client_context import ClientContext, ContextReader
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.commerce import REVENUE, describe_order
from clickstream.collecting.dialect import Dialect
from clickstream.collecting.interaction import is_interactive
from clickstream.collecting.privacy_filter import apply_privacy, decision_on
from clickstream.collecting.tolerance import LeftOut, read_tolerantly
from clickstream.errors import InvalidRequest
from clickstream.model.event import Event
from clickstream.privacy.consent import Decision
from clickstream.privacy.nobody import pseudonyms_of_nobody
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.privacy.signatures import USER_ID_SIGNATURE, is_signed
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind

NAMES_OF_TYPES = {"pageview": "page_view", "$pageview": "page_view"}
TYPES = frozenset({"page_view", "page_ping", "identify", "group", "alias", "screen"})


@dataclass(frozen=True)
class Rules:
    """The operator's rules for the events of all sites. Safe to share between threads."""

    context_reader: ContextReader
    pseudonym_keys: PseudonymKeys
    max_message_bytes: int
    signing_secret: Callable[[str, int], str]
    """The secret of a site and version that signs user ids."""

    @cached_property
    def pseudonyms_of_nobody(self) -> frozenset[str]:
        """Pseudonyms that placeholder ids got if a client took them for ids."""
        return pseudonyms_of_nobody(self.pseudonym_keys)


@dataclass(slots=True)
class Envelope:
    """What is known of an event. The first fields come with the request; each of the others is set by a step.

    `sender` is the device that sent the request. It is None for requests of servers: then `client` becomes the device
    that the event names, with an id derived from the day's `salt`.
    """

    original: object
    problem: InvalidRequest | None
    dialect: Dialect
    access: Access
    sender: ClientContext | None
    received_at: datetime
    new_id: Callable[[], str]
    salt: bytes | None
    rules: Rules
    client: ClientContext
    is_import: bool
    """Whether it is history, whose clocks are used unchanged."""
    left_out: LeftOut = field(default_factory=LeftOut)
    decision: Decision | None = None
    """What may be stored; None until the event's consent is known."""
    read: Mapping[str, Any] = field(init=False)
    """The original's members as the dialect reads them."""
    event: ClientEvent = field(init=False)
    user_verified: bool | None = field(init=False)
    """Whether a secret key or a signature proves the user id; None without one."""
    fields: dict[str, Any] = field(init=False)
    """The fields of the canonical event."""
    stored: Event = field(init=False)
    body: bytes = field(init=False)
    """The body of the hub's message."""


class Step(NamedTuple):
    """One step, and the codes of the errors that it raises."""

    run: Callable[[Envelope], None]
    reasons: tuple[str, ...] = ()


def open_original(envelope: Envelope) -> None:
    """Require an object that the dialect could separate from its request."""
    if (problem := envelope.problem) is not None:
        raise problem
    if not isinstance(envelope.original, dict):
        kind = "null" if envelope.original is None else type(envelope.original).__name__
        raise InvalidRequest(f"an event is an object, not {kind}", code="schema_violation", pointer="")


def read_original(envelope: Envelope) -> None:
    """Read the original by its dialect, without the invalid values that the event does not need."""
    assert isinstance(envelope.original, dict)
    read, strict = envelope.dialect.read, envelope.is_import
    envelope.read = read_tolerantly(read, envelope.original, envelope.left_out, strict_clocks=strict)


def validate_fields(envelope: Envelope) -> None:
    """Validate the fields, cut what is over a limit, and leave out placeholder ids."""
    envelope.event = client_event.check(
        envelope.read,
        envelope.left_out,
        strict_clocks=envelope.is_import,
        pseudonyms=envelope.rules.pseudonyms_of_nobody,
    )


def verify_user(envelope: Envelope) -> None:
    """Whether the user id is proven. The signature is removed from the event, and listed if it is not valid."""
    event, access, left_out = envelope.event, envelope.access, envelope.left_out
    envelope.user_verified = None if event.user_id is None else access.kind is not KeyKind.PUBLIC
    signatures = [
        (place, members[USER_ID_SIGNATURE])
        for place, members in (("properties", event.properties), ("context", event.context))
        if USER_ID_SIGNATURE in members
    ]
    if not signatures:
        return
    site = access.site
    secrets = [envelope.rules.signing_secret(site.site, version) for version in site.identity.secret_versions]
    for place, signature in signatures:
        if event.user_id is not None and is_signed(event.user_id, signature, secrets):
            envelope.user_verified = True
        else:
            left_out.add(f"/{place}/{USER_ID_SIGNATURE}", "this is not the signature of the event's user id")
    envelope.event = client_event.without_members(event, USER_ID_SIGNATURE, left_out)


def find_client(envelope: Envelope) -> None:
    """For an event that a server sends, the context of the device that the event names."""
    if envelope.sender is None:
        reader, site = envelope.rules.context_reader, envelope.access.site.site
        envelope.client = reader.of_device(envelope.event, site, envelope.salt)


def decide_consent(envelope: Envelope) -> None:
    """What may be stored, by the signals of request and event and by the site's rules."""
    event = envelope.event
    envelope.decision = decision_on(
        envelope.client.signals, event.consent, event.consent_signals, envelope.access.site.privacy
    )


def set_source(envelope: Envelope) -> None:
    """Site, protocol, and the key's kind and stream."""
    access = envelope.access
    envelope.fields = {
        "site": access.site.site,
        "dialect": envelope.dialect.name,
        "key_kind": access.kind.value,
        "stream": access.stream,
    }


def set_name(envelope: Envelope) -> None:
    """Id, type, name and whether the event is an interaction. A name that is one of the types sets a missing type."""
    event = envelope.event
    name = NAMES_OF_TYPES.get(event.name, event.name)
    kind = event.type or (name if name in TYPES else "custom")
    envelope.fields |= {
        "event_id": event.event_id or envelope.new_id(),
        "event_type": kind,
        "event_name": name,
        "interactive": is_interactive(kind, name, event.properties, event.interactive),
    }


def set_clocks(envelope: Envelope) -> None:
    """The four clocks. An import sends history, so its `created_at` is used unchanged."""
    event, received_at = envelope.event, envelope.received_at
    if envelope.is_import and event.created_at is not None:
        occurred_at, clamped = event.created_at, False
    else:
        occurred_at, clamped = clocks.occurred(received_at, event.sent_at, event.created_at)
    envelope.fields |= {
        "created_at": event.created_at,
        "sent_at": event.sent_at,
        "received_at": received_at,
        "occurred_at": occurred_at,
        "clock_clamped": clamped,
    }


def describe_device(envelope: Envelope) -> None:
    """User agent, language and screen."""
    event, client = envelope.event, envelope.client
    envelope.fields |= {
        "user_agent": client.user_agent,
        "language": event.language or client.language,
        "screen_width": event.screen_width,
        "screen_height": event.screen_height,
        "viewport_width": event.viewport_width,
        "viewport_height": event.viewport_height,
        "time_zone": event.time_zone,
    }


def identify(envelope: Envelope) -> None:
    """Ids of person, device and session, the source of the device's id, and whether the user is verified."""
    event, client = envelope.event, envelope.client
    anonymous_id, id_source = _device_id(event, client)
    envelope.fields |= {
        "anonymous_id": anonymous_id,
        "id_source": id_source,
        "user_id": event.user_id,
        "user_verified": envelope.user_verified,
        "previous_id": event.previous_id,
        "group_id": event.group_id,
        "session_id": event.session_id,
        "session_index": event.session_index,
        "ip": client.ip,
    }


def _device_id(event: ClientEvent, client: ClientContext) -> tuple[str | None, str]:
    if event.anonymous_id is not None:
        return event.anonymous_id, "client"
    if client.network_user_id is not None:
        return client.network_user_id, "cookie"
    return client.visitor_id, "none" if client.visitor_id is None else "day"


def describe_page(envelope: Envelope) -> None:
    """Page, referrer and campaign. Parameters in the page's URL take precedence over those that the client sent."""
    event = envelope.event
    fields: dict[str, Any] = {"page_title": event.page_title}
    fields |= {name: value for name in pages.UTM if (value := getattr(event, name))}
    if event.page_url:
        page = pages.parse_address(event.page_url, envelope.access.site.page_fragments)
        fields |= {"page_url": page.url, "page_host": page.host, "page_path": page.path, "page_query": page.query}
        fields |= pages.campaign(page)
    if event.referrer:
        referrer = pages.parse_address(event.referrer)
        fields |= {"referrer": referrer.url, "referrer_host": referrer.host}
    envelope.fields |= fields


def copy_the_rest(envelope: Envelope) -> None:
    """Properties of the site, context of the tracker, and the definition's version."""
    event, network_user_id = envelope.event, envelope.client.network_user_id
    context = event.context
    if network_user_id is not None:
        context = {"network_user_id": network_user_id, **context}
    envelope.fields |= {
        "properties": event.properties,
        "context": context,
        "tracker": event.tracker,
        "definition_version": event.schema_version,
    }


def add_order(envelope: Envelope) -> None:
    """Id, currency and normalised amount of an order."""
    envelope.fields |= describe_order(envelope.event, envelope.fields["event_name"])


def check_definition(envelope: Envelope) -> None:
    """The field `violations`, if the event breaks its definition and that does not block it."""
    fields, event = envelope.fields, envelope.event
    # A definition describes properties as the site sends them, so `revenue` in them is validated before normalisation.
    properties = event.properties if REVENUE in event.properties else fields["properties"]
    definitions = envelope.access.site.definitions
    validation = definitions.check(fields["event_type"], fields["event_name"], properties, event.schema_version)
    if not validation.violations:
        return
    if validation.block:
        first, more = validation.violations[0], len(validation.violations) - 1
        message = f"{first.message} (and {more} more)" if more else first.message
        raise InvalidRequest(message, code="definition_violation", pointer=first.pointer)
    fields["violations"] = [violation.to_dict() for violation in validation.violations]


def filter_by_privacy(envelope: Envelope) -> None:
    """The event as it may be stored, and its body: minimised by consent, pseudonymised, redacted, fingerprinted."""
    assert envelope.decision is not None
    envelope.stored, envelope.body = apply_privacy(
        envelope.fields,
        envelope.decision,
        envelope.access.site.privacy,
        envelope.client.visitor_id,
        envelope.rules.pseudonym_keys,
    )


def fit_message(envelope: Envelope) -> None:
    """Describe an event again, without its largest parts, if it is larger than a message may be."""
    most = envelope.rules.max_message_bytes
    if (excess := len(envelope.body) - most) > 0:
        envelope.event = client_event.lighter(envelope.event, excess, envelope.left_out)
        for run, _ in DESCRIPTION:
            run(envelope)
    if (size := len(envelope.body)) > most:
        message = f"an event has at most {most} bytes, this one {size}"
        raise InvalidRequest(message, code="size_violation", pointer="")


DESCRIPTION = (
    Step(set_source),
    Step(set_name),
    Step(set_clocks),
    Step(describe_device),
    Step(identify),
    Step(describe_page),
    Step(copy_the_rest),
    Step(add_order),
    Step(check_definition, ("definition_violation",)),
    Step(filter_by_privacy),
)
PIPELINE = (
    Step(open_original, ("bad_encoding", "payload_format", "schema_violation", "size_violation")),
    Step(read_original, ("schema_violation",)),
    Step(validate_fields, ("schema_violation",)),
    Step(verify_user),
    Step(find_client),
    Step(decide_consent),
    *DESCRIPTION,
    Step(fit_message, ("size_violation", "definition_violation")),
)
