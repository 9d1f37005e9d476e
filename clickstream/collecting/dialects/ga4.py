"""The dialect of Google Analytics 4's Measurement Protocol, and its debugging twin.

https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from clickstream.collecting.decoding import decode_body
from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Page, Reading, up_to
from clickstream.collecting.dialects.ga4_validation import MAX_BODY_BYTES, parse_request, validation_messages
from clickstream.collecting.field_readers import epoch, event_name, identity, mapping, number, size, text, violation
from clickstream.collecting.json_values import parse_body
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest
from clickstream.privacy.nobody import somebody

MICROSECONDS = 1_000_000
NAMES_OF_TYPES = {"page_view": "page_view", "screen_view": "screen"}
# Events that Google's tags and Firebase send without an act of the user, "automatically collected events":
# https://support.google.com/analytics/answer/9234069
BY_THEMSELVES = frozenset(
    {
        *("user_engagement", "session_start", "first_visit", "first_open", "app_background", "app_exception"),
        *("app_clear_data", "app_remove", "app_update", "app_upgrade", "os_update", "error", "firebase_campaign"),
        *("ad_exposure", "ad_impression", "ad_query", "adunit_exposure", "dynamic_link_app_update"),
        *("notification_receive", "notification_dismiss", "notification_foreground", "exception", "timing_complete"),
    }
)
# Firebase sends prices of an app store in millionths, as whole numbers; the lowest price is this many.
IN_APP_PURCHASE = "in_app_purchase"
LEAST_MILLIONTHS = 10_000
# Fields of a request that apply to all its events; each gets a copy.
SHARED = ("client_id", "app_instance_id", "user_id", "user_properties", "consent", "user_location", "device")
PARAMETERS_OF_COLUMNS = frozenset(
    {
        *("event_id", "session_id", "session_number", "page_location", "page_title", "page_referrer"),
        *("language", "screen_resolution", "user_id"),
    }
)
TRACKER = "ga4-measurement-protocol"
# Limit of a body of the debugging endpoint.
MAX_CHECKED_BYTES = 2 * MAX_BODY_BYTES


KEY_PARAMETERS = ("api_secret", "measurement_id", "firebase_app_id")


def split(request: Request, limit: int) -> Reading:
    """The events of a request. Its key is the API secret, else the measurement id or the app's id.

    Raise InvalidRequest (empty, payload_format), RequestTooLarge.
    """
    body = parse_body(request.body)
    if not isinstance(body, dict) or not isinstance(body.get("events"), list):
        raise InvalidRequest("the body is an object with an array `events`", code="payload_format", pointer="/events")
    if not body["events"]:
        raise InvalidRequest("the array holds no event", code="empty", pointer="/events")
    shared = {name: body[name] for name in (*SHARED, "timestamp_micros", "user_agent") if name in body}
    if "ip_override" in body:
        shared["ip"] = body["ip_override"]
    key = next((request.parameters[name] for name in KEY_PARAMETERS if request.parameters.get(name)), None)

    def complete(event: object) -> Item:
        return Item({**shared, **event} if isinstance(event, dict) else event)

    return Reading(up_to(limit, body["events"]), key, complete)


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
        "interactive": False if name in BY_THEMSELVES else None,
        "revenue": _in_app_revenue(parameters) if name == IN_APP_PURCHASE else None,
        "event_id": identity(parameters.get("event_id"), "/params/event_id"),
        "created_at": epoch(original.get("timestamp_micros"), MICROSECONDS, "/timestamp_micros"),
        "anonymous_id": somebody(
            identity(original.get("client_id"), "/client_id"),
            identity(original.get("app_instance_id"), "/app_instance_id"),
        ),
        "user_id": somebody(
            identity(original.get("user_id"), "/user_id"), identity(parameters.get("user_id"), "/params/user_id")
        ),
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
        "consent_signals": _consent(original.get("consent")),
        "tracker": TRACKER,
        "properties": {name: value for name, value in parameters.items() if name not in PARAMETERS_OF_COLUMNS},
        "context": _context(original, device),
    }


def _consent(consent: object) -> Mapping[str, Any]:
    """The consent object. An invalid one fails the event, because it may be a refusal."""
    if consent in (None, "") or isinstance(consent, dict):
        return mapping(consent, "/consent")
    raise violation("this is an object", "/consent")


def _in_app_revenue(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The amount paid in an app store: `value`, else `price` times `quantity`."""
    quantity = 1 if parameters.get("value") is not None else (number(parameters.get("quantity")) or 1)
    paid = number(parameters.get("value", parameters.get("price")))
    if paid is None:
        return None
    is_in_millionths = isinstance(paid, int) and paid >= LEAST_MILLIONTHS
    return {"amount_micros" if is_in_millionths else "amount": paid * quantity}


def _context(original: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    sent = mapping(original.get("user_properties"), "/user_properties")
    user_properties = {name: value.get("value") if isinstance(value, dict) else value for name, value in sent.items()}
    context = {
        "user_properties": user_properties,
        "user_location": original.get("user_location"),
        "device": {name: value for name, value in device.items() if name not in ("language", "screen_resolution")},
    }
    return {name: value for name, value in context.items() if value}


def debug(request: Request) -> Answer:
    """The messages of Google's validation server for a request. Stores nothing."""
    body = decode_body(request.body, request.headers, MAX_CHECKED_BYTES)
    parsed, messages = parse_request(body)
    if parsed is not None:
        messages = validation_messages(parsed, len(body), request.parameters, request.received_at)
    return Answer(orjson.dumps({"validationMessages": messages}))


DIALECT = Dialect(
    name="ga4",
    read=read,
    endpoints=(Endpoint("collect_ga4", "mp/collect", split, KEY_PARAMETERS),),
    pages=(Page("ga4_debug", "debug/mp/collect", debug, methods=("POST",)),),
)
