"""PostHog's events, read into the fields of a client event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from clickstream.collecting.stated import (
    event_name,
    identity,
    mapping,
    moment,
    number,
    pixels,
    text,
    violation,
)

# PostHog's own events that are one of our types. `$set` alone, too, says something of a person.
TYPES = {
    "$pageview": "page_view",
    "$screen": "screen",
    "$identify": "identify",
    "$set": "identify",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
    "$groupidentify": "group",
}
PROFILE = frozenset({"$set", "$set_once"})
NO_REFERRER = "$direct"
# What posthog-js calls everybody in its mode without cookies.
NOBODY = "$posthog_cookieless"
# Property -> field, and how it is read; what cannot be read so stays in the context.
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
# What is read apart, or says of delivery only.
NOT_KEPT = frozenset(
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
# Parts of what has a column.
DERIVED = {"page_url": ("host", "pathname"), "referrer": ("referring_domain",)}
UUID_LENGTH = 36


def read(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one event. Raise InvalidRequest (schema_violation) with a pointer into it.

    A property whose name begins with a dollar is PostHog's and goes to the context without it, unless it has a column;
    all others are the site's. Properties without a value are left out: posthog-js names every campaign it knows of.
    """
    name = event_name(original.get("event"), "/event")
    stated = mapping(original.get("properties"), "/properties")
    kind = TYPES.get(name)
    fields: dict[str, Any] = {"properties": {}, "context": {}}
    for key, value in stated.items():
        if value is None or key in NOT_KEPT:
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
        "event_id": identity(original.get("uuid"), "/uuid") or text(stated.get("$insert_id")),
        "tracker": _tracker(stated),
        "ip": text(original.get("ip")),
        **_clocks(original, stated),
        **_persons(original, stated, name),
    }
    _profile(original, stated, fields)
    _subject(stated, fields)
    return fields


def _tracker(stated: Mapping[str, Any]) -> str | None:
    library, version = text(stated.get("$lib")), text(stated.get("$lib_version"))
    return f"{library}/{version}" if library and version else library


def _clocks(original: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """`timestamp`, else `offset` milliseconds before sending. `$ignore_sent_at` says that `timestamp` is true."""
    sent_at = moment(original.get("sent_at"), "/sent_at")
    created_at = moment(original.get("timestamp"), "/timestamp")
    if created_at is None and sent_at is not None and (offset := number(original.get("offset"))) is not None:
        created_at = sent_at - timedelta(milliseconds=min(max(offset, 0), 10**12))
    if stated.get("$ignore_sent_at") is True and created_at is not None:
        sent_at = None
    return {"created_at": created_at, "sent_at": sent_at}


def _persons(original: Mapping[str, Any], stated: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Who it was. A distinct id is a known person, or the device itself until somebody is known.

    posthog-js says which, by `$is_identified`, or by a distinct id that is the device's; `$process_person_profile`
    false says that there is no person. Server libraries say nothing: what they are given is a known person.
    """
    distinct_id = _distinct_id(original, stated)
    device_id = identity(stated.get("$device_id"), "/properties/$device_id")
    device_id = None if device_id == NOBODY else device_id
    persons: dict[str, Any] = {"anonymous_id": device_id}
    if name == "$identify":
        persons["user_id"] = distinct_id
        if anonymous_id := identity(stated.get("$anon_distinct_id"), "/properties/$anon_distinct_id"):
            persons |= {"anonymous_id": device_id or anonymous_id, "previous_id": anonymous_id}
    elif name == "$groupidentify" and _is_made_up(distinct_id, stated):
        pass
    elif _is_known(distinct_id, device_id, stated):
        persons["user_id"] = distinct_id
    elif distinct_id is not None:
        persons["anonymous_id"] = distinct_id
    if TYPES.get(name) == "alias":
        alias = identity(stated.get("alias"), "/properties/alias")
        if distinct_id is None or alias is None:
            raise violation("an alias names two ids: distinct_id and alias", "/properties/alias")
        persons["previous_id"] = alias
    return persons


def _distinct_id(original: Mapping[str, Any], stated: Mapping[str, Any]) -> str | None:
    found = (
        identity(original.get("distinct_id"), "/distinct_id")
        or identity(original.get("$distinct_id"), "/$distinct_id")
        or identity(stated.get("distinct_id"), "/properties/distinct_id")
    )
    return None if found == NOBODY else found


def _is_known(distinct_id: str | None, device_id: str | None, stated: Mapping[str, Any]) -> bool:
    if isinstance(identified := stated.get("$is_identified"), bool):
        return identified
    return distinct_id != device_id and stated.get("$process_person_profile") is not False


def _is_made_up(distinct_id: str | None, stated: Mapping[str, Any]) -> bool:
    """Server libraries send a group under an id of no person: `$type_key`, or a random UUID."""
    if distinct_id is None or isinstance(stated.get("$is_identified"), bool):
        return False
    of_group = f"${stated.get('$group_type')}_{stated.get('$group_key')}"
    return distinct_id == of_group or (len(distinct_id) == UUID_LENGTH and distinct_id.count("-") == 4)


def _profile(original: Mapping[str, Any], stated: Mapping[str, Any], fields: dict[str, Any]) -> None:
    """What is said of a person or group: properties of an event that says nothing else, context of any other."""
    said = {**_object(original.get("$set")), **_object(stated.get("$set")), **_object(stated.get("$group_set"))}
    once = {**_object(original.get("$set_once")), **_object(stated.get("$set_once"))}
    if fields["type"] in ("identify", "group"):
        fields["properties"] |= said
    elif said:
        fields["context"]["set"] = said
    if once:
        fields["context"]["set_once"] = once


def _object(value: object) -> dict[str, Any]:
    return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else {}


def _subject(stated: Mapping[str, Any], fields: dict[str, Any]) -> None:
    """The group, the screen's name, the page's title and the alias, each where its event has it."""
    if fields["type"] == "alias":
        del fields["properties"]["alias"]
    if fields["type"] == "group":
        fields["group_id"] = identity(stated.get("$group_key"), "/properties/$group_key")
        if fields["group_id"] is None:
            raise violation("a group event names its group", "/properties/$group_key")
    elif isinstance(groups := stated.get("$groups"), dict):
        fields["group_id"] = next((key for key in groups.values() if isinstance(key, str)), None)
    if fields["type"] == "screen" and (screen := fields["context"].pop("screen_name", None)) is not None:
        fields["properties"].setdefault("name", screen)
    if fields["type"] == "page_view" and (title := text(fields["properties"].get("title"))) is not None:
        fields["page_title"] = title
        del fields["properties"]["title"]
