"""Messages of Segment's form, read into the fields of a client event. Jitsu's clients send them too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clickstream.collecting.dialect import KEY_NAMES
from clickstream.errors import InvalidRequest

# Of `context.campaign`; the campaign itself is called its name there.
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
# Calls that tell traits; all others tell properties.
ABOUT_SOMEBODY = frozenset({"identify", "group"})
VIEWS = frozenset({"page", "screen"})

# What has a column, and what is said of destinations and of delivery; anything else on top is context.
NOT_CONTEXT = frozenset(
    {
        "type",
        "event",
        "name",
        "category",
        "userId",
        "anonymousId",
        "previousId",
        "groupId",
        "messageId",
        "timestamp",
        "originalTimestamp",
        "sentAt",
        "receivedAt",
        "context",
        "properties",
        "traits",
        "integrations",
        "_metadata",
        "ip",
        "request_ip",
        *KEY_NAMES,
    }
)
MAX_ID = 200
ID_NUMBERS = 10**MAX_ID
MAX_PIXELS = 100_000
MILLISECONDS_FROM = 10**11  # as seconds, the year 5138
NO_REFERRER = "$direct"


def read_message(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one message. Raise InvalidRequest (schema_violation) with a pointer into it."""
    kind = original.get("type")
    event_type = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    if event_type is None:
        raise violation(f"type is one of {', '.join(EVENT_TYPES)}", "/type")
    context = _object(original, "context")
    for name, value in original.items():
        if name not in NOT_CONTEXT:
            context.setdefault(name, value)
    properties = _said(str(kind), original, context)
    fields: dict[str, Any] = {
        "name": _event_name(original) if kind == "track" else event_type,
        "type": event_type,
        "event_id": _id(original, "messageId"),
        "created_at": _moment(original, "originalTimestamp") or _moment(original, "timestamp"),
        "sent_at": _moment(original, "sentAt"),
        "anonymous_id": _id(original, "anonymousId"),
        "user_id": _id(original, "userId"),
        "previous_id": _id(original, "previousId"),
        "group_id": _id(original, "groupId") or _taken_id(context, "groupId"),
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


def violation(message: str, pointer: str) -> InvalidRequest:
    """An event that cannot be read, and where."""
    return InvalidRequest(message, code="schema_violation", pointer=pointer)


def _said(kind: str, original: Mapping[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """What the site says by the call: properties, or traits of the person or group. The other one is context.

    RudderStack's clients tell a person's traits in the context.
    """
    properties, traits = _object(original, "properties"), _object(original, "traits")
    if kind in ABOUT_SOMEBODY:
        said, other, place = traits, properties, "properties"
        if kind == "identify" and isinstance(known := context.get("traits"), dict) and said in ({}, known):
            said = dict(context.pop("traits"))
    else:
        said, other, place = properties, traits, "traits"
    if other:
        context.setdefault(place, other)
    if kind in VIEWS:
        for name in ("name", "category"):
            if original.get(name) and isinstance(original[name], str):
                said.setdefault(name, original[name])
    return said


def _device(context: dict[str, Any]) -> dict[str, Any]:
    """What has a column is taken out of the context."""
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
        _keep_the_rest(context, "library", library, {"name", "version"})
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
        _keep_the_rest(context, "screen", screen, taken)
    return fields


def _campaign(context: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign as the client tells it, which counts where the page's address tells none."""
    stated = context.get("campaign")
    if not isinstance(stated, dict):
        return {}
    return {
        f"utm_{CAMPAIGN.get(name, name)}": text
        for name, text in stated.items()
        if name in CAMPAIGN_NAMES and isinstance(text, str)
    }


def _page(properties: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The page: what a page call says of it goes before what the library saw. What has a column is said only there."""
    stated = context.get("page")
    page: dict[str, Any] = stated if isinstance(stated, dict) else {}

    def told(name: str) -> str | None:
        for place in (properties, page):
            if (text := place.get(name)) and isinstance(text, str):
                return text
        return None

    url, path, search = told("url"), told("path"), told("search")
    whole = _whole_url(url, path, search)
    title, referrer = told("title"), told("referrer")
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
            _keep_the_rest(context, "page", page, gone)
        elif gone:
            for name in gone:
                del properties[name]
    if referrer == NO_REFERRER:
        referrer = None
    return {"page_url": whole, "page_title": title, "referrer": referrer}


def _whole_url(url: str | None, path: str | None, search: str | None) -> str | None:
    """The address with its query, which some clients tell apart, and where campaigns are read from."""
    address = url or path
    if address and search and "?" not in address:
        return f"{address}{search if search.startswith('?') else f'?{search}'}"
    return address


def _keep_the_rest(context: dict[str, Any], name: str, value: Mapping[str, Any], taken: set[str]) -> None:
    rest = {key: item for key, item in value.items() if key not in taken}
    if rest:
        context[name] = rest
    else:
        del context[name]


def _object(original: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A copy, for parts of it are taken out."""
    value = original.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise violation(f"{name} is an object", f"/{name}")
    return dict(value)


def _event_name(original: Mapping[str, Any]) -> str:
    name = original.get("event")
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_ID:
        raise violation(f"a track call names its event in at most {MAX_ID} characters", "/event")
    return name


def _id(original: Mapping[str, Any], name: str) -> str | None:
    value = original.get(name)
    if value is None or value == "":
        return None
    if not _is_id(value):
        raise violation(f"{name} is a text of at most {MAX_ID} characters", f"/{name}")
    return str(value)


def _taken_id(context: dict[str, Any], name: str) -> str | None:
    value = context.get(name)
    return str(context.pop(name)) if value != "" and _is_id(value) else None


def _is_id(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and -ID_NUMBERS < value < ID_NUMBERS
    return isinstance(value, str) and len(value) <= MAX_ID


def _is_pixels(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PIXELS


def _moment(original: Mapping[str, Any], name: str) -> datetime | None:
    """A moment told as ISO 8601, or as a number of seconds or milliseconds since 1970."""
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
    raise violation(f"{name} is a moment in ISO 8601", f"/{name}")
