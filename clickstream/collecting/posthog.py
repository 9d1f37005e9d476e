"""The dialect of PostHog's clients: batches and single events as JSON, form or base64, and what they fetch to start.

https://posthog.com/docs/api/capture, PostHog's `rust/capture` and the clients' sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from clickstream.collecting.decoding import decode_base64, form_fields
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Page, Reading, Verdict
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.posthog_event import PROFILE, read
from clickstream.collecting.request import Request
from clickstream.collecting.stated import keyed_items
from clickstream.errors import ClickstreamError, InvalidRequest, TooManyRequests

KEYS = ("api_key", "token", "$token")
# posthog-js drops what is refused with 429 and sends again what is refused with 503.
STATUSES: Mapping[type[ClickstreamError], int] = {TooManyRequests: HTTPStatus.SERVICE_UNAVAILABLE}
# What a batch says of all its events; each gets a copy.
SHARED = ("sent_at",)


def split(request: Request) -> Reading:
    """The events of a body, or of the parameter `data`. Raise InvalidRequest (empty, payload_format, bad_encoding)."""
    body = parse_payload(request)
    shared: Mapping[str, Any] = {}
    events: object = body
    if isinstance(body, dict):
        events = body.get("batch", body.get("data", [body]))
        shared = body
    if not isinstance(events, list):
        raise InvalidRequest("a batch is an array of events", code="payload_format", pointer="/batch")
    if not events:
        raise InvalidRequest("the batch holds no event", code="empty", pointer="/batch")
    parameters = {"api_key": request.parameters.get("api_key"), "token": request.parameters.get("token")}
    key = next(_keys([shared, parameters, *events]), None)
    return Reading(keyed_items([_original(event, shared, request) for event in events], key), key)


def parse_payload(request: Request) -> object:
    """The JSON of a request: its body or a form's field `data`, as it is or as base64, whatever the request says."""
    payload = request.body.strip()
    if not payload:
        payload = request.parameters.get("data", "").encode("utf-8", "surrogatepass")
    elif payload.startswith(b"data=") or b"&data=" in payload:
        payload = form_fields(payload).get("data", "").encode()
    if not payload:
        raise InvalidRequest("the request holds no event", code="empty", pointer="")
    if payload[:1] not in (b"{", b"["):
        payload = decode_base64(payload.decode("ascii", "replace"))
    return parse_json(payload)


def succeed(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """What every PostHog client counts as success."""
    return Answer(b'{"status":1}')


def ignore(request: Request) -> Answer:
    """Session recordings: taken and thrown away, for a client that is refused them sends them again."""
    return Answer(b'{"status":1}')


def config(request: Request) -> Answer:
    """What posthog-js fetches before it starts: nothing is to be loaded, recorded or asked for. Alike for all keys."""
    return Answer(orjson.dumps(_config(request)))


def config_script(request: Request) -> Answer:
    """The same as a script, which is what posthog-js tries first."""
    token = request.route.get("token", "")
    told = {token: {"config": _config(request), "siteApps": []}}
    # A script is text to a browser: nothing in a token may end it or open another.
    written = orjson.dumps(told).replace(b"<", b"\\u003c")
    return Answer(b"window._POSTHOG_REMOTE_CONFIG = " + written + b";", "application/javascript")


def flags(request: Request) -> Answer:
    """No feature flag, for any person."""
    none: dict[str, Any] = {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
    }
    return Answer(orjson.dumps({**_config(request), **none}))


def _config(request: Request) -> dict[str, Any]:
    # Surveys are not named at all: posthog-js loads their script though they are said to be none.
    return {
        "token": request.route.get("token", ""),
        "supportedCompression": ["gzip", "gzip-js", "base64"],
        "hasFeatureFlags": False,
        "sessionRecording": False,
        "capturePerformance": False,
        "captureDeadClicks": False,
        "autocaptureExceptions": False,
        "heatmaps": False,
        "toolbarParams": {},
        "isAuthenticated": False,
        "siteApps": [],
    }


def _keys(places: Sequence[object]) -> Iterator[str]:
    """The keys that these objects state, on top or in their properties."""
    for place in places:
        if isinstance(place, dict):
            stated = _stated_key(place)
            if stated is not None:
                yield stated


def _stated_key(place: Mapping[str, Any]) -> str | None:
    properties = place.get("properties")
    found = [place.get(name) for name in KEYS]
    if isinstance(properties, dict):
        found.append(properties.get("token"))
    return next((key for key in found if isinstance(key, str) and key), None)


def _original(event: object, shared: Mapping[str, Any], request: Request) -> tuple[object, str | None]:
    """One event, complete without its neighbours and without its key; and the key that it states."""
    if not isinstance(event, dict):
        return event, None
    key = _stated_key(event)
    original = {name: value for name, value in event.items() if name not in KEYS}
    properties = original.get("properties")
    if isinstance(properties, dict):
        gone = {"token"} if properties.get("token") == key else set()
        original["properties"] = {name: value for name, value in properties.items() if name not in {"$ip", *gone}}
        if "$ip" in properties:
            original["ip"] = properties["$ip"]
    for name in SHARED:
        if name in shared and name not in original:
            original[name] = shared[name]
    if "offset" in original and "sent_at" not in original:
        original["sent_at"] = request.received_at.isoformat()
    if "event" not in original and (PROFILE & original.keys()):
        original["event"] = "$set"
    return original, key


def _endpoint(function: str, route: str, methods: tuple[str, ...] = ("POST", "GET")) -> Endpoint:
    return Endpoint(function, route, split, methods=methods, respond=succeed, statuses=STATUSES)


DIALECT = Dialect(
    name="posthog",
    read=read,
    endpoints=(
        _endpoint("collect_posthog", "batch", methods=("POST",)),
        _endpoint("collect_posthog_capture", "capture"),
        _endpoint("collect_posthog_e", "e"),
        _endpoint("collect_posthog_engage", "engage"),
        _endpoint("collect_posthog_i", "i/v0/e"),
        _endpoint("collect_posthog_track", "track"),
    ),
    pages=(
        Page("posthog_config", "array/{token}/config", config),
        Page("posthog_config_script", "array/{token}/config.js", config_script),
        Page("posthog_decide", "decide", flags, methods=("POST",)),
        Page("posthog_flags", "flags", flags, methods=("POST",)),
        Page("posthog_recordings", "s", ignore, methods=("POST",)),
    ),
)
