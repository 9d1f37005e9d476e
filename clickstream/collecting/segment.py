"""The Segment dialect, which RudderStack's clients speak as well: batches, single calls, browser forms, beacon, pixel.

Outside rules: https://segment.com/docs/connections/spec/common and the clients' own sources. The two makers' clients
share their paths and some even their names, so they are one dialect; the `tracker` column tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from clickstream.collecting.decoding import decode_base64
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Page, Reading, Verdict
from clickstream.collecting.json_values import MAX_DEPTH, escape, parse_json
from clickstream.collecting.plain import pixel
from clickstream.collecting.request import KEY_PARAMETERS, Request, write_key
from clickstream.collecting.segment_message import read_message, violation
from clickstream.errors import InvalidRequest, NotFound

# Paths by what they take: one message of a type, or a batch of any. The browser's client says only the first letter.
TYPES = ("track", "identify", "page", "screen", "group", "alias")
CALLS = {kind: kind for kind in TYPES} | {kind[0]: kind for kind in TYPES}
BATCHES = frozenset({"batch", "b", "import"})

NOT_OF_THE_PIXEL = frozenset({*KEY_PARAMETERS, "verdict", "type"})
PRIVATE_MINUTES = {"Cache-Control": "private, max-age=300"}


def split(request: Request) -> Reading:
    """The messages of a call. Raise NotFound for a call that there is not."""
    call = request.route.get("call", "batch").lower()
    if call in BATCHES:
        return read_batch(parse_body(request.body), request.headers)
    if call not in CALLS:
        raise NotFound(f"there is no call {call[:40]!r}")
    return read_call(parse_body(request.body), CALLS[call], request.headers)


def parse_body(body: bytes) -> dict[str, Any]:
    """The body's JSON object, whatever the body is called: some clients call it text, others a form."""
    if not body.strip():
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest("the body is no JSON object", code="payload_format", pointer="")
    return value


def read_call(message: dict[str, Any], kind: str, headers: Mapping[str, str]) -> Reading:
    """The one message of a call that names its type."""
    original = _original({**message, "type": kind}, {}, message.get("sentAt") or headers.get("sentat"), headers)
    return Reading([Item(original)], _stated_key([message]))


def read_batch(body: dict[str, Any], headers: Mapping[str, str]) -> Reading:
    """The messages of a batch, each with what the batch says for all of them: when it was sent, and the context.

    Without the array `batch` the body as a whole is one that failed. Raise InvalidRequest (empty) for an empty one.
    """
    sent_at = body.get("sentAt") or headers.get("sentat")
    messages = body.get("batch")
    if not isinstance(messages, list):
        problem = InvalidRequest("a batch holds the array `batch`", code="payload_format", pointer="/batch")
        return Reading([Item(_original(body, {}, sent_at, {}), problem)], _stated_key([body]))
    if not messages:
        raise InvalidRequest("the batch holds no event", code="empty", pointer="/batch")
    context = body.get("context")
    shared = context if isinstance(context, dict) else {}
    originals = [_original(message, shared, sent_at, headers) for message in messages]
    return Reading([Item(original) for original in originals], _stated_key([body, *messages]))


def split_pixel(request: Request) -> Reading:
    """The one message that a query string tells, a dot in a name going a level down: `context.page.url`."""
    kind = request.route.get("call", "").lower()
    if kind not in ("page", "track"):
        raise NotFound(f"there is no pixel {kind[:40]!r}")
    told = {name: value for name, value in request.parameters.items() if name not in NOT_OF_THE_PIXEL}
    try:
        return read_call(_unfolded(told), kind, {})
    except InvalidRequest as problem:
        return Reading([Item(told, problem)])


def _unfolded(told: Mapping[str, str]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for name, value in told.items():
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
    """The fields of a message. Segment and RudderStack both take none that names nobody."""
    fields = read_message(original)
    if fields["user_id"] is None and fields["anonymous_id"] is None:
        raise violation("an event names its user or its device: userId or anonymousId", "/anonymousId")
    return fields


def succeed(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """What Segment answers."""
    return Answer(b'{"success":true}')


def take_metrics(request: Request) -> Answer:
    """The browser client's counts of its own calls: taken and forgotten, for they are no events and carry no key."""
    return Answer(b'{"success":true}')


def settings(request: Request) -> Answer:
    """What the browser's client must fetch before it sends anything: the address to send to, and nothing to load.

    The same for every key, known or not.
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
    """What RudderStack's browser client must fetch: an enabled source without destinations, and no reports home.

    The same for every key, known or not.
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


def _original(message: object, shared: Mapping[str, Any], sent_at: object, headers: Mapping[str, str]) -> object:
    """A message with all that its request says of it; its address on top, where a failed event's is cut."""
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
    if names_nobody and (device := _decoded(headers.get("anonymousid", ""))):
        original["anonymousId"] = device
    return original


def _decoded(encoded: str) -> str | None:
    try:
        return decode_base64(encoded).decode()
    except (InvalidRequest, ValueError):
        return None


def _stated_key(places: Sequence[object]) -> str | None:
    """The first write key that a body states, on top or within a message."""
    return next(_keys(places), None)


def _keys(places: Sequence[object]) -> Iterator[str]:
    for place in places:
        if isinstance(place, dict) and isinstance(key := place.get("writeKey"), str) and key:
            yield key


def _address(request: Request) -> tuple[str, str]:
    """Scheme and host as the client knows them. Who ends TLS is a proxy before us, and says so."""
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    host = (headers.get("x-forwarded-host") or headers.get("host", "")).partition(",")[0].strip()
    return ("https" if scheme == "https" else "http"), host


# The Functions host takes the first route that matches, in the order of the functions' names: `v1/m` has to come before
# `v1/{call}`.
DIALECT = Dialect(
    name="segment",
    read=read,
    endpoints=(
        Endpoint("collect_segment", "v1/{call}", split, respond=succeed),
        Endpoint("collect_segment_beacon", "beacon/v1/batch", split, respond=succeed),
        Endpoint("collect_segment_pixel", "pixel/v1/{call}", split_pixel, methods=("GET", "HEAD"), respond=pixel),
    ),
    pages=(
        Page("collect_metrics", "v1/m", take_metrics, methods=("POST",)),
        Page("segment_settings", "v1/projects/{key}/settings", settings),
        Page("segment_source_config", "sourceConfig", source_config),
    ),
)
