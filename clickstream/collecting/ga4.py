"""The dialect of Google Analytics 4's Measurement Protocol, and its debugging twin.

https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from clickstream.collecting.decoding import decode_body
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Page, Reading
from clickstream.collecting.ga4_validation import MAX_BODY_BYTES, parse_request, validation_messages
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import Request
from clickstream.collecting.stated import epoch, event_name, identity, mapping, number, size, text
from clickstream.errors import InvalidRequest

MICROSECONDS = 1_000_000
NAMES_OF_TYPES = {"page_view": "page_view", "screen_view": "screen"}
# What a request says of all its events; each gets a copy.
SHARED = ("client_id", "app_instance_id", "user_id", "user_properties", "consent", "user_location", "device")
PARAMETERS_OF_COLUMNS = frozenset(
    {
        "event_id",
        "session_id",
        "session_number",
        "page_location",
        "page_title",
        "page_referrer",
        "language",
        "screen_resolution",
        "user_id",
    }
)
TRACKER = "ga4-measurement-protocol"
# A preview of what is checked is bounded like what is collected.
MAX_CHECKED_BYTES = 4 * MAX_BODY_BYTES


def split(request: Request) -> Reading:
    """The events of a request. Its key is the API secret, else the measurement id or the app's id."""
    if not request.body.strip():
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    body = parse_json(request.body)
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise InvalidRequest("the body is an object with an array `events`", code="payload_format", pointer="/events")
    if not body["events"]:
        raise InvalidRequest("the array holds no event", code="empty", pointer="/events")
    shared = {name: body[name] for name in (*SHARED, "timestamp_micros", "user_agent") if name in body}
    if "ip_override" in body:
        shared["ip"] = body["ip_override"]
    parameters = request.parameters
    key = next(
        (parameters[name] for name in ("api_secret", "measurement_id", "firebase_app_id") if parameters.get(name)), None
    )
    return Reading([Item({**shared, **event} if isinstance(event, dict) else event) for event in body["events"]], key)


def read(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one event. Raise InvalidRequest (schema_violation) with a pointer into it."""
    name = event_name(original.get("name"), "/name")
    parameters = mapping(original.get("params"), "/params")
    device = mapping(original.get("device"), "/device")
    kind = NAMES_OF_TYPES.get(name)
    width, height = size(parameters.get("screen_resolution") or device.get("screen_resolution"))
    index = number(parameters.get("session_number"))
    return {
        "name": kind or name,
        "type": kind or "custom",
        "event_id": identity(parameters.get("event_id"), "/params/event_id"),
        "created_at": epoch(original.get("timestamp_micros"), MICROSECONDS, "/timestamp_micros"),
        "anonymous_id": identity(original.get("client_id"), "/client_id")
        or identity(original.get("app_instance_id"), "/app_instance_id"),
        "user_id": identity(original.get("user_id"), "/user_id")
        or identity(parameters.get("user_id"), "/params/user_id"),
        "session_id": identity(parameters.get("session_id"), "/params/session_id"),
        "session_index": int(index) if index is not None and 1 <= index < 2**31 else None,
        "page_url": text(parameters.get("page_location")),
        "page_title": text(parameters.get("page_title")),
        "referrer": text(parameters.get("page_referrer")),
        "language": text(parameters.get("language")) or text(device.get("language")),
        "screen_width": width,
        "screen_height": height,
        "user_agent": text(original.get("user_agent")),
        "ip": text(original.get("ip")),
        "consent_signals": mapping(original.get("consent"), "/consent"),
        "tracker": TRACKER,
        "properties": {name: value for name, value in parameters.items() if name not in PARAMETERS_OF_COLUMNS},
        "context": _context(original, device),
    }


def _context(original: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    stated = mapping(original.get("user_properties"), "/user_properties")
    user_properties = {name: value.get("value") if isinstance(value, dict) else value for name, value in stated.items()}
    context = {
        "user_properties": user_properties,
        "user_location": original.get("user_location"),
        "device": {name: value for name, value in device.items() if name not in ("language", "screen_resolution")},
    }
    return {name: value for name, value in context.items() if value}


def debug(request: Request) -> Answer:
    """What Google would find fault with. Records nothing."""
    body = decode_body(request.body, request.headers, MAX_CHECKED_BYTES)
    parsed, messages = parse_request(body)
    if parsed is not None:
        messages = validation_messages(parsed, len(body), request.parameters, request.received_at)
    return Answer(orjson.dumps({"validationMessages": messages}))


DIALECT = Dialect(
    name="ga4",
    read=read,
    endpoints=(Endpoint("collect_ga4", "mp/collect", split),),
    pages=(Page("ga4_debug", "debug/mp/collect", debug, methods=("POST",)),),
)
