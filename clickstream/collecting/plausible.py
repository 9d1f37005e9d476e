"""The dialect of Plausible's trackers and its Events API.

https://plausible.io/docs/events-api and the tracker's source. The site is named by its domain, so a domain is a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Reading, Verdict
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import Request, write_key
from clickstream.collecting.stated import event_name, number, pixels, text, violation
from clickstream.errors import InvalidRequest

TYPES = {"pageview": "page_view", "engagement": "page_ping"}
# The trackers' one-letter names and those of the API; the latter count where both are there.
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


def split(request: Request) -> Reading:
    """The one event of a request. Its domain is the write key, the first where it names several."""
    if not request.body.strip():
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    body = parse_json(request.body)
    if not isinstance(body, dict):
        return Reading([Item(body)])
    domain = body.get("domain", body.get("d"))
    key = domain.partition(",")[0].strip() if isinstance(domain, str) else None
    gone = () if write_key(request) else ("domain", "d")
    return Reading([Item({name: value for name, value in body.items() if name not in gone})], key)


def read(original: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the event. Raise InvalidRequest (schema_violation) with a pointer into it."""
    short = "n" if "name" not in original else "name"
    stated = {NAMES.get(name, name): value for name, value in original.items() if name in NAMES} | {
        name: value for name, value in original.items() if name not in NAMES
    }
    name = event_name(stated.get("name"), f"/{short}")
    kind = TYPES.get(name)
    url = text(stated.get("url"))
    hash_mode = stated.get("hash_mode") in (1, True, "1", "true")
    properties = {**_props(stated.get("meta"), "meta"), **_props(stated.get("props"), "props")}
    if stated.get("revenue") not in (None, ""):
        properties["revenue"] = _props(stated["revenue"], "revenue")
    for measure in ("scroll_depth", "engagement_time"):
        if (measured := number(stated.get(measure))) is not None:
            properties[measure if measure == "scroll_depth" else "engagement_ms"] = measured
    context = {"domain": stated.get("domain"), "hash_mode": hash_mode or None}
    if stated.get("interactive") is False:
        context["interactive"] = False
    version = number(stated.get("version"))
    return {
        "name": kind or name,
        "type": kind or "custom",
        "page_url": _page_with_fragment(url) if url and hash_mode else url,
        "referrer": text(stated.get("referrer")),
        "screen_width": pixels(stated.get("screen_width", stated.get("w"))),
        "tracker": f"plausible/{version}" if version is not None else "plausible",
        "properties": properties,
        "context": {name: value for name, value in context.items() if value is not None},
    }


def _props(value: object, name: str) -> dict[str, Any]:
    """Properties are an object, or one as text."""
    if isinstance(value, str) and value:
        try:
            value = parse_json(value.encode("utf-8", "surrogatepass"))
        except InvalidRequest:
            value = None
    elif value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise violation(f"{name} is an object", f"/{name}")
    return value


def _page_with_fragment(url: str) -> str:
    """In hash mode the fragment is what tells pages apart, so it is kept as a part of the path."""
    page, mark, fragment = url.partition("#")
    address, question, query = page.partition("?")
    return f"{address}%23{fragment}{question}{query}" if mark else url


def succeed(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """`ok`, as Plausible says it, though with 200."""
    return Answer(b"ok", "text/plain")


DIALECT = Dialect(
    name="plausible",
    read=read,
    endpoints=(Endpoint("collect_plausible", "api/event", split, respond=succeed),),
)
