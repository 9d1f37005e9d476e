"""Data minimisation: the fields of an event that each consent allows. Without consent nothing identifying is stored,
but the page view still counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from clickstream.model.event import Consent

# If consent is denied: what happened, when, on which page, from which site. Every other field is dropped.
KEPT_OF_DENIED = frozenset(
    {
        "event_id",
        "site",
        "event_type",
        "event_name",
        "interactive",
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
        "id_source",
        "key_kind",
        "stream",
        "tracker",
    }
)
# If consent is anonymous: dropped is what recognises a person or a device. Trackers' context holds ids of many names,
# so all of it is dropped. The site's own properties are stored.
DROPPED_OF_ANONYMOUS = frozenset(
    {
        *("anonymous_id", "user_id", "user_verified", "previous_id", "group_id", "session_id", "session_index"),
        *("click_id", "context"),
    }
)
# Events about a person, whose properties are that person's traits.
ABOUT_PERSONS = frozenset({"identify", "group", "alias"})

# Names of ids in the originals of all dialects, in lower case and without marks (`$device_id` is `deviceid`).
ID_NAMES = frozenset(
    {
        *("anonymousid", "userid", "previousid", "groupid", "distinctid", "anondistinctid", "deviceid", "clientid"),
        *("sessionid", "windowid", "networkuserid", "appinstanceid", "alias", "duid", "uid", "sid", "vid", "nuid"),
        *("tnuid", "fp", "id", "cid", "visitorid", "advertisingid", "sessionindex", "sessionnumber", "clickid"),
    }
)
# Members that describe a device or a person as a whole. All events of a person have the same signature.
ABOUT_DEVICES = frozenset(
    {"co", "cx", "device", "traits", "userproperties", "set", "setonce", "cvar", "cookies", "useridsignature"}
)
MAX_DEPTH = 64
MAX_NAME = 200


def minimised(fields: Mapping[str, Any], consent: Consent, visitor_id: str | None) -> dict[str, Any]:
    """The canonical fields that may be stored, and the consent itself.

    `visitor_id` changes daily and needs no data stored on the device; it replaces `anonymous_id` if consent is
    anonymous.
    """
    if consent == "full":
        return {**fields, "consent": consent}
    if consent == "anonymous":
        stored = {name: value for name, value in fields.items() if name not in DROPPED_OF_ANONYMOUS}
        if fields["event_type"] in ABOUT_PERSONS:
            stored["properties"] = {}
        id_source = "none" if visitor_id is None else "day"
        return {**stored, "anonymous_id": visitor_id, "id_source": id_source, "consent": consent}
    stored = {name: value for name, value in fields.items() if name in KEPT_OF_DENIED}
    for name in ("page_url", "referrer"):
        if stored.get(name):
            stored[name] = _without_query(stored[name], path=name == "page_url")
    return {**stored, "id_source": "none", "consent": consent}


def _without_query(url: str, *, path: bool) -> str | None:
    """Scheme, host and, with `path`, the path. None for a URL without a host, unless it is a path and wanted."""
    parts = urlsplit(url)
    if not parts.netloc:
        return parts.path if path and url.startswith("/") else None
    return f"{parts.scheme}://{parts.netloc}{parts.path if path else '/'}"


def without_ids(value: Any, visitor_id: str | None, depth: int = 0) -> Any:
    """An original of any dialect with each id replaced by `visitor_id`, or removed if that is None.

    Removes descriptions of device and person, and members nested too deep or with too long a name. Texts that are JSON
    documents are treated in the same way.
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
    cleaned: dict[str, Any] = {}
    for name, item in value.items():
        if len(name) > MAX_NAME:
            continue
        plain = "".join(filter(str.isalnum, name)).lower()
        if plain in ID_NAMES:
            if visitor_id is not None:
                cleaned[name] = visitor_id
        elif plain not in ABOUT_DEVICES:
            cleaned[name] = without_ids(item, visitor_id, depth + 1)
    return cleaned
