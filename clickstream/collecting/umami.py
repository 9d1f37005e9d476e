"""The dialect of Umami's tracker and its clients: single events and batches.

https://umami.is/docs/api/sending-stats, the tracker's source and the server's `src/app/api/send/route.ts`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Reading, Verdict
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import Request
from clickstream.collecting.stated import epoch, event_name, identity, keyed_items, mapping, size, text, violation
from clickstream.errors import InvalidRequest

# Type -> the name of an event that has none.
NAMES = {"event": "page_view", "identify": "identify", "performance": "performance", "error": "error"}
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
MEASURES = frozenset({"lcp", "inp", "cls", "fcp", "ttfb"})
# Trackers up to version 2 pass what is encoded already through encodeURI.
ENCODED_TWICE = re.compile("%25(?=[0-9A-Fa-f]{2})")
# Umami's own token spares its server a look-up and holds a visit together by what the client sends back. There is
# nothing to look up here, and a visit is counted from the visitor's events, so there is no token and no id to tell.
SESSION = {"cache": "", "sessionId": "", "visitId": ""}


def split(request: Request) -> Reading:
    """The one event of a request."""
    return _reading(request, [_parsed(request)])


def split_batch(request: Request) -> Reading:
    """The events of an array."""
    body = _parsed(request)
    if not isinstance(body, list):
        raise InvalidRequest("a batch is an array", code="payload_format", pointer="")
    if not body:
        raise InvalidRequest("the batch holds no event", code="empty", pointer="")
    return _reading(request, body)


def _parsed(request: Request) -> object:
    if not request.body.strip():
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    return parse_json(request.body)


def _reading(request: Request, events: Sequence[object]) -> Reading:
    taken = [_original(event, request.headers.get("origin")) for event in events]
    key = next((key for _, key in taken if key is not None), None)
    return Reading(keyed_items(taken, key), key)


def _original(event: object, origin: str | None) -> tuple[object, str | None]:
    """The payload with the event's type, and with the page's origin, for the payload has neither scheme nor port."""
    if not isinstance(event, dict) or not isinstance(event.get("payload"), dict):
        return event, None
    payload = event["payload"]
    stated = (payload.get(name) for name in KEYS)
    key = next((key for key in stated if isinstance(key, str) and key), None)
    original = {name: value for name, value in payload.items() if name not in KEYS}
    if "type" in event:
        original["type"] = event["type"]
    if origin is not None:
        original["origin"] = origin
    return original, key


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
        "created_at": epoch(original.get("timestamp"), 1, "/timestamp"),
        "anonymous_id": identity(original.get("vid"), "/vid"),
        "user_id": identity(original.get("id"), "/id"),
        "page_url": _address(text(original.get("url")), original),
        "page_title": unquote(title) if (title := text(original.get("title"))) else None,
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


def _data(original: Mapping[str, Any]) -> Mapping[str, Any]:
    data = original.get("data")
    # Umami itself keeps numbers, texts and arrays under the name of their position.
    return {"data": data} if isinstance(data, list) else mapping(data, "/data")


def _address(address: str | None, original: Mapping[str, Any]) -> str | None:
    """A whole address out of a path and the host that the event names, read as Umami reads it."""
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


def succeed(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """The names that Umami answers with, and nothing for a client to send back."""
    return Answer(orjson.dumps(SESSION))


def succeed_batch(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """How many were taken; those that failed, by their position."""
    failed = [
        {"index": index, "response": {"code": verdict.code, "message": verdict.message}}
        for index, verdict in enumerate(verdicts)
        if verdict.status == "failed"
    ]
    told = {"size": len(verdicts), "processed": len(verdicts) - len(failed), "errors": len(failed), "details": failed}
    return Answer(orjson.dumps({**told, "cache": SESSION["cache"]}))


DIALECT = Dialect(
    name="umami",
    read=read,
    endpoints=(
        Endpoint("collect_umami", "api/send", split, respond=succeed),
        Endpoint("collect_umami_batch", "api/batch", split_batch, respond=succeed_batch),
    ),
)
