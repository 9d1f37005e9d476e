"""The dialect of Segment's and RudderStack's clients: batches, single calls, browser forms, beacon, pixel.

Sources: https://segment.com/docs/connections/spec/common and the clients' code. The clients of both vendors share paths
and some names, so they are one dialect; the `tracker` column distinguishes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from clickstream.collecting.body_keys import members
from clickstream.collecting.decoding import decode_base64
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Page, Reading, answering, up_to
from clickstream.collecting.dialects.plain import pixel
from clickstream.collecting.dialects.segment_message import read_message
from clickstream.collecting.field_readers import first_text, violation
from clickstream.collecting.json_values import MAX_DEPTH, MAX_KEYS, parse_body
from clickstream.collecting.request import KEY_PARAMETERS, Request, write_key
from clickstream.errors import InvalidRequest, NotFound
from clickstream.problems import escape

# Paths: one message of a type, or a batch of any types. The browser's client sends only the first letter of the type.
TYPES = ("track", "identify", "page", "screen", "group", "alias")
CALLS = {kind: kind for kind in TYPES} | {kind[0]: kind for kind in TYPES}
BATCHES = frozenset({"batch", "b", "import"})

# Characters of the headers AnonymousId and SentAt that are read. A longer value is no valid id or moment.
MAX_HEADER = 1_024
NOT_OF_THE_PIXEL = frozenset({*KEY_PARAMETERS, "verdict", "type"})
succeed = answering(b'{"success":true}')  # as Segment
PRIVATE_MINUTES = {"Cache-Control": "private, max-age=300"}


def body_keys(request: Request) -> Iterator[str]:
    """Candidates for the key."""
    return members(request.body, "writeKey")


def split(request: Request, limit: int) -> Reading:
    """The messages of a call.

    Raise NotFound for an unknown call, InvalidRequest (empty, payload_format), RequestTooLarge.
    """
    call = request.route.get("call", "batch").lower()
    if call in BATCHES:
        return read_batch(object_of(request.body), request.headers, limit)
    if call not in CALLS:
        raise NotFound(f"there is no call {call[:40]!r}")
    return read_call(object_of(request.body), CALLS[call], request.headers)


def object_of(body: bytes) -> dict[str, Any]:
    """The body's JSON object, whatever its media type: some clients send text/plain, others that of a form.

    Raise InvalidRequest (empty, payload_format).
    """
    value = parse_body(body)
    if not isinstance(value, dict):
        raise InvalidRequest("the body is no JSON object", code="payload_format", pointer="")
    return value


def read_call(message: dict[str, Any], kind: str, headers: Mapping[str, str]) -> Reading:
    """The one message of a call, whose path names the type."""
    sent_at = message.get("sentAt") or _sent_at(headers)
    original = _original({**message, "type": kind}, {}, sent_at, _device(headers))
    return Reading([original], _first_key([message]))


def read_batch(body: dict[str, Any], headers: Mapping[str, str], limit: int) -> Reading:
    """The messages of a batch, each with the batch's `sentAt` and context.

    A body without the array `batch` is one failed event. Raise InvalidRequest (empty) for an empty batch,
    RequestTooLarge.
    """
    sent_at = body.get("sentAt") or _sent_at(headers)
    messages = body.get("batch")
    if not isinstance(messages, list):
        missing = InvalidRequest("a batch holds the array `batch`", code="payload_format", pointer="/batch")
        original = _original(body, {}, sent_at, None)
        return Reading([original], _first_key([body]), lambda original: Item(original, missing))
    if not messages:
        raise InvalidRequest("the batch holds no event", code="empty", pointer="/batch")
    messages = up_to(limit, messages)
    context = body.get("context")
    shared = context if isinstance(context, dict) else {}
    # One more than an event may have, so that each event lists that members are missing.
    shared = dict(islice(shared.items(), MAX_KEYS + 1))
    device = _device(headers)

    def complete(message: object) -> Item:
        return Item(_original(message, shared, sent_at, device))

    return Reading(messages, _first_key([body, *messages]), complete)


def split_pixel(request: Request, limit: int) -> Reading:
    """The one message of a query string, in which a dot in a name separates levels: `context.page.url`."""
    kind = request.route.get("call", "").lower()
    if kind not in ("page", "track"):
        raise NotFound(f"there is no pixel {kind[:40]!r}")
    fields = {name: value for name, value in request.parameters.items() if name not in NOT_OF_THE_PIXEL}
    try:
        return read_call(_unfolded(fields), kind, {})
    except InvalidRequest as fault:
        problem = fault
        return Reading([fields], complete=lambda original: Item(original, problem))


def _unfolded(fields: Mapping[str, str]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for name, value in fields.items():
        *levels, last = name.split(".")
        if len(levels) >= MAX_DEPTH:
            raise violation(f"nested deeper than {MAX_DEPTH} levels", f"/{escape(name)}")
        place = message
        for level in levels:
            place = place.setdefault(level, {})
            if not isinstance(place, dict):
                raise violation("a name is both a value and an object", f"/{escape(name)}")
        if isinstance(place.get(last), dict):
            raise violation("a name is both a value and an object", f"/{escape(name)}")
        place[last] = value
    return message


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a message. Raise InvalidRequest for one without any id, as Segment and RudderStack do."""
    fields = read_message(original)
    if fields["user_id"] is None and fields["anonymous_id"] is None:
        raise violation("an event names its user or its device: userId or anonymousId", "/anonymousId")
    return fields


def take_metrics(request: Request) -> Answer:
    """Accept and discard the browser client's metrics of its own calls. They are no events and have no key."""
    return Answer(b'{"success":true}')


def settings(request: Request) -> Answer:
    """The settings that the browser's client fetches before it sends: the address to send to, and nothing to load.

    The same for every key, known or unknown.
    """
    scheme, host = _address(request)
    integration = {"apiKey": request.route["key"], "apiHost": f"{host}/v1", "protocol": scheme}
    body = {
        "integrations": {"Segment.io": integration},
        "plan": {"track": {"__default": {"enabled": True}}, "identify": {"__default": {"enabled": True}}},
        "edgeFunction": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0},
    }
    return Answer(orjson.dumps(body), headers=PRIVATE_MINUTES)


def source_config(request: Request) -> Answer:
    """The configuration for RudderStack's browser client: an enabled source without destinations and telemetry.

    The same for every key, known or unknown.
    """
    key = write_key(request)
    source: dict[str, Any] = {
        "id": "clickstream",
        "name": "clickstream",
        "writeKey": key,
        "enabled": True,
        "workspaceId": "clickstream",
        "updatedAt": "2000-01-01T00:00:00.000Z",
        "connections": [],
        "destinations": [],
        "dataplanes": {},
        "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
    }
    return Answer(orjson.dumps({"source": source}), headers=PRIVATE_MINUTES)


def _original(message: object, shared: Mapping[str, Any], sent_at: object, device: str | None) -> object:
    """A message merged with the fields of its request. Its address moves to the top, where failed events cut it."""
    if not isinstance(message, dict):
        return message
    original = dict(message)
    if sent_at is not None:
        original["sentAt"] = sent_at
    context = message.get("context")
    if isinstance(context, dict) or (context is None and shared):
        merged = {**shared, **(context or {})}
        addresses = [merged.pop(name) for name in ("ip", "request_ip") if name in merged]
        if addresses:
            original.setdefault("ip", addresses[0])
        original["context"] = merged
    names_nobody = not original.get("userId") and not original.get("anonymousId")
    if names_nobody and device:
        original["anonymousId"] = device
    return original


def _sent_at(headers: Mapping[str, str]) -> str | None:
    sent_at = headers.get("sentat")
    return sent_at and sent_at[:MAX_HEADER]


def _device(headers: Mapping[str, str]) -> str | None:
    """The device's id from the header AnonymousId, which is base64; None if it cannot be decoded."""
    try:
        return decode_base64(headers.get("anonymousid", "")[:MAX_HEADER]).decode()
    except (InvalidRequest, ValueError):
        return None


def _first_key(places: Sequence[object]) -> str | None:
    """The first write key in a body, at the top or in a message."""
    return first_text(place.get("writeKey") for place in places if isinstance(place, dict))


def _address(request: Request) -> tuple[str, str]:
    """Scheme and host as the client knows them, from the headers of the proxy that terminates TLS."""
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    host = (headers.get("x-forwarded-host") or headers.get("host", "")).partition(",")[0].strip()
    return ("https" if scheme == "https" else "http"), host


# The Functions host uses the first matching route in the order of the functions' names, so `v1/m` has to precede
# `v1/{call}`.
DIALECT = Dialect(
    name="segment",
    read=read,
    endpoints=(
        Endpoint("collect_segment", "v1/{call}", split, body_keys=body_keys, respond=succeed),
        Endpoint("collect_segment_beacon", "beacon/v1/batch", split, body_keys=body_keys, respond=succeed),
        Endpoint("collect_segment_pixel", "pixel/v1/{call}", split_pixel, methods=("GET", "HEAD"), respond=pixel),
    ),
    pages=(
        Page("collect_metrics", "v1/m", take_metrics, methods=("POST",)),
        Page("segment_settings", "v1/projects/{key}/settings", settings),
        Page("segment_source_config", "sourceConfig", source_config),
    ),
)
