"""Reads PostHog's events into the fields of a client event.

https://posthog.com/docs/api/capture and the clients' sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from clickstream.collecting.field_readers import (
    event_name,
    identity,
    mapping,
    moment,
    number,
    pixels,
    text,
    violation,
)
from clickstream.privacy.nobody import means_nobody, somebody

# PostHog's own events that have one of our types. `$set` alone describes a person, too.
TYPES = {
    "$pageview": "page_view",
    "$screen": "screen",
    "$identify": "identify",
    "$set": "identify",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
    "$groupidentify": "group",
}
# Events without an act of the visitor, by the sources of posthog-js and of the mobile clients.
BY_THEMSELVES = frozenset(
    {
        *("$pageleave", "$web_vitals", "$performance_event", "$feature_flag_called", "$web_experiment_applied"),
        *("$exception", "$dead_click", "$dead_swipe", "$opt_in", "$heatmap", "$$heatmap", "$snapshot"),
        *("$$client_ingestion_warning", "$session_starting", "$session_ending", "$bot_pageview"),
        *("survey shown", "product tour shown", "$ai_metric"),
        *("Application Installed", "Application Updated", "Application Backgrounded"),
    }
)
PROFILE = frozenset({"$set", "$set_once"})
NO_REFERRER = "$direct"
# The distinct id of every visitor in the cookieless mode of posthog-js.
NOBODY = "$posthog_cookieless"
# Property -> field and its reader; a value that cannot be read goes to the context.
COLUMNS = {
    "$current_url": ("page_url", text),
    "$referrer": ("referrer", text),
    "$session_id": ("session_id", text),
    "$raw_user_agent": ("user_agent", text),
    "$browser_language": ("language", text),
    "$locale": ("language", text),
    "$timezone": ("time_zone", text),
    "$screen_width": ("screen_width", pixels),
    "$screen_height": ("screen_height", pixels),
    "$viewport_width": ("viewport_width", pixels),
    "$viewport_height": ("viewport_height", pixels),
}
# Properties that are read separately, or concern delivery only.
SEPARATE = frozenset(
    {
        "distinct_id",
        "$lib",
        "$lib_version",
        "$insert_id",
        "$time",
        "$ignore_sent_at",
        "$is_identified",
        "$device_id",
        "$user_id",
        "$anon_distinct_id",
        "$set",
        "$set_once",
        "$group_key",
        "$group_set",
    }
)
# Properties that are parts of a value with a column.
DERIVED = {"page_url": ("host", "pathname"), "referrer": ("referring_domain",)}
UUID_LENGTH = 36


def read(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one event. Raise InvalidRequest (schema_violation) with a pointer into it.

    A property whose name begins with a dollar is PostHog's and goes to the context without it, unless it has a column;
    all others are the site's. Properties without a value are left out: posthog-js names every campaign it knows of.
    """
    name = event_name(original.get("event"), "/event")
    properties = mapping(original.get("properties"), "/properties")
    kind = TYPES.get(name)
    fields: dict[str, Any] = {"properties": {}, "context": {}}
    for key, value in properties.items():
        if value is None or key in SEPARATE:
            continue
        if key[:1] != "$":
            fields["properties"][key] = value
            continue
        field, convert = COLUMNS.get(key, (None, None))
        if field is not None and convert is not None and (converted := convert(value)) is not None:
            fields.setdefault(field, converted)
        elif value not in ("", [], {}):
            fields["context"][key[1:]] = value
    for field, parts in DERIVED.items():
        if field in fields:
            for part in parts:
                fields["context"].pop(part, None)
    if fields.get("referrer") == NO_REFERRER:
        del fields["referrer"]
    fields |= {
        "name": kind or name,
        "type": kind or "custom",
        "interactive": False if name in BY_THEMSELVES else None,
        "event_id": identity(original.get("uuid"), "/uuid") or text(properties.get("$insert_id")),
        "tracker": _tracker(properties),
        "ip": text(original.get("ip")),
        **_clocks(original, properties),
        **_persons(original, properties, name),
    }
    _profile(original, properties, fields)
    _subject(properties, fields)
    return fields


def _tracker(properties: Mapping[str, Any]) -> str | None:
    library, version = text(properties.get("$lib")), text(properties.get("$lib_version"))
    return f"{library}/{version}" if library and version else library


def _clocks(original: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """`timestamp`, else `offset` milliseconds before sending. `$ignore_sent_at` means that `timestamp` is exact."""
    sent_at = moment(original.get("sent_at"), "/sent_at")
    created_at = moment(original.get("timestamp"), "/timestamp")
    if created_at is None and sent_at is not None and (offset := number(original.get("offset"))) is not None:
        created_at = sent_at - timedelta(milliseconds=min(max(offset, 0), 10**12))
    if properties.get("$ignore_sent_at") is True and created_at is not None:
        sent_at = None
    return {"created_at": created_at, "sent_at": sent_at}


def _persons(original: Mapping[str, Any], properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The ids of person and device. A distinct id is that of a known person, or of the device if no person is known.

    posthog-js distinguishes them by `$is_identified`, or by a distinct id that equals the device's;
    `$process_person_profile` false means that there is no person. Server libraries send neither: their distinct ids are
    known persons. Raise InvalidRequest for an alias without two ids.
    """
    distinct_id = _distinct_id(original, properties)
    device_id = identity(properties.get("$device_id"), "/properties/$device_id")
    device_id = None if device_id == NOBODY else device_id
    persons: dict[str, Any] = {"anonymous_id": device_id}
    if name == "$identify":
        persons["user_id"] = distinct_id
        if anonymous_id := identity(properties.get("$anon_distinct_id"), "/properties/$anon_distinct_id"):
            persons |= {"anonymous_id": device_id or anonymous_id, "previous_id": anonymous_id}
    elif name == "$groupidentify" and _is_made_up(distinct_id, properties):
        pass
    elif _is_known(distinct_id, device_id, properties):
        persons["user_id"] = distinct_id
    elif distinct_id is not None:
        persons["anonymous_id"] = distinct_id
    if TYPES.get(name) == "alias":
        alias = identity(properties.get("alias"), "/properties/alias")
        if distinct_id is None or alias is None:
            raise violation("an alias names two ids: distinct_id and alias", "/properties/alias")
        persons["previous_id"] = alias
    return persons


def _distinct_id(original: Mapping[str, Any], properties: Mapping[str, Any]) -> str | None:
    id = somebody(
        identity(original.get("distinct_id"), "/distinct_id"),
        identity(original.get("$distinct_id"), "/$distinct_id"),
        identity(properties.get("distinct_id"), "/properties/distinct_id"),
    )
    return None if id == NOBODY else id


def _is_known(distinct_id: str | None, device_id: str | None, properties: Mapping[str, Any]) -> bool:
    if distinct_id is not None and means_nobody(distinct_id):
        return True  # `check` leaves it out as a user's id, and the device's id stays
    if isinstance(identified := properties.get("$is_identified"), bool):
        return identified
    return distinct_id != device_id and properties.get("$process_person_profile") is not False


def _is_made_up(distinct_id: str | None, properties: Mapping[str, Any]) -> bool:
    """Whether a group event's distinct id is no person's: server libraries send `$type_key`, or a random UUID."""
    if distinct_id is None or isinstance(properties.get("$is_identified"), bool):
        return False
    of_group = f"${properties.get('$group_type')}_{properties.get('$group_key')}"
    return distinct_id == of_group or (len(distinct_id) == UUID_LENGTH and distinct_id.count("-") == 4)


def _profile(original: Mapping[str, Any], properties: Mapping[str, Any], fields: dict[str, Any]) -> None:
    """Add traits of a person or group: to the properties of an identify or group event, to the context of any other."""
    traits = {
        **_object(original.get("$set")),
        **_object(properties.get("$set")),
        **_object(properties.get("$group_set")),
    }
    once = {**_object(original.get("$set_once")), **_object(properties.get("$set_once"))}
    if fields["type"] in ("identify", "group"):
        fields["properties"] |= traits
    elif traits:
        fields["context"]["set"] = traits
    if once:
        fields["context"]["set_once"] = once


def _object(value: object) -> dict[str, Any]:
    return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else {}


def _subject(properties: Mapping[str, Any], fields: dict[str, Any]) -> None:
    """Set the group's id, the screen's name and the page's title, and remove the alias, each for its type of event.

    Raise InvalidRequest for a group event without a group.
    """
    if fields["type"] == "alias":
        del fields["properties"]["alias"]
    if fields["type"] == "group":
        fields["group_id"] = identity(properties.get("$group_key"), "/properties/$group_key")
        if fields["group_id"] is None:
            raise violation("a group event names its group", "/properties/$group_key")
    elif isinstance(groups := properties.get("$groups"), dict):
        fields["group_id"] = next((key for key in groups.values() if isinstance(key, str)), None)
    if fields["type"] == "screen" and (screen := fields["context"].pop("screen_name", None)) is not None:
        fields["properties"].setdefault("name", screen)
    if fields["type"] == "page_view" and (title := text(fields["properties"].get("title"))) is not None:
        fields["page_title"] = title
        del fields["properties"]["title"]
