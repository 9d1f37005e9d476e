"""The dialect of Plausible's trackers and its Events API.

https://plausible.io/docs/events-api and the tracker's source. The site is named by its domain, so a domain is a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clickstream.collecting.body_keys import members
from clickstream.collecting.dialect import Dialect, Endpoint, Reading, answering
from clickstream.collecting.field_readers import event_name, flag, number, out_of_shape, pixels, text
from clickstream.collecting.json_values import parse_body, parse_json
from clickstream.collecting.pages import parameters
from clickstream.collecting.request import Request, write_key
from clickstream.errors import InvalidRequest

TYPES = {"pageview": "page_view", "engagement": "page_ping"}
# The trackers' one-letter names -> those of the API, which take precedence.
NAMES = {
    "n": "name",
    "u": "url",
    "d": "domain",
    "r": "referrer",
    "p": "props",
    "m": "meta",
    "$": "revenue",
    "h": "hash_mode",
    "i": "interactive",
    "sd": "scroll_depth",
    "e": "engagement_time",
    "v": "version",
}


# Parameters of the page's address that name a source, after utm_source (https://plausible.io/docs/top-referrers).
CAMPAIGN = {"source": "utm_source", "ref": "utm_source"}


def body_keys(request: Request) -> Iterator[str]:
    """Candidates for the key: domains; of a list of domains the first."""
    for domain in members(request.body, "domain", "d"):
        yield _first(domain)


def split(request: Request, limit: int) -> Reading:
    """The one event of a request. Its domain, the first of a list, is the write key.

    Raise InvalidRequest (empty, payload_format).
    """
    body = parse_body(request.body)
    if not isinstance(body, dict):
        return Reading([body])
    domain = body.get("domain", body.get("d"))
    key = _first(domain) if isinstance(domain, str) else None
    gone = () if write_key(request) else ("domain", "d")
    return Reading([{name: value for name, value in body.items() if name not in gone}], key)


def _first(domains: str) -> str:
    return domains.partition(",")[0].strip()


def read(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the event. Raise InvalidRequest (schema_violation) with a pointer into it."""
    short = "n" if "name" not in original else "name"
    members_by_name = {NAMES.get(name, name): value for name, value in original.items() if name in NAMES} | {
        name: value for name, value in original.items() if name not in NAMES
    }
    name = event_name(members_by_name.get("name"), f"/{short}")
    kind = TYPES.get(name)
    url = text(members_by_name.get("url"))
    hash_mode = members_by_name.get("hash_mode") in (1, True, "1", "true")
    properties = {**_props(original, "m", "meta"), **_props(original, "p", "props")}
    for measure in ("scroll_depth", "engagement_time"):
        if (measured := number(members_by_name.get(measure))) is not None:
            properties[measure if measure == "scroll_depth" else "engagement_ms"] = measured
    context = {"domain": members_by_name.get("domain"), "hash_mode": hash_mode or None}
    version = number(members_by_name.get("version"))
    return {
        "name": kind or name,
        "type": kind or "custom",
        "revenue": _revenue(original),
        "interactive": flag(members_by_name.get("interactive")),
        "page_url": _page_with_fragment(url) if url and hash_mode else url,
        **(parameters(url, CAMPAIGN) if url else {}),
        "referrer": text(members_by_name.get("referrer")),
        "screen_width": pixels(members_by_name.get("screen_width", members_by_name.get("w"))),
        "tracker": f"plausible/{version}" if version is not None else "plausible",
        "properties": properties,
        "context": {name: value for name, value in context.items() if value is not None},
    }


def _props(original: Mapping[str, Any], short: str, long: str) -> dict[str, Any]:
    """The member `long` or `short`: an object, or its JSON as text. Raise InvalidRequest for any other value."""
    name = long if long in original else short
    value = original.get(name)
    if isinstance(value, str) and value:
        try:
            value = parse_json(value.encode("utf-8", "surrogatepass"))
        except InvalidRequest:
            value = None
    elif value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise out_of_shape(f"{name} is an object", f"/{name}")
    return value


def _revenue(original: Mapping[str, Any]) -> object:
    """An object with amount and currency, or its JSON as text. Third-party clients send the amount alone."""
    name = "revenue" if "revenue" in original else "$"
    value = original.get(name)
    if isinstance(value, int | float) or (isinstance(value, str) and not value.lstrip().startswith("{")):
        return value
    return _props(original, "$", "revenue") or None


def _page_with_fragment(url: str) -> str:
    """The address with its fragment in the path, because in hash mode the fragment identifies the page."""
    page, mark, fragment = url.partition("#")
    if fragment.startswith(("/", "!/")):  # a route, which the pipeline handles
        return url
    address, question, query = page.partition("?")
    return f"{address}%23{fragment}{question}{query}" if mark else url


succeed = answering(b"ok", "text/plain")  # as Plausible, but with 200 instead of 202

DIALECT = Dialect(
    name="plausible",
    read=read,
    endpoints=(Endpoint("collect_plausible", "api/event", split, body_keys=body_keys, respond=succeed),),
)
