"""Reads messages of Segment's form, which Jitsu's clients send too, into the fields of a client event.

https://segment.com/docs/connections/spec/common
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clickstream.collecting.client_event import MAX_NAME, MAX_PIXELS
from clickstream.collecting.dialect import KEY_NAMES
from clickstream.collecting.field_readers import identity, out_of_shape, violation
from clickstream.collecting.json_values import id_as_text
from clickstream.privacy.nobody import somebody

# Members of `context.campaign`. The campaign itself is called `name` there.
CAMPAIGN_NAMES = frozenset({"source", "medium", "name", "term", "content"})
CAMPAIGN = {"name": "campaign"}
EVENT_TYPES = {
    "track": "custom",
    "identify": "identify",
    "page": "page_view",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
}
# Calls with traits; all others have properties.
ABOUT_SOMEBODY = frozenset({"identify", "group"})
# Events without an act of the person: https://segment.com/docs/connections/spec/mobile and /spec/b2b, and those of the
# consent wrapper https://segment.com/docs/privacy/consent-management.
BY_THEMSELVES = frozenset(
    {
        *("Application Installed", "Application Updated", "Application Backgrounded", "Application Crashed"),
        *("Application Uninstalled", "Install Attributed", "Push Notification Received"),
        *("Push Notification Bounced", "Segment Consent Preference Updated", "Segment Consent Preference"),
        *("Email Delivered", "Email Bounced", "Experiment Viewed", "Promotion Viewed"),
    }
)
VIEWS = frozenset({"page", "screen"})

# Members that have a column, or concern destinations and delivery; other members at the top go to the context.
NOT_CONTEXT = frozenset(
    {
        *("type", "event", "name", "category", "userId", "anonymousId", "previousId", "groupId", "messageId"),
        *("timestamp", "originalTimestamp", "sentAt", "receivedAt", "context", "properties", "traits"),
        *("integrations", "_metadata", "ip", "request_ip"),
        *KEY_NAMES,
    }
)
MILLISECONDS_FROM = 10**11  # as seconds, the year 5138
NO_REFERRER = "$direct"


def read_message(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one message. Raise InvalidRequest (schema_violation) with a pointer into it."""
    kind = original.get("type")
    event_type = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    if event_type is None:
        raise violation(f"type is one of {', '.join(EVENT_TYPES)}", "/type")
    name = _event_name(original) if kind == "track" else event_type
    context = _object(original, "context")
    for key, value in original.items():
        if key not in NOT_CONTEXT:
            context.setdefault(key, value)
    properties = _properties(str(kind), original, context)
    fields: dict[str, Any] = {
        "name": name,
        "type": event_type,
        "interactive": False if name in BY_THEMSELVES else None,
        "event_id": _id(original, "messageId"),
        "created_at": _moment(original, "originalTimestamp") or _moment(original, "timestamp"),
        "sent_at": _moment(original, "sentAt"),
        "anonymous_id": _id(original, "anonymousId"),
        "user_id": _id(original, "userId"),
        "previous_id": _id(original, "previousId"),
        "group_id": somebody(_id(original, "groupId"), _taken_id(context, "groupId")),
        "session_id": _taken_id(context, "sessionId"),
        "ip": original["ip"] if isinstance(original.get("ip"), str) else None,
        "consent_signals": {name: context[name] for name in ("consent", "consentManagement") if context.get(name)},
        **_device(context),
        **_campaign(context),
        **_page(properties if kind == "page" else {}, context),
    }
    if kind == "group" and fields["group_id"] is None:
        raise violation("a group call names its group", "/groupId")
    fields["properties"] = properties
    fields["context"] = {name: value for name, value in context.items() if value != {}}
    return fields


def _properties(kind: str, original: Mapping[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The site's data in the call: traits of the person or group, properties of other calls. The other one is context.

    RudderStack's clients send a person's traits in the context.
    """
    properties, traits = _object(original, "properties"), _object(original, "traits")
    if kind in ABOUT_SOMEBODY:
        main, other, place = traits, properties, "properties"
        if kind == "identify" and isinstance(known := context.get("traits"), dict) and main in ({}, known):
            main = dict(context.pop("traits"))
    else:
        main, other, place = properties, traits, "traits"
    if other:
        context.setdefault(place, other)
    if kind in VIEWS:
        for name in ("name", "category"):
            if original.get(name) and isinstance(original[name], str):
                main.setdefault(name, original[name])
    return main


def _device(context: dict[str, Any]) -> dict[str, Any]:
    """The fields of device and tracker, which are removed from the context."""
    fields: dict[str, Any] = {}
    for name, field in (("userAgent", "user_agent"), ("locale", "language")):
        if isinstance(context.get(name), str):
            fields[field] = context.pop(name)
    zone = context.get("timezone")
    if isinstance(zone, str) and not zone.startswith(("GMT+", "GMT-")):  # an offset, which is no zone
        fields["time_zone"] = context.pop("timezone")
    library = context.get("library")
    if isinstance(library, dict) and isinstance(library.get("name"), str):
        version = library.get("version")
        fields["tracker"] = f"{library['name']}/{version}" if isinstance(version, str) else library["name"]
        _replace_with_rest(context, "library", library, {"name", "version"})
    screen = context.get("screen")
    if isinstance(screen, dict):
        sizes = {
            "width": "screen_width",
            "height": "screen_height",
            "innerWidth": "viewport_width",
            "innerHeight": "viewport_height",
        }
        taken = {name for name in sizes if _is_pixels(screen.get(name))}
        fields |= {sizes[name]: screen[name] for name in taken}
        _replace_with_rest(context, "screen", screen, taken)
    return fields


def _campaign(context: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign that the client sent; parameters in the page's address take precedence."""
    campaign = context.get("campaign")
    if not isinstance(campaign, dict):
        return {}
    return {
        f"utm_{CAMPAIGN.get(name, name)}": text
        for name, text in campaign.items()
        if name in CAMPAIGN_NAMES and isinstance(text, str)
    }


def _page(properties: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The page's fields, removed from properties and context. The properties of a page call take precedence."""
    in_context = context.get("page")
    page: dict[str, Any] = in_context if isinstance(in_context, dict) else {}

    def first_text(name: str) -> str | None:
        for place in (properties, page):
            if (text := place.get(name)) and isinstance(text, str):
                return text
        return None

    url, path, search = first_text("url"), first_text("path"), first_text("search")
    whole = _whole_url(url, path, search)
    title, referrer = first_text("title"), first_text("referrer")
    derived = {
        "url": url,
        "tab_url": url,
        "title": title,
        "referrer": referrer,
        "referring_domain": page.get("referring_domain") if referrer else None,
        "path": path if path and whole and path in whole else None,
        "search": search if search and whole and search in whole else None,
    }
    for place in (properties, page):
        gone = {name for name, value in derived.items() if name in place and place[name] in ("", value)}
        if place is page and gone:
            _replace_with_rest(context, "page", page, gone)
        elif gone:
            for name in gone:
                del properties[name]
    if referrer == NO_REFERRER:
        referrer = None
    return {"page_url": whole, "page_title": title, "referrer": referrer}


def _whole_url(url: str | None, path: str | None, search: str | None) -> str | None:
    """The address with its query, which some clients send separately, and which may have campaign parameters."""
    address = url or path
    if address and search and "?" not in address:
        return f"{address}{search if search.startswith('?') else f'?{search}'}"
    return address


def _replace_with_rest(context: dict[str, Any], name: str, value: Mapping[str, Any], taken: set[str]) -> None:
    rest = {key: item for key, item in value.items() if key not in taken}
    if rest:
        context[name] = rest
    else:
        del context[name]


def _object(original: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A copy of the member, for changes; empty if it is missing. Raise InvalidRequest if it is no object."""
    value = original.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise out_of_shape(f"{name} is an object", f"/{name}")
    return dict(value)


def _event_name(original: Mapping[str, Any]) -> str:
    name = original.get("event")
    message = f"a track call names its event in at most {MAX_NAME} characters"
    if not isinstance(name, str) or not name.strip():
        raise violation(message, "/event")
    if len(name) > MAX_NAME:
        raise out_of_shape(message, "/event", name.strip()[:MAX_NAME])
    return name


def _id(original: Mapping[str, Any], name: str) -> str | None:
    return identity(original.get(name), f"/{name}")


def _taken_id(context: dict[str, Any], name: str) -> str | None:
    value = id_as_text(context.get(name))
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        return None
    del context[name]
    return value


def _is_pixels(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PIXELS


def _moment(original: Mapping[str, Any], name: str) -> datetime | None:
    """A moment in ISO 8601, or as a number of seconds or milliseconds since 1970; None if it is missing.

    Raise InvalidRequest for any other value.
    """
    value = original.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise out_of_shape(f"{name} is a moment in ISO 8601", f"/{name}", is_clock=True)
