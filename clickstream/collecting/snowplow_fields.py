"""What the codes of Snowplow's tracker protocol say: an original to the fields of ClientEvent.

Codes and their types: https://docs.snowplow.io/docs/events/going-deeper/event-parameters/ and the trackers' sources.
Every value is a text on the wire; numbers are taken where a tracker sends them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from clickstream.collecting.dialect import KEY_NAMES
from clickstream.errors import InvalidRequest

ANONYMOUS = "SP-Anonymous"  # no code: the request's header, kept in the original so that a replay knows of it
PACKED = {"ue_px": "ue_pr", "cx": "co"}  # base64 -> the same as JSON
EVENTS: Mapping[str, tuple[str, str]] = {
    "pv": ("page_view", "page_view"),
    "pp": ("page_ping", "page_ping"),
    "se": ("custom", ""),
    "ue": ("custom", ""),
    "tr": ("custom", "transaction"),
    "ti": ("custom", "transaction_item"),
}
SNOWPLOW = ("com.snowplowanalytics.snowplow", "com.snowplowanalytics.mobile")
NIL = "00000000-0000-0000-0000-000000000000"  # a tracker's and a collector's word for an id that is withheld
MAX_NAME = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2200_MS = 7_258_118_400_000
VERSION = re.compile(r"-(?=[0-9])")
MAX_SCHEMA = 500


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError("must be a text")


def _moment(value: object) -> datetime:
    try:
        milliseconds = float(_text(value))
    except (ValueError, OverflowError):
        raise ValueError("must be milliseconds since 1970") from None
    if not 0 <= milliseconds < YEAR_2200_MS:
        raise ValueError("must be milliseconds since 1970, before the year 2200")
    return EPOCH + timedelta(milliseconds=milliseconds)


def _number(value: object) -> object:
    """The number that the text is; what is none stays as it was said."""
    if not isinstance(value, str):
        return value
    try:
        if value.isascii() and value.removeprefix("-").isdigit() and len(value) < 19:
            return int(value)
        number = float(value)
    except ValueError:
        return value
    return number if isfinite(number) else value


def _index(value: object) -> int:
    text = _text(value)
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text)):
        raise ValueError("must be a whole number from 1")
    return int(text)


def _size(value: object) -> tuple[int, int]:
    width, _, height = _text(value).partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise ValueError("must be width x height in whole pixels")
    if max(len(width), len(height)) > 9:
        raise ValueError("is no size of a screen")
    return int(width), int(height)


def _tracker(value: object) -> str:
    """`js-4.10.1` as name/version; the version begins where a digit follows a hyphen."""
    return VERSION.sub("/", _text(value), count=1)


def _flag(value: object) -> bool:
    return value in ("1", "true", 1)


class Place(NamedTuple):
    """Where a code's value goes: 0 fields of ClientEvent, 1 context, 2 properties; None: read elsewhere."""

    target: int | None
    name: str = ""
    convert: Callable[[object], object] = _text


def _places() -> dict[str, Place]:
    fields = {
        "eid": "event_id",
        "uid": "user_id",
        "duid": "anonymous_id",
        "sid": "session_id",
        "url": "page_url",
        "page": "page_title",
        "refr": "referrer",
        "lang": "language",
        "tz": "time_zone",
        "ua": "user_agent",
        "ip": "ip",
    }
    context = {
        "aid": "app_id",
        "p": "platform",
        "tna": "tracker_namespace",
        "cv": "context_vendor",
        "evn": "event_vendor",
        "tid": "transaction_id",
        "fp": "user_fingerprint",
        "cs": "charset",
    }
    numbers = {
        "pp_mix": "x_offset_min",
        "pp_max": "x_offset_max",
        "pp_miy": "y_offset_min",
        "pp_may": "y_offset_max",
        "se_va": "value",
        "ev_va": "value",
        "tr_tt": "total",
        "tr_tx": "tax",
        "tr_sh": "shipping",
        "ti_pr": "price",
        "ti_qu": "quantity",
    }
    texts = {
        "se_ca": "category",
        "se_ac": "action",
        "se_la": "label",
        "se_pr": "property",
        "ev_ca": "category",
        "ev_ac": "action",
        "ev_la": "label",
        "ev_pr": "property",
        "tr_id": "order_id",
        "tr_af": "affiliation",
        "tr_ci": "city",
        "tr_st": "state",
        "tr_co": "country",
        "tr_cu": "currency",
        "ti_id": "order_id",
        "ti_sk": "sku",
        "ti_nm": "name",
        "ti_na": "name",
        "ti_ca": "category",
        "ti_cu": "currency",
    }
    elsewhere = ("e", "ue_pr", "co", "res", "vp", "ds", "ttm", "nuid", "tnuid", ANONYMOUS, *KEY_NAMES)
    return {
        **{code: Place(0, name) for code, name in fields.items()},
        **{code: Place(1, name) for code, name in context.items()},
        **{code: Place(2, name, _number) for code, name in numbers.items()},
        **{code: Place(2, name) for code, name in texts.items()},
        **{code: Place(None) for code in elsewhere},
        "vid": Place(0, "session_index", _index),
        "dtm": Place(0, "created_at", _moment),
        "stm": Place(0, "sent_at", _moment),
        "tv": Place(0, "tracker", _tracker),
        "cd": Place(1, "color_depth", _number),
        "cookie": Place(1, "cookies_enabled", _flag),
    }


PLACES = _places()
# Of the entity client_session; what it says of user, session and index are fields of their own.
SESSION = {
    "previousSessionId": "previous_session_id",
    "eventIndex": "session_event_index",
    "firstEventId": "session_first_event_id",
    "firstEventTimestamp": "session_first_event_at",
    "storageMechanism": "session_storage",
}


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of one event. A code that the protocol does not know is a property."""
    kind = original.get("e")
    if not isinstance(kind, str) or kind not in EVENTS:
        raise _violation("the event's type must be one of pv, pp, se, ue, tr, ti", "/e")
    for packed in PACKED:
        if original.get(packed):
            raise _violation("is no JSON in base64", f"/{packed}")
    fields: dict[str, Any] = {}
    context: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    targets = (fields, context, properties)
    for code, value in original.items():
        if value is None or value == "":
            continue
        place = PLACES.get(code)
        if place is None:
            (context if code.startswith("f_") else properties)[code] = value
            continue
        target, name, convert = place
        if target is None:
            continue
        if convert is _text and type(value) is str:  # nearly all of them, so without a call
            targets[target][name] = value
        else:
            targets[target][name] = _converted(convert, value, code)
    _read_sizes(original, fields, context)
    _read_true_time(original, fields, context)
    _read_network_user(original, context)
    _read_entities(original, fields, context)
    fields["type"], fields["name"] = EVENTS[kind]
    if kind == "se":
        fields["name"] = _action(properties)
    elif kind == "ue":
        properties |= _read_self_describing(original, fields, context)
    if ANONYMOUS in original:
        fields["consent_signals"] = {"anonymous": True}
    return {**fields, "context": context, "properties": properties}


def iglu(schema: object, pointer: str) -> tuple[str, str, str]:
    """Vendor, name and version of `iglu:vendor/name/format/version`. Raise InvalidRequest."""
    parts = _iglu_parts(schema) if isinstance(schema, str) and len(schema) <= MAX_SCHEMA else None
    if parts is None:
        raise _violation("a schema is iglu:vendor/name/format/version", pointer)
    return parts


@lru_cache(maxsize=1024)  # a site has few schemas, and each of its events names several
def _iglu_parts(schema: str) -> tuple[str, str, str] | None:
    parts = schema.removeprefix("iglu:").split("/")
    return (parts[0], parts[1], parts[3]) if len(parts) == 4 and all(parts) else None


def _converted(convert: Callable[[object], object], value: object, code: str) -> Any:
    try:
        return convert(value)
    except ValueError as error:
        raise _violation(str(error), f"/{code}") from None


def _read_sizes(original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]) -> None:
    for code, target, name in (("res", fields, "screen"), ("vp", fields, "viewport"), ("ds", context, "document")):
        if value := original.get(code):
            target[f"{name}_width"], target[f"{name}_height"] = _converted(_size, value, code)


def _read_true_time(original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]) -> None:
    """A true time is believed as it is, so it takes the place of both clocks of the device."""
    if not (value := original.get("ttm")):
        return
    if "created_at" in fields:
        context["device_created_at"] = fields["created_at"].isoformat()
    fields["created_at"] = _converted(_moment, value, "ttm")
    fields.pop("sent_at", None)


def _read_network_user(original: Mapping[str, Any], context: dict[str, Any]) -> None:
    for code in ("tnuid", "nuid"):
        if value := original.get(code):
            if value != NIL:
                context["network_user_id"] = _converted(_text, value, code)
            return


def _read_entities(original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]) -> None:
    """Page view and session become fields, all others stay as they were sent."""
    if not (contexts := original.get("co")):
        return
    if not isinstance(contexts, dict) or not isinstance(contexts.get("data"), list):
        raise _violation("contexts are JSON with a schema and an array as data", "/co")
    entities = []
    for index, entity in enumerate(contexts["data"]):
        if not isinstance(entity, dict):
            raise _violation("an entity is an object with schema and data", f"/co/data/{index}")
        vendor, name, _ = iglu(entity.get("schema"), f"/co/data/{index}/schema")
        data = entity.get("data")
        if vendor == SNOWPLOW[0] and name == "web_page" and isinstance(data, dict):
            context["page_view_id"] = data.get("id")
        elif vendor == SNOWPLOW[0] and name == "client_session" and isinstance(data, dict):
            _read_session(data, fields, context)
        else:
            entities.append(entity)
    if entities:
        context["entities"] = entities


def _read_session(session: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]) -> None:
    fields.setdefault("session_id", session.get("sessionId"))
    fields.setdefault("session_index", session.get("sessionIndex"))
    if session.get("userId") != NIL:
        fields.setdefault("anonymous_id", session.get("userId"))
    context |= {name: value for key, name in SESSION.items() if (value := session.get(key)) is not None}


def _action(properties: Mapping[str, Any]) -> str:
    name = str(properties.get("action", "")).strip()
    if not name:
        raise _violation("a structured event needs an action", "/se_ac")
    return name[:MAX_NAME].rstrip()


def _read_self_describing(
    original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]
) -> Mapping[str, Any]:
    """Name and version into their places; return the properties."""
    outer = original.get("ue_pr")
    event = outer.get("data") if isinstance(outer, dict) else None
    if not isinstance(event, dict):
        raise _violation("a self-describing event is JSON with schema and data in data", "/ue_pr")
    vendor, name, version = iglu(event.get("schema"), "/ue_pr/data/schema")
    data = event.get("data")
    if not isinstance(data, dict):
        raise _violation("the data of an event is an object", "/ue_pr/data/data")
    if name == "screen_view" and vendor in SNOWPLOW:
        fields["type"] = name = "screen"
    fields["name"], fields["schema_version"] = name, version
    context["schema"] = event["schema"]
    return data


def _violation(message: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(message, code="schema_violation", pointer=pointer)
