"""Validates a Measurement Protocol request by Google's published rules, with messages as of its validation server.

https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference (limits, reserved names),
https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events (messages and codes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from clickstream.collecting.field_readers import EPOCH, number
from clickstream.collecting.json_values import parse_json
from clickstream.errors import InvalidRequest

MAX_BODY_BYTES = 130_000
MAX_EVENTS = 25
MAX_PARAMETERS = 25
MAX_NAME = 40
MAX_VALUE = 100
# Parameters that may be longer than others.
LONG_VALUES = {"page_title": 300, "page_referrer": 420, "page_location": 1000}
MAX_USER_PROPERTIES = 25
MAX_USER_PROPERTY_NAME = 24
MAX_USER_PROPERTY_VALUE = 36
MAX_ITEMS = 200
MAX_MESSAGES = 200
OLDEST = timedelta(hours=72)
CONSENT_TYPES = ("ad_user_data", "ad_personalization")
CONSENTS = ("GRANTED", "DENIED")
KNOWN_FIELDS = frozenset(
    {
        *("client_id", "app_instance_id", "user_id", "timestamp_micros", "user_properties", "user_data"),
        *("user_location", "consent", "device", "ip_override", "user_agent", "non_personalized_ads"),
        *("validation_behavior", "events"),
    }
)
RESERVED_EVENTS = frozenset(
    {
        *("ad_activeview", "ad_click", "ad_exposure", "ad_query", "ad_reward", "adunit_exposure"),
        *("app_background", "app_clear_data", "app_exception", "app_install", "app_remove", "app_store_refund"),
        *("app_store_subscription_cancel", "app_store_subscription_convert", "app_store_subscription_renew"),
        *("app_update", "app_upgrade", "dynamic_link_app_open", "dynamic_link_app_update"),
        *("dynamic_link_first_open", "error", "first_open", "first_visit", "in_app_purchase"),
        *("notification_dismiss", "notification_foreground", "notification_open", "notification_receive"),
        *("notification_send", "os_update", "screen_view", "session_start", "user_engagement"),
    }
)
RESERVED_PARAMETERS = frozenset({"firebase_conversion"})
RESERVED_USER_PROPERTIES = frozenset(
    {
        *("first_open_time", "first_visit_time", "last_deep_link_referrer", "user_id"),
        *("first_open_after_install",),
    }
)
RESERVED_EVENT_PREFIXES = ("firebase_", "ga_", "google_", "gtag.")
RESERVED_USER_PROPERTY_PREFIXES = ("firebase_", "ga_", "google_")

Message = dict[str, str]


def parse_request(body: bytes) -> tuple[Mapping[str, Any] | None, list[Message]]:
    """The request's JSON object and no message, or None and one message."""
    try:
        parsed = parse_json(body)
    except InvalidRequest as problem:
        return None, [_message("", f"Unable to parse Measurement Protocol JSON payload. {problem.message}.")]
    if not isinstance(parsed, dict):
        return None, [_message("", "Unable to parse Measurement Protocol JSON payload. The payload must be an object.")]
    return parsed, []


def validation_messages(
    request: Mapping[str, Any], size_bytes: int, parameters: Mapping[str, str], now: datetime
) -> list[Message]:
    """The first MAX_MESSAGES faults of a request; without any, Google Analytics would accept all of it."""
    faults = chain(
        _check_request(request, size_bytes, parameters),
        _check_moment(request.get("timestamp_micros"), "timestamp_micros", now),
        _check_consent(request.get("consent")),
        _check_user_properties(request.get("user_properties")),
        _check_events(request.get("events"), now),
    )
    return list(islice(faults, MAX_MESSAGES))


def _check_request(request: Mapping[str, Any], size_bytes: int, parameters: Mapping[str, str]) -> Iterator[Message]:
    if size_bytes > MAX_BODY_BYTES:
        yield _message("", f"The payload must be at most {MAX_BODY_BYTES} bytes.", "EXCEEDED_MAX_ENTITIES")
    for name in request.keys() - KNOWN_FIELDS:
        yield _message("", f"Unable to parse Measurement Protocol JSON payload. {name[:40]}: Cannot find field.")
    app = bool(parameters.get("firebase_app_id"))
    if not app and not parameters.get("measurement_id"):
        yield _message("measurement_id", "One of measurement_id or firebase_app_id is required.", "VALUE_REQUIRED")
    device = "app_instance_id" if app else "client_id"
    device_id = request.get(device)
    if device_id is None or device_id == "":
        yield _message(device, f"Measurement requires {device}.", "VALUE_REQUIRED")
    elif not isinstance(device_id, str):
        yield _message(device, f"{device} must be a string.")
    if not isinstance(request.get("user_id", ""), str):
        yield _message("user_id", "user_id must be a string.")


def _check_moment(value: object, path: str, now: datetime) -> Iterator[Message]:
    if value is None:
        return
    microseconds = number(value)
    if microseconds is None or microseconds < 0:
        yield _message(path, f"{path} must be a number of microseconds since 1970.")
        return
    happened = microseconds / 1_000_000
    latest = (now - EPOCH).total_seconds()
    if not latest - OLDEST.total_seconds() <= happened <= latest + OLDEST.total_seconds():
        yield _message(path, f"{path} must be within the last 72 hours.", "VALUE_OUT_OF_BOUNDS")


def _check_consent(consent: object) -> Iterator[Message]:
    if consent is None:
        return
    if not isinstance(consent, dict):
        yield _message("consent", "consent must be an object.")
        return
    for name, value in consent.items():
        if name not in CONSENT_TYPES:
            yield _message("consent", f"{name[:40]}: Cannot find field.")
        elif value not in CONSENTS:
            yield _message(f"consent.{name}", f"{name} must be GRANTED or DENIED.")


def _check_user_properties(properties: object) -> Iterator[Message]:
    if properties is None:
        return
    if not isinstance(properties, dict):
        yield _message("user_properties", "user_properties must be an object.")
        return
    if len(properties) > MAX_USER_PROPERTIES:
        yield _message(
            "user_properties", f"At most {MAX_USER_PROPERTIES} user properties are allowed.", "EXCEEDED_MAX_ENTITIES"
        )
    for name, value in properties.items():
        path = f"user_properties.{name[:MAX_NAME]}"
        yield from _check_name(
            name,
            path,
            "User property",
            MAX_USER_PROPERTY_NAME,
            RESERVED_USER_PROPERTIES,
            RESERVED_USER_PROPERTY_PREFIXES,
        )
        if not isinstance(value, dict) or "value" not in value:
            yield _message(path, "A user property must be an object with a value.", "VALUE_REQUIRED")
        else:
            yield from _check_value(value["value"], f"{path}.value", MAX_USER_PROPERTY_VALUE)


def _check_events(events: object, now: datetime) -> Iterator[Message]:
    if not isinstance(events, list):
        yield _message("events", "events must be an array.", "VALUE_REQUIRED" if events is None else "VALUE_INVALID")
        return
    if not events:
        yield _message("events", "At least one event is required.", "VALUE_REQUIRED")
    if len(events) > MAX_EVENTS:
        yield _message("events", f"At most {MAX_EVENTS} events are allowed.", "EXCEEDED_MAX_ENTITIES")
    for index, event in enumerate(events[: 2 * MAX_EVENTS]):
        path = f"events[{index}]"
        if isinstance(event, dict):
            yield from _check_event(event, path, now)
        else:
            yield _message(path, "An event must be an object.")


def _check_event(event: Mapping[str, Any], path: str, now: datetime) -> Iterator[Message]:
    at = path.removeprefix("events")
    if not event.get("name"):
        yield _message("events", f"Event at index: {at} has no name. A name is required.", "VALUE_REQUIRED")
    else:
        what = f"Event at index: {at} has invalid name"
        yield from _check_name(event["name"], "events", what, MAX_NAME, RESERVED_EVENTS, RESERVED_EVENT_PREFIXES)
    yield from _check_moment(event.get("timestamp_micros"), f"{path}.timestamp_micros", now)
    parameters = event.get("params", {})
    if not isinstance(parameters, dict):
        yield _message(f"{path}.params", "params must be an object.")
        return
    if len(parameters) > MAX_PARAMETERS:
        yield _message(
            f"{path}.params", f"At most {MAX_PARAMETERS} parameters are allowed per event.", "EXCEEDED_MAX_ENTITIES"
        )
    for name, value in parameters.items():
        where = f"{path}.params.{name[:MAX_NAME]}"
        yield from _check_name(
            name, where, "Invalid parameter name", MAX_NAME, RESERVED_PARAMETERS, RESERVED_EVENT_PREFIXES
        )
        if name == "items":
            yield from _check_items(value, where)
        else:
            yield from _check_value(value, where, LONG_VALUES.get(name, MAX_VALUE))


def _check_items(items: object, path: str) -> Iterator[Message]:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        yield _message(path, "items must be an array of objects.")
        return
    if len(items) > MAX_ITEMS:
        yield _message(path, f"At most {MAX_ITEMS} items are allowed.", "EXCEEDED_MAX_ENTITIES")
    for index, item in enumerate(items[:MAX_ITEMS]):
        if not item.get("item_id") and not item.get("item_name"):
            yield _message(f"{path}[{index}]", "One of item_id or item_name is required.", "VALUE_REQUIRED")


def _check_name(
    name: object, path: str, what: str, longest: int, reserved: frozenset[str], prefixes: tuple[str, ...]
) -> Iterator[Message]:
    subject = f"{what} [{str(name)[: 2 * MAX_NAME]}]."
    if not isinstance(name, str) or not name[:1].isalpha():
        yield _message(path, f"{subject} Names must start with an alphabetic character.", "NAME_INVALID")
        return
    if name in reserved or name.startswith(prefixes):
        yield _message(path, f"{subject} The name is reserved.", "NAME_RESERVED")
    elif not name.replace("_", "a").isalnum():
        yield _message(path, f"{subject} Names have alphanumeric characters and underscores only.", "NAME_INVALID")
    if len(name) > longest:
        yield _message(path, f"{subject} Names have at most {longest} characters.", "NAME_INVALID")


def _check_value(value: object, path: str, longest: int) -> Iterator[Message]:
    if isinstance(value, str):
        if len(value) > longest:
            yield _message(path, f"The value must be at most {longest} characters.", "VALUE_OUT_OF_BOUNDS")
    elif not isinstance(value, int | float):
        yield _message(path, "The value must be a string or a number.")


def _message(path: str, description: str, code: str = "VALUE_INVALID") -> Message:
    return {"fieldPath": path, "description": description, "validationCode": code}
