"""The canonical event: the one row that every dialect becomes, and the failed event beside it."""

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


REQUEST_ACCEPTED = "How many events of its request were accepted; told by the first row of a request alone."
REQUEST_FAILED = "How many events of its request failed; told by the first row of a request alone."


def _column(doc: str, source: str, example: str, **kwargs: Any) -> Any:
    """`source` is who says it (client, server, site), or the columns it follows from; `example` one value as text."""
    return field(metadata={"doc": doc, "source": source, "example": example}, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, as it travels on the hub and lands in the table. Datetimes are aware UTC."""

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
    received_at: datetime = _column("When the collector took the request.", "server", "2026-03-01 12:00:00.123456")
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
    clock_clamped: bool = _column(
        "True where `occurred_at` was moved into its window.", "server", "false", default=False
    )
    anonymous_id: str | None = _column(
        "The device: the client's id, else a keyed hash of address and agent.",
        "client, server",
        "c0ffee00-1111-4222-8333-444455556666",
        default=None,
    )
    user_id: str | None = _column("The known person.", "client", "p1_0f343b0931126a20f133d67c2b018a3b", default=None)
    previous_id: str | None = _column(
        "Of an alias: another id of the same person.", "client", "c0ffee00-1111-4222-8333-444455556666", default=None
    )
    group_id: str | None = _column(
        "The group, company or account that the person belongs to.", "client", "acme", default=None
    )
    session_id: str | None = _column(
        "The visit, where the tracker counts visits.", "client", "1772366397", default=None
    )
    session_index: int | None = _column("Which visit of this device it is, from 1.", "client", "3", default=None)
    page_url: str | None = _column(
        "The page's address without its fragment.", "client", "https://shop.example/cart?utm_source=news", default=None
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
        "False for who opted out of the sale of data or of advertising.", "server", "true", default=True
    )
    properties: Mapping[str, Any] = _column(
        "What the site chose to say about the event.", "client", '{"price": 9.5}', default_factory=dict
    )
    context: Mapping[str, Any] = _column(
        "What the tracker said about the circumstances.", "client", '{"library": {"name": "web"}}', default_factory=dict
    )
    definition_version: str | None = _column(
        "Version of its event definition that the event states.", "client", "2", default=None
    )
    violations: Sequence[Mapping[str, Any]] | None = _column(
        "Where it departs from its event definition: a JSON array of pointer, code and message.",
        "server",
        '[{"pointer": "/price", "code": "type"}]',
        default=None,
    )
    dialect: str = _column("The protocol it arrived in.", "server", "segment")
    tracker: str | None = _column("The tracker's name and version.", "client", "js-4.10.1", default=None)
    fingerprint: str = _column(
        "Hash of the content without ids and clocks of transport, 32 hex digits.",
        "server",
        "0b9d4e2f7a1c4b5d8e9f0a1b2c3d4e5f",
    )
    request_accepted: int | None = _column(REQUEST_ACCEPTED, "server", "50", default=None)
    request_failed: int | None = _column(REQUEST_FAILED, "server", "1", default=None)

    def to_json(self) -> bytes:
        """The compact body on the hub: absent fields are left out, datetimes are RFC 3339 in UTC."""
        return orjson.dumps(
            {name: value for name in _EVENT_FIELDS if (value := getattr(self, name)) is not None},
            option=orjson.OPT_UTC_Z,
        )

    @property
    def visitor(self) -> str:
        """What partitions are chosen by: all events of one device go one way, in order."""
        return self.anonymous_id or self.user_id or self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """What could not become an event: why, where, and its bytes, kept for repair."""

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
        "JSON pointer (RFC 6901) to what is wrong; empty for the whole.", "server", "/properties/price", default=""
    )
    message: str = _column("What is wrong, for a person.", "server", "must be a number")
    dialect: str | None = _column("The protocol it arrived in.", "server", "segment", default=None)
    key_kind: str | None = _column(
        "Kind of the write key it came with: public, server or import.", "site", "public", default=None
    )
    seen: Mapping[str, Any] = _column(
        "What the server saw of the sender: visitor_id, cut ip, user_agent, language.",
        "server",
        '{"ip": "198.51.100.0"}',
        default_factory=dict,
    )
    payload: bytes = _column(
        "The original without its write key, cut at 32 KiB: one event as JSON, or bytes that are none.",
        "client",
        '{"event": "sale"}',
    )
    payload_truncated: bool = _column("True where `payload` was cut.", "server", "false", default=False)
    request_accepted: int | None = _column(REQUEST_ACCEPTED, "server", "49", default=None)
    request_failed: int | None = _column(REQUEST_FAILED, "server", "2", default=None)

    def to_json(self) -> bytes:
        """The body on the hub; `payload` is base64."""
        from base64 import b64encode

        values = {name: value for name in _FAILED_FIELDS if (value := getattr(self, name)) is not None}
        return orjson.dumps({**values, "payload": b64encode(self.payload).decode()}, option=orjson.OPT_UTC_Z)


_EVENT_FIELDS = tuple(f.name for f in fields(Event))
_FAILED_FIELDS = tuple(f.name for f in fields(FailedEvent))


def with_request_counts(body: bytes, accepted: int, failed: int) -> bytes:
    """The body of an event or failed event that also tells what became of all events of its request.

    The counts travel with the events they count, so they are durable together; each request has one body that tells.
    """
    return body[:-1] + b',"request_accepted":%d,"request_failed":%d}' % (accepted, failed)


def fingerprint(content: Mapping[str, Any]) -> str:
    """Hash of what an event says, the same for every copy of it: 128 bits in hex.

    `content` holds the event's fields without its ids of transport, `sent_at` and what the server added.
    """
    return blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z), digest_size=16).hexdigest()
