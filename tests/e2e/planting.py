"""Requests of trackers with a text planted in each field in turn that must never be stored, and the search for it."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import pyarrow.parquet as pq

from clickstream.privacy.names import is_agent, is_version
from tests.support.samples import ga4, jitsu, matomo, plausible, posthog, segment, snowplow, umami

# What was planted, in every writing that comes out of decoding once; networks, which end in 0 or in ::, may stay.
TRACES = re.compile(
    rb"198\.18\.\d{1,3}\.[1-9]\d{0,2}|2001:db8:cafe:[0-9a-f]+::1234|plant\.example|plant%2e|s0wn-?\w+", re.IGNORECASE
)
BASE64 = re.compile(rb"[A-Za-z0-9+/]{32,}")
# A page's host is a server's name or address, and stays as the page sent it.
HOSTS = frozenset({"hostname"})
# Ids of events: one id twice would be one event.
EVENT_IDS = frozenset({"event_id", "eid", "messageId", "uuid", "event_uuid"})
PLAIN = {
    "name": "view",
    "type": "page_view",
    "event_id": "plain",
    "created_at": "2026-03-01T00:00:00Z",
    "sent_at": "2026-03-01T00:00:00Z",
    "anonymous_id": "device",
    "user_id": "ada",
    "previous_id": "before",
    "group_id": "acme",
    "session_id": "session",
    "session_index": 1,
    "page_url": "https://shop.example/a?b=c",
    "page_title": "Shoes",
    "referrer": "https://search.example/",
    **{f"utm_{name}": "spring" for name in ("source", "medium", "campaign", "term", "content")},
    "language": "en",
    "screen_width": 1920,
    "time_zone": "Europe/Berlin",
    "schema_version": "1",
    "tracker": "own",
    "user_agent": "Mozilla/5.0",
    "ip": "127.0.0.1",
    "properties": {"note": "n", "list": ["a"], "deep": {"er": "x"}, "json": '{"a": "b"}'},
    "context": {"library": {"name": "own"}},
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One request. `pack` makes the body's bytes of its value; None sends no body."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    pack: Callable[[Any], bytes | None] = lambda value: None if value is None else json.dumps(value).encode()

    def planted(self, number: int) -> Iterator[Letter]:
        """The request with each of its fields in turn holding what must not be stored; numbers go up from the first."""
        for part in ("query", "body"):
            whole = getattr(self, part)
            for path in leaves(whole):
                name = str(path[-1])
                if name in HOSTS:
                    continue
                for text in plants(number, with_ipv4=not (is_agent(name) or is_version(name))):
                    number += 1
                    fresh = _set_ids(whole, number)
                    other = "body" if part == "query" else "query"
                    yield replace(
                        self,
                        **{part: _set(fresh, path, text), other: _set_ids(getattr(self, other), number)},
                    )


def plants(number: int, *, with_ipv4: bool = True) -> Iterator[str]:
    """Texts, each with a full address, an e-mail address or a credential in it: alone, in a sentence, in a URL."""
    ipv4 = f"198.18.{number // 250 % 250}.{number % 250 + 1}" if with_ipv4 else "::"
    ipv6 = f"2001:db8:cafe:{number % 65536:x}::1234"
    email = f"c{number}@plant.example"
    token = f"eyJhbGciOiJIUzI1NiJ9.eyJzMHduIjox{number}fQ.s0wnSignature{number}"
    yield from (ipv4, ipv6, email, token)
    yield f"asked by {email} from {ipv4} ({ipv6}) with {token}."
    yield f"https://shop.example/p/{email}?token=s0wnSecret{number}&from={ipv4}&to=c{number}%40plant.example#{token}"


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values except objects and arrays."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif path:
        yield path


def _set(value: Any, path: tuple[str | int, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    if isinstance(value, Mapping):
        return {**value, path[0]: _set(value[str(path[0])], path[1:], leaf)}
    return [_set(item, path[1:], leaf) if index == path[0] else item for index, item in enumerate(value)]


def _set_ids(value: Any, number: int) -> Any:
    if isinstance(value, Mapping):
        return {
            name: f"event-{number}" if name in EVENT_IDS else _set_ids(item, number) for name, item in value.items()
        }
    return [_set_ids(item, number) for item in value] if isinstance(value, list) else value


def _snowplow_body(value: Mapping[str, Any]) -> bytes:
    """Contexts and self-describing events in base64, as most trackers send them."""
    packed = {
        code: urlsafe_b64encode(json.dumps(item).encode()).decode().rstrip("=") if code in ("cx", "ue_px") else item
        for code, item in value.items()
    }
    return json.dumps(snowplow.payload(packed)).encode()


def letters() -> list[Letter]:
    """Requests of each dialect's clients, with all their fields."""
    view = dict(parse_qsl(snowplow.BROWSER_GET))
    contexts = {"schema": snowplow.CONTEXTS, "data": [snowplow.SESSION, snowplow.PRODUCT]}
    order = {"schema": snowplow.UNSTRUCT, "data": snowplow.ORDER}
    structured = {"e": "se", "se_ca": "shop", "se_ac": "add", "se_la": "A1", "se_pr": "blue", "se_va": "9.5"}
    key = {"write_key": "demo"}
    message = {"type": "track", "event": "Bought", "properties": {"sku": "A1"}, "messageId": "m", "userId": "ada"}
    return [
        Letter("POST", "/api/events", key, PLAIN),
        Letter("POST", "/api/events", key, PLAIN, lambda value: json.dumps(value).encode()[:-1]),
        Letter("GET", "/api/pixel.gif", {**key, "event_id": "e", "page_url": "https://shop.example/", "note": "n"}),
        Letter("GET", "/i", view),
        Letter("POST", "/com.snowplowanalytics.snowplow/tp2", {}, {**view, "cx": contexts}, _snowplow_body),
        Letter("POST", "/com.snowplowanalytics.snowplow/tp2", {}, {**view, "e": "ue", "ue_px": order}, _snowplow_body),
        Letter("POST", "/com.snowplowanalytics.snowplow/tp2", {}, {**view, **structured}, _snowplow_body),
        Letter("POST", "/v1/page", key, segment.BROWSER_PAGE),
        Letter("POST", "/v1/identify", key, segment.RUDDER_IDENTIFY),
        Letter("POST", "/v1/track", key, message),
        Letter("GET", "/pixel/v1/track", {"writeKey": "demo", "event": "Opened", "anonymousId": "a", "messageId": "m"}),
        Letter("POST", "/api/s/page", key, jitsu.PAGE),
        Letter("POST", "/e/", key, posthog.PAGEVIEW),
        Letter("POST", "/e/", key, posthog.PAGEVIEW, lambda value: b64encode(json.dumps(value).encode())),
        Letter("POST", "/mp/collect", {"api_secret": "demo-server", "measurement_id": "G-1"}, ga4.REQUEST),
        Letter("POST", "/api/event", key, plausible.PAGEVIEW),
        Letter("POST", "/api/send", key, {"type": "event", "payload": umami.PAGEVIEW}),
        Letter("GET", "/matomo.php", matomo.PAGEVIEW),
    ]


def traces(data: bytes) -> set[bytes]:
    """The planted texts in these bytes, plain or in base64."""
    found = set(TRACES.findall(data))
    for run in BASE64.findall(data.translate(bytes.maketrans(b"-_", b"+/"))):
        found.update(TRACES.findall(b64decode(run[: len(run) // 4 * 4])))
    return found


def traces_of_file(data: bytes) -> set[bytes]:
    """The planted texts in a file's bytes; in Parquet also in its decoded values."""
    found = traces(data)
    if data.startswith(b"PAR1"):
        for column in pq.read_table(BytesIO(data)).columns:
            values = (item if isinstance(item, bytes) else str(item).encode() for item in column.to_pylist() if item)
            found |= traces(b"\n".join(values))
    return found
