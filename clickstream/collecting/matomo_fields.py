"""The parameters of Matomo's Tracking API, read into the fields of a client event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from clickstream.collecting.json_values import parse_json
from clickstream.collecting.stated import epoch, event_name, identity, moment, number, size, text
from clickstream.errors import InvalidRequest

Fields = dict[str, Any]

# Parameter -> its name among the properties of each kind of event.
PROPERTIES = {
    "e_c": "category",
    "e_a": "action",
    "e_n": "name",
    "e_v": "value",
    "search": "keyword",
    "search_cat": "category",
    "search_count": "count",
    "download": "url",
    "link": "url",
    "c_n": "name",
    "c_p": "piece",
    "c_t": "target",
    "c_i": "interaction",
    "idgoal": "goal",
    "revenue": "revenue",
    "ec_id": "order_id",
    "ec_items": "items",
    "ec_st": "sub_total",
    "ec_tx": "tax",
    "ec_sh": "shipping",
    "ec_dt": "discount",
    "_pkc": "product_category",
    "_pkn": "product_name",
    "_pkp": "product_price",
    "_pks": "product_sku",
}
NUMBERS = frozenset({"e_v", "search_count", "revenue", "ec_st", "ec_tx", "ec_sh", "ec_dt", "_pkp"})
ITEM = ("sku", "name", "category", "price", "quantity")
# What has a column, and what says of the request only.
NOT_CONTEXT = frozenset(
    {
        *PROPERTIES,
        "action_name",
        "url",
        "urlref",
        "_id",
        "cid",
        "uid",
        "_idvc",
        "res",
        "lang",
        "ua",
        "ip",
        "cdt",
        "cdo",
        "received_at",
        "cvar",
        "ping",
        "ca",
        "rec",
        "apiv",
        "rand",
        "r",
        "send_image",
        "queuedtracking",
        "h",
        "m",
        "s",
    }
)
# Texts of JSON in the context.
PACKED = {"_cvar": "visit_variables", "uadata": "client_hints"}
NAMED = {"pv_id": "page_view_id", "_rcn": "campaign_name", "_rck": "campaign_keyword"}


def read(original: Mapping[str, Any]) -> Fields:
    """The fields of one event. Raise InvalidRequest (schema_violation) with a pointer into it."""
    kind, name = _kind(original)
    width, height = size(original.get("res"))
    index = number(original.get("_idvc"))
    return {
        "name": name,
        "type": kind,
        "anonymous_id": identity(original.get("cid"), "/cid") or identity(original.get("_id"), "/_id"),
        "user_id": identity(original.get("uid"), "/uid"),
        "session_index": int(index) if index is not None and 1 <= index < 2**31 else None,
        "page_url": text(original.get("url")),
        "page_title": text(original.get("action_name")),
        "referrer": text(original.get("urlref")),
        "language": text(original.get("lang")),
        "screen_width": width,
        "screen_height": height,
        "user_agent": text(original.get("ua")),
        "ip": text(original.get("ip")),
        "tracker": "matomo",
        "properties": _properties(original),
        "context": _context(original),
        **_clocks(original),
    }


def _kind(original: Mapping[str, Any]) -> tuple[str, str]:
    """Type and name of the event, looked for in Matomo's order."""
    if original.get("ping") in ("1", 1):
        return "page_ping", "page_ping"
    goal = original.get("idgoal")
    if goal in ("0", 0):
        return "custom", "order" if original.get("ec_id") else "cart_update"
    if goal not in (None, ""):
        return "custom", "goal"
    if original.get("e_c") or original.get("e_a"):
        return "custom", event_name(original.get("e_a") or original.get("e_c"), "/e_a")
    if original.get("c_n"):
        return "custom", "content_interaction" if original.get("c_i") else "content_impression"
    for parameter, name in (("download", "download"), ("link", "outlink"), ("search", "site_search")):
        if original.get(parameter):
            return "custom", name
    if original.get("ca") in ("1", 1):
        return "custom", "custom_action"
    return "page_view", "page_view"


def _clocks(original: Mapping[str, Any]) -> Fields:
    """`cdt` is the moment itself, `cdo` how many seconds before the request it was. Else the moment of the request."""
    stated = original.get("cdt")
    if stated is not None and stated != "":
        created_at = epoch(stated, 1, "/cdt") if number(stated) is not None else moment(stated, "/cdt")
        return {"created_at": created_at}
    age = number(original.get("cdo"))
    received_at: datetime | None = moment(original.get("received_at"), "/received_at")
    if age is None or received_at is None:
        return {}
    return {"created_at": received_at - timedelta(seconds=min(max(age, 0), 10**9)), "sent_at": received_at}


def _properties(original: Mapping[str, Any]) -> Fields:
    properties: Fields = {}
    for parameter, value in original.items():
        if value is None or value == "":
            continue
        if parameter == "ec_items":
            properties["items"] = _items(_unpacked(value))
        elif parameter in PROPERTIES:
            stated = number(value) if parameter in NUMBERS else None
            properties[PROPERTIES[parameter]] = value if stated is None else stated
        elif parameter.startswith("dimension"):
            properties[parameter] = value
        elif parameter == "cvar":
            properties["custom_variables"] = _variables(_unpacked(value))
    return properties


def _context(original: Mapping[str, Any]) -> Fields:
    context: Fields = {}
    for parameter, value in original.items():
        if parameter in NOT_CONTEXT or parameter.startswith("dimension") or value is None or value == "":
            continue
        if parameter in PACKED:
            unpacked = _unpacked(value)
            context[PACKED[parameter]] = _variables(unpacked) if parameter == "_cvar" else unpacked
        else:
            context[NAMED.get(parameter, parameter)] = value
    return context


def _unpacked(value: object) -> object:
    """The JSON that a text is; what is none stays as it was."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value.encode("utf-8", "surrogatepass"))
    except InvalidRequest:
        return value


def _items(items: object) -> object:
    """Each item as an object; Matomo sends them as arrays."""
    if not isinstance(items, list):
        return items
    return [dict(zip(ITEM, item, strict=False)) if isinstance(item, list) else item for item in items]


def _variables(variables: object) -> object:
    """Names and values out of `{"1": ["name", "value"]}`."""
    if not isinstance(variables, dict):
        return variables
    named: Fields = {}
    for slot, pair in variables.items():
        if isinstance(pair, list) and len(pair) == 2:
            named[str(pair[0])] = pair[1]
        else:
            named[slot] = pair
    return named
