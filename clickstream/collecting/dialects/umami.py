"""The dialect of Umami's tracker and its clients: single events and batches.

https://umami.is/docs/api/sending-stats, the tracker's source and the server's `src/app/api/send/route.ts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from clickstream.collecting.body_keys import members
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Reading, Verdict, answering, up_to
from clickstream.collecting.field_readers import (
    epoch,
    event_name,
    first_text,
    identity,
    keyed_item,
    mapping,
    size,
    text,
    violation,
)
from clickstream.collecting.json_values import MAX_STRING, parse_body
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest

# Type -> the default name of its events.
NAMES = {"event": "page_view", "identify": "identify", "performance": "performance", "error": "error"}
# Types that the browser sends by itself: measurements and errors.
BY_THEMSELVES = frozenset({"performance", "error"})
KEYS = ("website", "pixel", "link")
COLUMNS = frozenset(
    {
        "type",
        "origin",
        "hostname",
        "screen",
        "language",
        "title",
        "url",
        "referrer",
        "name",
        "data",
        "id",
        "vid",
        "timestamp",
        "userAgent",
        "ip",
    }
)
MAX_ENCODED_TITLE = 12 * MAX_STRING  # percent-encoded, a character has at most four bytes of three characters each
MEASURES = frozenset({"lcp", "inp", "cls", "fcp", "ttfb"})
# Trackers up to version 2 encode addresses twice, with encodeURI.
ENCODED_TWICE = re.compile("%25(?=[0-9A-Fa-f]{2})")
# Umami's token saves its server a look-up, and the client sends it back to continue a visit. Here nothing is looked up,
# and visits are computed from events, so token and ids are empty.
SESSION = {"cache": "", "sessionId": "", "visitId": ""}


def body_keys(request: Request) -> Iterator[str]:
    """Candidates for the key."""
    return members(request.body, *KEYS)


def split(request: Request, limit: int) -> Reading:
    """The one event of a request."""
    return _reading(request, [parse_body(request.body)])


def split_batch(request: Request, limit: int) -> Reading:
    """The events of an array."""
    body = parse_body(request.body)
    if not isinstance(body, list):
        raise InvalidRequest("a batch is an array", code="payload_format", pointer="")
    if not body:
        raise InvalidRequest("the batch holds no event", code="empty", pointer="")
    return _reading(request, up_to(limit, body))


def _reading(request: Request, events: Sequence[object]) -> Reading:
    key = next((key for event in events if (key := _key(event)) is not None), None)
    origin = request.headers.get("origin")

    def complete(event: object) -> Item:
        return keyed_item(_original(event, origin), _key(event), key)

    return Reading(events, key, complete)


def _key(event: object) -> str | None:
    payload = event.get("payload") if isinstance(event, dict) else None
    return first_text(map(payload.get, KEYS)) if isinstance(payload, dict) else None


def _original(event: object, origin: str | None) -> object:
    """The payload with the event's type and the page's origin, because the payload has neither scheme nor port."""
    if not isinstance(event, dict) or not isinstance(event.get("payload"), dict):
        return event
    payload = event["payload"]
    original = {name: value for name, value in payload.items() if name not in KEYS}
    if "type" in event:
        original["type"] = event["type"]
    if origin is not None:
        original["origin"] = origin
    return original


def read(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one event. Raise InvalidRequest (schema_violation) with a pointer into it."""
    kind = original.get("type", "event")
    if not isinstance(kind, str) or kind not in NAMES:
        raise violation(f"type is one of {', '.join(NAMES)}", "/type")
    if "payload" in original:
        raise violation("the payload is an object", "/payload")
    name, event_type = NAMES[kind], "custom"
    if kind == "event" and original.get("name"):
        name = event_name(original["name"], "/name")
    elif kind in ("event", "identify"):
        event_type = name
    elif original.get("name"):
        name = event_name(original["name"], "/name")
    width, height = size(original.get("screen"))
    referrer = text(original.get("referrer"))
    return {
        "name": name,
        "type": event_type,
        "interactive": False if kind in BY_THEMSELVES else None,
        "created_at": epoch(original.get("timestamp"), 1, "/timestamp"),
        "anonymous_id": identity(original.get("vid"), "/vid"),
        "user_id": identity(original.get("id"), "/id"),
        "page_url": _address(text(original.get("url")), original),
        "page_title": _title(text(original.get("title"))),
        "referrer": _address(referrer, original),
        "language": text(original.get("language")),
        "screen_width": width,
        "screen_height": height,
        "user_agent": text(original.get("userAgent")),
        "ip": text(original.get("ip")),
        "tracker": "umami",
        "properties": {
            **_data(original),
            **{name: original[name] for name in original.keys() & MEASURES if original[name] is not None},
        },
        "context": {
            name: value
            for name, value in original.items()
            if name not in COLUMNS and name not in MEASURES and value not in (None, "")
        },
    }


def _title(title: str | None) -> str | None:
    """The decoded title. One of more than MAX_ENCODED_TITLE characters stays encoded, and is cut later."""
    return title if title is None or len(title) > MAX_ENCODED_TITLE else unquote(title)


def _data(original: Mapping[str, Any]) -> Mapping[str, Any]:
    data = original.get("data")
    # Arrays become one property; Umami itself names each element by its position.
    return {"data": data} if isinstance(data, list) else mapping(data, "/data")


def _address(address: str | None, original: Mapping[str, Any]) -> str | None:
    """The full address from a path and the event's host, as Umami computes it."""
    if address is None:
        return None
    if "%25" in address:
        address = ENCODED_TWICE.sub("%", address)
    if not address.startswith("/"):
        return address
    hostname, origin = text(original.get("hostname")), text(original.get("origin"))
    if origin is not None and origin.partition("://")[2].partition(":")[0] == hostname:
        return origin + address
    return f"https://{hostname}{address}" if hostname else address


def succeed_batch(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """The number of accepted events, and the failed ones by their position."""
    failed = [
        {"index": index, "response": {"code": verdict.code, "message": verdict.message}}
        for index, verdict in enumerate(verdicts)
        if verdict.status == "failed"
    ]
    counts = {
        "size": len(verdicts),
        "processed": len(verdicts) - len(failed),
        "errors": len(failed),
        "details": failed,
    }
    return Answer(orjson.dumps({**counts, "cache": SESSION["cache"]}))


# Umami's answer with empty values, so that the client has no token to send back.
succeed = answering(orjson.dumps(SESSION))

DIALECT = Dialect(
    name="umami",
    read=read,
    endpoints=(
        Endpoint("collect_umami", "api/send", split, body_keys=body_keys, respond=succeed),
        Endpoint("collect_umami_batch", "api/batch", split_batch, body_keys=body_keys, respond=succeed_batch),
    ),
)
