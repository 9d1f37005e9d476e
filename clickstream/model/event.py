"""The canonical event, which every dialect is converted to, and the failed event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, get_args

import orjson

SCHEMA_VERSION = "1"

EventType = Literal["page_view", "page_ping", "custom", "identify", "group", "alias", "screen"]
Consent = Literal["denied", "anonymous", "full"]
EVENT_TYPES: frozenset[str] = frozenset(get_args(EventType))
CONSENTS: frozenset[str] = frozenset(get_args(Consent))
# Hex digits of a fingerprint: the hash of the content, then the hash of the sender.
CONTENT_DIGITS, SENDER_DIGITS = 32, 16
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z

DEFAULT_STREAM = "default"
KEY_KIND = "Kind of the write key it came with: public, server or import."
STREAM = "The stream that the write key names; default where it names none."


def _column(doc: str, source: str, example: str, **kwargs: Any) -> Any:
    """`source` is the origin (client, server, site) or the columns it follows from. `example` is one value as text."""
    return field(metadata={"doc": doc, "source": source, "example": example}, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, as in the hub's message and in the table. Datetimes are aware, in UTC."""

    event_id: str = _column(
        "The client's id, kept across retries; else a UUIDv7 made at the border.",
        "client",
        "6f1c9d8e-0b3c-7c94-af4f-1c3f0c6a9f11",
    )
    site: str = _column("The site that the write key names.", "site", "shop")
    event_type: EventType = _column(
        "page_view, page_ping, custom, identify, group, alias or screen.", "client", "page_view"
    )
    event_name: str = _column(
        "The event's name; the same word as the type where the type says it all.", "client", "purchase"
    )
    received_at: datetime = _column(
        "When the collector took the request; a microsecond later for each event before it in the request.",
        "server",
        "2026-03-01 12:00:00.123456",
    )
    occurred_at: datetime = _column(
        "When it happened by the server's clock: received - (sent - created), clamped.",
        "server",
        "2026-03-01 11:59:59.4",
    )
    created_at: datetime | None = _column(
        "When it happened by the device's clock.", "client", "2026-03-01 11:59:57", default=None
    )
    sent_at: datetime | None = _column(
        "When it was sent by the device's clock.", "client", "2026-03-01 11:59:57.6", default=None
    )
    clock_clamped: bool = _column("True if `occurred_at` was moved into its window.", "server", "false", default=False)
    anonymous_id: str | None = _column(
        "The device: the client's id, else a keyed hash of address and agent.",
        "client, server",
        "c0ffee00-1111-4222-8333-444455556666",
        default=None,
    )
    user_id: str | None = _column("The known person.", "client", "p1_0f343b0931126a20f133d67c2b018a3b", default=None)
    previous_id: str | None = _column(
        "For an alias, another id of the same person. For consent given on the site, the preceding id of the day.",
        "client, server",
        "c0ffee00-1111-4222-8333-444455556666",
        default=None,
    )
    group_id: str | None = _column(
        "The group, company or account that the person belongs to.", "client", "acme", default=None
    )
    session_id: str | None = _column(
        "The visit, where the tracker counts visits.", "client", "1772366397", default=None
    )
    session_index: int | None = _column("Which visit of this device it is, from 1.", "client", "3", default=None)
    id_source: str | None = _column(
        "Origin of `anonymous_id`: client, cookie (the collector's own), day (the id of the day) or none.",
        "server",
        "client",
        default=None,
    )
    user_verified: bool | None = _column(
        "True if `user_id` came with a secret key or its signature, else false; null without a `user_id`.",
        "site",
        "false",
        default=None,
    )
    interactive: bool | None = _column(
        "False if the event happened by itself, reports reading time or an identity, or if the client says so.",
        "client, event_type, event_name",
        "true",
        default=None,
    )
    order_id: str | None = _column("The order, by the shop's own number.", "client", "A-1042", default=None)
    currency: str | None = _column("Currency of `properties.revenue`, ISO 4217.", "client", "EUR", default=None)
    page_url: str | None = _column(
        "The page's address. A fragment that is a route becomes a part of the path, any other is left out.",
        "client",
        "https://shop.example/cart?utm_source=news",
        default=None,
    )
    page_host: str | None = _column("Host of `page_url`, lower case.", "page_url", "shop.example", default=None)
    page_path: str | None = _column("Path of `page_url`.", "page_url", "/cart", default=None)
    page_query: str | None = _column("Query string of `page_url`.", "page_url", "utm_source=news", default=None)
    page_title: str | None = _column("The page's title.", "client", "Your cart", default=None)
    referrer: str | None = _column("The address that led here.", "client", "https://www.google.com/", default=None)
    referrer_host: str | None = _column("Host of `referrer`, lower case.", "referrer", "www.google.com", default=None)
    utm_source: str | None = _column(
        "Campaign parameter of the page's address.", "page_url, client", "news", default=None
    )
    utm_medium: str | None = _column(
        "Campaign parameter of the page's address.", "page_url, client", "email", default=None
    )
    utm_campaign: str | None = _column(
        "Campaign parameter of the page's address.", "page_url, client", "spring", default=None
    )
    utm_term: str | None = _column(
        "Campaign parameter of the page's address.", "page_url, client", "boots", default=None
    )
    utm_content: str | None = _column(
        "Campaign parameter of the page's address.", "page_url, client", "header", default=None
    )
    click_id: str | None = _column(
        "An advertiser's click id, as `parameter=value`.", "page_url", "gclid=Cj0KCQ", default=None
    )
    user_agent: str | None = _column(
        "The client's User-Agent.", "client, server", "Mozilla/5.0 (X11; Linux x86_64)", default=None
    )
    language: str | None = _column("The client's first language, BCP 47.", "client, server", "de-CH", default=None)
    screen_width: int | None = _column("Pixels.", "client", "1920", default=None)
    screen_height: int | None = _column("Pixels.", "client", "1080", default=None)
    viewport_width: int | None = _column("Pixels.", "client", "1280", default=None)
    viewport_height: int | None = _column("Pixels.", "client", "720", default=None)
    time_zone: str | None = _column("The device's IANA time zone.", "client", "Europe/Zurich", default=None)
    ip: str | None = _column(
        "The client's address cut to /24 (IPv4) or /48 (IPv6).", "server", "198.51.100.0", default=None
    )
    consent: Consent = _column("denied, anonymous or full: what may be kept of the visitor.", "server", "full")
    advertising: bool = _column(
        "False if the visitor opted out of the sale of data or of advertising.", "server", "true", default=True
    )
    properties: Mapping[str, Any] = _column(
        "The site's own data about the event.", "client", '{"price": 9.5}', default_factory=dict
    )
    context: Mapping[str, Any] = _column(
        "The tracker's data about the circumstances.", "client", '{"library": {"name": "web"}}', default_factory=dict
    )
    definition_version: str | None = _column(
        "Version of its event definition that the event states.", "client", "2", default=None
    )
    violations: Sequence[Mapping[str, Any]] | None = _column(
        "Violations of its event definition: a JSON array of pointer, code and message.",
        "server",
        '[{"pointer": "/price", "code": "type"}]',
        default=None,
    )
    dialect: str = _column("The protocol it arrived in.", "server", "segment")
    key_kind: str | None = _column(KEY_KIND, "site", "public", default=None)
    stream: str | None = _column(STREAM, "site", "default", default=None)
    tracker: str | None = _column("The tracker's name and version.", "client", "js-4.10.1", default=None)
    fingerprint: str = _column(
        "Hash of the content, 32 hex digits, and of the sender that the client states, 16; only 32 in older rows.",
        "server",
        "0b9d4e2f7a1c4b5d8e9f0a1b2c3d4e5f6a7b8c9d0e1f2a3b",
    )

    def to_json(self) -> bytes:
        """The body of the hub's message: JSON without fields that are None, datetimes in RFC 3339, UTC."""
        return orjson.dumps(
            {name: value for name in _EVENT_FIELDS if (value := getattr(self, name)) is not None},
            option=orjson.OPT_UTC_Z,
        )

    @property
    def visitor(self) -> str:
        """The partition key: all events of one device go to one partition, in order."""
        return self.anonymous_id or self.user_id or self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """Input that is no valid event: why, where it failed, and its bytes, so that it can be replayed after a repair."""

    failed_event_id: str = _column(
        "Made at the border; one per failure.", "server", "01a1fd37-af07-70ce-9183-8c1d672d2e47"
    )
    site: str | None = _column(
        "The site that the write key names; unknown for a broken body on the hub.", "site", "shop", default=None
    )
    received_at: datetime = _column(
        "When it was received, or enqueued where it failed at compaction.", "server", "2026-03-01 12:00:00.123456"
    )
    stage: Literal["collect", "compact"] = _column("Where it failed.", "server", "collect")
    failure_class: str = _column(
        "bad_encoding, payload_format, schema_violation, definition_violation or size_violation.",
        "server",
        "definition_violation",
    )
    pointer: str = _column(
        "JSON pointer (RFC 6901) to the problem; empty for the whole event.", "server", "/properties/price", default=""
    )
    message: str = _column("Description of the problem, for a person.", "server", "must be a number")
    dialect: str | None = _column("The protocol it arrived in.", "server", "segment", default=None)
    key_kind: str | None = _column(KEY_KIND, "site", "public", default=None)
    stream: str | None = _column(STREAM, "site", "default", default=None)
    seen: Mapping[str, Any] = _column(
        "What the server saw of the sender: visitor_id, cut ip, user_agent, language.",
        "server",
        '{"ip": "198.51.100.0"}',
        default_factory=dict,
    )
    payload: bytes = _column(
        "The original without its write key, cut at 32 KiB: one event as JSON, or bytes that are no JSON.",
        "client",
        '{"event": "sale"}',
    )
    payload_truncated: bool = _column("True if `payload` was cut.", "server", "false", default=False)

    def to_json(self) -> bytes:
        """The body of the hub's message: JSON without fields that are None, `payload` in base64."""
        from base64 import b64encode

        values = {name: value for name in _FAILED_FIELDS if (value := getattr(self, name)) is not None}
        return orjson.dumps({**values, "payload": b64encode(self.payload).decode()}, option=orjson.OPT_UTC_Z)


_EVENT_FIELDS = tuple(f.name for f in fields(Event))
_FAILED_FIELDS = tuple(f.name for f in fields(FailedEvent))


def fingerprint(content: Mapping[str, Any], sender: Mapping[str, Any]) -> str:
    """Hash of an event's content, 128 bits, and of its sender, 64 bits, in hex. Copies of an event have the same one.

    `content` has the event's fields except ids of transport, `sent_at` and fields that the server added. `sender` has
    what the client states about its identity. The second hash is keyed by the first, so it cannot link events of one
    visitor.
    """
    content_hash = blake2b(orjson.dumps(content, option=_CANONICAL), digest_size=CONTENT_DIGITS // 2)
    key = content_hash.digest()
    sender_hash = blake2b(orjson.dumps(sender, option=_CANONICAL), digest_size=SENDER_DIGITS // 2, key=key)
    return content_hash.hexdigest() + sender_hash.hexdigest()
