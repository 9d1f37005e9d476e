"""What is kept of an event under each consent: of who denied nothing identifying, though the visit still counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from clickstream.event import Consent

# Of who denied: what happened, when, on which page, from which site. Whatever is not named here is dropped.
KEPT_OF_DENIED = frozenset(
    {
        "event_id",
        "site",
        "event_type",
        "event_name",
        "received_at",
        "occurred_at",
        "clock_clamped",
        "page_url",
        "page_host",
        "page_path",
        "referrer",
        "referrer_host",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "violations",
        "dialect",
        "tracker",
    }
)
# Of who agreed to anonymous measuring: all but what tells a person or a device again. What trackers say of the
# circumstances holds ids of many names, so none of it is kept; what the site says, its properties, is.
DROPPED_OF_ANONYMOUS = frozenset(
    {"anonymous_id", "user_id", "previous_id", "group_id", "session_id", "session_index", "click_id", "context"}
)
# Events that are about a person: their properties are that person's traits.
ABOUT_PERSONS = frozenset({"identify", "group", "alias"})

# Names of ids in the originals of all dialects, without case and marks (`$device_id` is `deviceid`).
ID_NAMES = frozenset(
    {
        *("anonymousid", "userid", "previousid", "groupid", "distinctid", "anondistinctid", "deviceid", "clientid"),
        *("sessionid", "windowid", "networkuserid", "appinstanceid", "alias", "duid", "uid", "sid", "vid", "nuid"),
        *("tnuid", "fp", "id", "cid", "visitorid", "advertisingid", "sessionindex", "sessionnumber", "clickid"),
    }
)
# Documents about a device or a person as a whole.
ABOUT_DEVICES = frozenset({"co", "cx", "device", "traits", "userproperties", "set", "setonce", "cvar", "cookies"})
MAX_DEPTH = 64


def minimised(fields: Mapping[str, Any], consent: Consent, visitor_id: str | None) -> dict[str, Any]:
    """The canonical fields that may be kept, with the consent itself.

    `visitor_id` is the id that changes daily and needs nothing of the device; it stands in where consent is anonymous.
    """
    if consent == "full":
        return {**fields, "consent": consent}
    if consent == "anonymous":
        kept = {name: value for name, value in fields.items() if name not in DROPPED_OF_ANONYMOUS}
        if fields["event_type"] in ABOUT_PERSONS:
            kept["properties"] = {}
        return {**kept, "anonymous_id": visitor_id, "consent": consent}
    kept = {name: value for name, value in fields.items() if name in KEPT_OF_DENIED}
    for name in ("page_url", "referrer"):
        if kept.get(name):
            kept[name] = _without_query(kept[name], path=name == "page_url")
    return {**kept, "consent": consent}


def _without_query(url: str, *, path: bool) -> str | None:
    """Scheme, host and, if asked for, path; nothing of an address that has no host."""
    parts = urlsplit(url)
    if not parts.netloc:
        return parts.path if path and url.startswith("/") else None
    return f"{parts.scheme}://{parts.netloc}{parts.path if path else '/'}"


def without_ids(value: Any, visitor_id: str | None, depth: int = 0) -> Any:
    """An original of any dialect whose ids are `visitor_id`, or gone, and that tells nothing of device and person.

    Texts that are JSON documents are looked into. What is nested too deep is gone.
    """
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [without_ids(item, visitor_id, depth + 1) for item in value]
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            document = orjson.loads(value)
        except ValueError:
            return value
        return orjson.dumps(without_ids(document, visitor_id, depth + 1)).decode()
    if not isinstance(value, dict):
        return value
    left: dict[str, Any] = {}
    for name, item in value.items():
        plain = "".join(filter(str.isalnum, name)).lower()
        if plain in ID_NAMES:
            if visitor_id is not None:
                left[name] = visitor_id
        elif plain not in ABOUT_DEVICES:
            left[name] = without_ids(item, visitor_id, depth + 1)
    return left
