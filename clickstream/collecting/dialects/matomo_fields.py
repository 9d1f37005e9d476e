"""Reads the parameters of Matomo's Tracking API into the fields of a client event.

https://developer.matomo.org/api-reference/tracking-api
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from clickstream.collecting.field_readers import epoch, event_name, identity, moment, number, size, text
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.pages import parameters
from clickstream.errors import InvalidRequest
from clickstream.privacy.nobody import somebody

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
# Names of events without an act of the visitor: content that comes into view, and crashes.
BY_THEMSELVES = frozenset({"content_impression", "crash"})
ITEM = ("sku", "name", "category", "price", "quantity")
# Parameters with the campaign, in addition to those in the page's address.
CAMPAIGN_PARAMETERS = {"_rcn": "utm_campaign", "_rck": "utm_term"}
# Parameters that have a column, or concern the request only.
NOT_CONTEXT = frozenset(
    {
        *PROPERTIES,
        *CAMPAIGN_PARAMETERS,
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
# Parameters whose text is JSON -> their names in the context.
PACKED = {"_cvar": "visit_variables", "uadata": "client_hints"}
NAMED = {"pv_id": "page_view_id"}
# Matomo's campaign parameters in a page's address, in its order of precedence
# (https://matomo.org/faq/reports/what-is-campaign-tracking-and-why-it-is-important/).
CAMPAIGN_FIELDS = {
    "utm_campaign": ("campaign", "cpn"),
    "utm_term": ("keyword", "kwd"),
    "utm_source": ("source",),
    "utm_medium": ("medium",),
    "utm_content": ("content",),
}
CAMPAIGN = {
    f"{prefix}_{name}": field
    for field, names in CAMPAIGN_FIELDS.items()
    for prefix in ("mtm", "matomo", "pk", "piwik")
    for name in names
}


def read(original: Mapping[str, Any]) -> Fields:
    """The fields of one event. Raise InvalidRequest (schema_violation) with a pointer into it."""
    kind, name = _kind(original)
    properties = _properties(original)
    if name == "cart_update" and "revenue" in properties:
        properties["cart_total"] = properties.pop("revenue")
    width, height = size(original.get("res"))
    index = number(original.get("_idvc"))
    page_url = text(original.get("url"))
    return {
        "name": name,
        "type": kind,
        "interactive": False if name in BY_THEMSELVES else None,
        "anonymous_id": somebody(identity(original.get("cid"), "/cid"), identity(original.get("_id"), "/_id")),
        "user_id": identity(original.get("uid"), "/uid"),
        "session_index": int(index) if index is not None and 1 <= index < 2**31 else None,
        "page_url": page_url,
        **_campaign(original, page_url),
        "page_title": text(original.get("action_name")),
        "referrer": text(original.get("urlref")),
        "language": text(original.get("lang")),
        "screen_width": width,
        "screen_height": height,
        "user_agent": text(original.get("ua")),
        "ip": text(original.get("ip")),
        "tracker": "matomo",
        "properties": properties,
        "context": _context(original),
        **_clocks(original),
    }


def _campaign(original: Mapping[str, Any], page_url: str | None) -> Fields:
    """The fields `utm_*` from Matomo's parameters: those in the page's address, else `_rcn` and `_rck`."""
    fields = parameters(page_url, CAMPAIGN) if page_url else {}
    for parameter, name in CAMPAIGN_PARAMETERS.items():
        if parameter in original and (value := text(original[parameter])):
            fields.setdefault(name, value)
    return fields


def _kind(original: Mapping[str, Any]) -> tuple[str, str]:
    """Type and name of the event, decided in Matomo's order."""
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
    if original.get("ca") in ("1", 1) and original.get("cra"):
        return "custom", "crash"
    if original.get("ca") in ("1", 1):
        return "custom", "custom_action"
    return "page_view", "page_view"


def _clocks(original: Mapping[str, Any]) -> Fields:
    """The clocks: `cdt` is the moment itself, `cdo` its age in seconds at the request. None without either."""
    absolute = original.get("cdt")
    if absolute is not None and absolute != "":
        created_at = epoch(absolute, 1, "/cdt") if number(absolute) is not None else moment(absolute, "/cdt")
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
            converted = number(value) if parameter in NUMBERS else None
            properties[PROPERTIES[parameter]] = value if converted is None else converted
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
    """The JSON value of a text; any other value unchanged."""
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
    """Names and values from `{"1": ["name", "value"]}`; entries of another form unchanged."""
    if not isinstance(variables, dict):
        return variables
    named: Fields = {}
    for slot, pair in variables.items():
        if isinstance(pair, list) and len(pair) == 2:
            named[str(pair[0])] = pair[1]
        else:
            named[slot] = pair
    return named
