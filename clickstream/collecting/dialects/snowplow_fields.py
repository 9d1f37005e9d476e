"""Reads the codes of Snowplow's tracker protocol into the fields of a client event.

Codes and their types: https://docs.snowplow.io/docs/events/going-deeper/event-parameters/ and the trackers' sources.
All values are texts on the wire; numbers are accepted because some trackers send them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from clickstream.collecting.client_event import MAX_NAME
from clickstream.collecting.dialect import KEY_NAMES
from clickstream.collecting.dialects.snowplow_orders import ORDERS, read_order
from clickstream.collecting.field_readers import EPOCH, YEAR_2200_SECONDS, out_of_shape, violation
from clickstream.errors import InvalidRequest, Without
from clickstream.privacy.nobody import somebody

ANONYMOUS = "SP-Anonymous"  # no code: the request's header, stored in the original for replays
PACKED = {"ue_px": "ue_pr", "cx": "co"}  # base64 -> the same as JSON
EVENTS: Mapping[str, tuple[str, str]] = {
    "pv": ("page_view", "page_view"),
    "pp": ("page_ping", "page_ping"),
    "se": ("custom", ""),
    "ue": ("custom", ""),
    "tr": ("custom", "transaction"),
    "ti": ("custom", "transaction_item"),
}
VENDOR = "com.snowplowanalytics"
SNOWPLOW = ("com.snowplowanalytics.snowplow", "com.snowplowanalytics.mobile")
# Self-describing events of Snowplow's own that trackers and their plugins send without an act of the visitor's:
# https://docs.snowplow.io/docs/events/ootb-data/
BY_THEMSELVES = frozenset(
    {
        *("web_vitals", "performance_timing", "application_error", "diagnostic_error", "timing", "user_timing"),
        *("consent_preferences", "consent_granted", "consent_withdrawn", "cmp_visible"),
        *("application_install", "application_background", "screen_end", "ad_impression", "preference_change"),
        *("create_element", "expose_element", "obscure_element", "destroy_element"),
        *("ping_event", "percent_progress_event", "buffer_start_event", "buffer_end_event", "quality_change_event"),
        *("end_event", "error_event", "ad_start_event", "ad_quartile_event", "ad_complete_event"),
        *("ad_break_start_event", "ad_break_end_event"),
    }
)
NIL = "00000000-0000-0000-0000-000000000000"  # trackers and collectors send it in place of a withheld id
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
    if not 0 <= milliseconds < 1000 * YEAR_2200_SECONDS:
        raise ValueError("must be milliseconds since 1970, before the year 2200")
    return EPOCH + timedelta(milliseconds=milliseconds)


def _number(value: object) -> object:
    """The number in the text; any other value unchanged."""
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
    """The target of a code's value: 0 fields of ClientEvent, 1 context, 2 properties; None if it is read elsewhere.

    `convert` raises ValueError for a value that it cannot read.
    """

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
# Members of the entity client_session -> context. Its user, session and index are fields.
SESSION = {
    "previousSessionId": "previous_session_id",
    "eventIndex": "session_event_index",
    "firstEventId": "session_first_event_id",
    "firstEventTimestamp": "session_first_event_at",
    "storageMechanism": "session_storage",
}


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of one event. An unknown code becomes a property. Raise InvalidRequest with a pointer into it."""
    kind = original.get("e")
    if not isinstance(kind, str) or kind not in EVENTS:
        raise violation("the event's type must be one of pv, pp, se, ue, tr, ti", "/e")
    for packed in PACKED:
        if original.get(packed):
            problem = violation if packed == "ue_px" else out_of_shape
            raise problem("is no JSON in base64", f"/{packed}")
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
        if convert is _text and type(value) is str:  # the fast path, for nearly all values
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


def iglu(schema: object, pointer: str, without: Without | None = None) -> tuple[str, str, str]:
    """Vendor, name and version of `iglu:vendor/name/format/version`. Raise InvalidRequest."""
    parts = _iglu_parts(schema) if isinstance(schema, str) and len(schema) <= MAX_SCHEMA else None
    if parts is None:
        message = "a schema is iglu:vendor/name/format/version"
        raise InvalidRequest(message, code="schema_violation", pointer=pointer, without=without)
    return parts


@lru_cache(maxsize=1024)  # a site has few schemas, and each of its events names several
def _iglu_parts(schema: str) -> tuple[str, str, str] | None:
    parts = schema.removeprefix("iglu:").split("/")
    return (parts[0], parts[1], parts[3]) if len(parts) == 4 and all(parts) else None


def _converted(convert: Callable[[object], object], value: object, code: str) -> Any:
    try:
        return convert(value)
    except ValueError as error:
        raise out_of_shape(str(error), f"/{code}", is_clock=convert is _moment) from None


def _read_sizes(original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]) -> None:
    for code, target, name in (("res", fields, "screen"), ("vp", fields, "viewport"), ("ds", context, "document")):
        if value := original.get(code):
            target[f"{name}_width"], target[f"{name}_height"] = _converted(_size, value, code)


def _read_true_time(original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]) -> None:
    """A true timestamp is trusted, so it replaces both clocks of the device."""
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
    """Page view and session become fields; all other entities stay unchanged in the context."""
    if not (contexts := original.get("co")):
        return
    if not isinstance(contexts, dict) or not isinstance(contexts.get("data"), list):
        raise out_of_shape("contexts are JSON with a schema and an array as data", "/co")
    entities = []
    for index, entity in enumerate(contexts["data"]):
        if entity is None:
            continue
        if not isinstance(entity, dict):
            raise out_of_shape("an entity is an object with schema and data", f"/co/data/{index}")
        vendor, name, _ = iglu(entity.get("schema"), f"/co/data/{index}/schema", Without(f"/co/data/{index}"))
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
        fields["anonymous_id"] = somebody(fields.get("anonymous_id"), session.get("userId"))
    context |= {name: value for key, name in SESSION.items() if (value := session.get(key)) is not None}


def _action(properties: Mapping[str, Any]) -> str:
    name = str(properties.get("action", "")).strip()
    if not name:
        raise violation("a structured event needs an action", "/se_ac")
    return name[:MAX_NAME].rstrip()


def _read_self_describing(
    original: Mapping[str, Any], fields: dict[str, Any], context: dict[str, Any]
) -> Mapping[str, Any]:
    """Set name, version and type of a self-describing event. Return its properties. Raise InvalidRequest."""
    outer = original.get("ue_pr")
    event = outer.get("data") if isinstance(outer, dict) else None
    if not isinstance(event, dict):
        raise violation("a self-describing event is JSON with schema and data in data", "/ue_pr")
    vendor, name, version = iglu(event.get("schema"), "/ue_pr/data/schema")
    data = event.get("data")
    if not isinstance(data, dict):
        raise violation("the data of an event is an object", "/ue_pr/data/data")
    if name == "screen_view" and vendor in SNOWPLOW:
        fields["type"] = name = "screen"
    fields["name"], fields["schema_version"] = name, version
    if name in BY_THEMSELVES and vendor.startswith(VENDOR):
        fields["interactive"] = False
    elif vendor in ORDERS and context.get("entities"):
        fields |= read_order(vendor, data, context["entities"])
    context["schema"] = event["schema"]
    return data
