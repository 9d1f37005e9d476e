"""The dialect of PostHog's clients: batches and single events as JSON, form or base64, and their configuration.

https://posthog.com/docs/api/capture, PostHog's `rust/capture` and the clients' sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from clickstream.collecting.body_keys import members
from clickstream.collecting.decoding import decode_base64, form_fields
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Page, Reading, answering, up_to
from clickstream.collecting.dialects.posthog_event import PROFILE, read
from clickstream.collecting.field_readers import first_text, keyed_item
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import Request
from clickstream.errors import ClickstreamError, InvalidRequest, TooManyRequests

KEYS = ("api_key", "token", "$token")
KEY_PARAMETERS = ("api_key", "token")
# posthog-js drops events refused with 429, and retries those refused with 503.
succeed = answering(b'{"status":1}')
STATUSES: Mapping[type[ClickstreamError], int] = {TooManyRequests: HTTPStatus.SERVICE_UNAVAILABLE}
# Fields of a batch that apply to all its events; each gets a copy.
SHARED = ("sent_at",)


def body_keys(request: Request) -> Iterator[str]:
    """Candidates for the key, in each form of the JSON. Raise InvalidRequest as `json_of`."""
    return members(json_of(request), *KEYS)


def split(request: Request, limit: int) -> Reading:
    """The events of a body, or of the parameter `data`.

    Raise InvalidRequest (empty, payload_format, bad_encoding), RequestTooLarge.
    """
    body = parse_json(json_of(request))
    shared: Mapping[str, Any] = {}
    events: object = body
    if isinstance(body, dict):
        events = body.get("batch", body.get("data", [body]))
        shared = body
    if not isinstance(events, list):
        raise InvalidRequest("a batch is an array of events", code="payload_format", pointer="/batch")
    if not events:
        raise InvalidRequest("the batch holds no event", code="empty", pointer="/batch")
    events = up_to(limit, events)
    parameters = {name: request.parameters.get(name) for name in KEY_PARAMETERS}
    key = first_text(_key(place) for place in [shared, parameters, *events] if isinstance(place, dict))

    def complete(event: object) -> Item:
        return keyed_item(*_original(event, shared, request), key)

    return Reading(events, key, complete)


def json_of(request: Request) -> bytes:
    """The JSON of a request: its body or a form's field `data`, plain or base64. Detected by content, not by headers.

    Raise InvalidRequest (empty, bad_encoding).
    """
    payload = request.body.strip()
    if not payload:
        payload = request.parameters.get("data", "").encode("utf-8", "surrogatepass")
    elif payload.startswith(b"data=") or b"&data=" in payload:
        payload = form_fields(payload).get("data", "").encode()
    if not payload:
        raise InvalidRequest("the request holds no event", code="empty", pointer="")
    if payload[:1] not in (b"{", b"["):
        payload = decode_base64(payload.decode("ascii", "replace"))
    return payload


def ignore(request: Request) -> Answer:
    """Accept and discard session recordings, because clients retry recordings that are refused."""
    return Answer(b'{"status":1}')


def config(request: Request) -> Answer:
    """The configuration that posthog-js fetches at its start: nothing to load or record. The same for all keys."""
    return Answer(orjson.dumps(_config(request)))


def config_script(request: Request) -> Answer:
    """The same configuration as a script, which posthog-js fetches first."""
    token = request.route.get("token", "")
    configs = {token: {"config": _config(request), "siteApps": []}}
    # `<` is escaped, so that no token can end the script or open another.
    written = orjson.dumps(configs).replace(b"<", b"\\u003c")
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
    # Surveys are not listed, because posthog-js loads their script even if they are disabled.
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


def _key(place: Mapping[str, Any]) -> str | None:
    """The key of an object, at the top or in its properties."""
    properties = place.get("properties")
    values = [place.get(name) for name in KEYS]
    if isinstance(properties, dict):
        values.append(properties.get("token"))
    return first_text(values)


def _original(event: object, shared: Mapping[str, Any], request: Request) -> tuple[object, str | None]:
    """One event, complete without its neighbours and without its key; and its key, None if it has none."""
    if not isinstance(event, dict):
        return event, None
    key = _key(event)
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
    return Endpoint(function, route, split, KEY_PARAMETERS, body_keys, methods, respond=succeed, statuses=STATUSES)


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
