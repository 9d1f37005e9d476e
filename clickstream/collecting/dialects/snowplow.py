"""The dialect of Snowplow's trackers: tracker protocol 2 by POST and GET, and its redirect.

https://docs.snowplow.io/docs/events/going-deeper/http-requests/ and the trackers' sources.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from clickstream.collecting.body_keys import members
from clickstream.collecting.decoding import decode_base64
from clickstream.collecting.dialect import KEY_NAMES, Answer, Dialect, Endpoint, Item, Reading, Verdict, up_to
from clickstream.collecting.dialects.snowplow_fields import ANONYMOUS, PACKED, read
from clickstream.collecting.field_readers import first_text
from clickstream.collecting.json_values import MAX_KEYS, MAX_STRING, parse_json
from clickstream.collecting.request import Request, write_key
from clickstream.errors import InvalidRequest, LengthRequired, NotFound, RequestTooLarge, UnsupportedEncoding
from clickstream.privacy.cookie import SNOWPLOW, is_secure
from clickstream.sites.document import Site

PAYLOAD_DATA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-"
URI_REDIRECT = "iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0"
UNSTRUCT_EVENT = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"
CONTEXTS = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1"
PIXEL = b64decode("R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
NO_STORE = {"Cache-Control": "no-cache, no-store, must-revalidate"}
KEY_PARAMETERS = ("aid",)
NOT_OF_THE_EVENT = frozenset({*KEY_NAMES, "verdict"})
# Codes with ids of network and device, removed from requests that ask for anonymity before anything is stored.
IDENTIFYING = ("nuid", "tnuid", "ip", "fp")
MAX_NETLOC = 300  # a host has at most 253 characters, and a port five
NOT_QUOTED = "/?#%&=:;,+$@!*'()[]~"
# Trackers give up on 400, 401, 403, 410 and 422. On any other status they retry, some without an end.
STATUSES = dict.fromkeys((LengthRequired, RequestTooLarge, UnsupportedEncoding), HTTPStatus.BAD_REQUEST)


def body_keys(request: Request) -> Iterator[str]:
    """Candidates for the key."""
    return members(request.body, *KEY_PARAMETERS)


def split_payload(request: Request, limit: int) -> Reading:
    """The events of a POST, or the one of a query string. Parameters are merged into every event and take precedence.

    Raise InvalidRequest (empty, payload_format, schema_violation), RequestTooLarge.
    """
    parameters = _parameters(request)
    if request.method != "POST" or not request.body.strip():
        if not parameters:
            raise InvalidRequest("the request holds no event", code="empty", pointer="")
        return _reading(request, [{}], parameters)
    payload = parse_json(request.body)
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
        raise InvalidRequest("the body is payload_data with an array as data", code="payload_format", pointer="/data")
    if not payload["data"]:
        raise InvalidRequest("the array holds no event", code="empty", pointer="/data")
    problem = None
    if not str(payload.get("schema")).startswith(PAYLOAD_DATA):
        problem = InvalidRequest(f"the body's schema is {PAYLOAD_DATA}0 to 4", code="payload_format", pointer="/schema")
    return _reading(request, up_to(limit, payload["data"]), parameters, problem)


def split_click(request: Request, limit: int) -> Reading:
    """The event of a redirecting link: the event in the parameters, else one of the click itself."""
    click = {"schema": URI_REDIRECT, "data": {"uri": request.parameters.get("u")}}
    event: dict[str, Any] = {name: value for name, value in _parameters(request).items() if name != "u"}
    if not event.get("e"):
        event |= {"e": "ue", "ue_pr": {"schema": UNSTRUCT_EVENT, "data": click}}
        return _reading(request, [event], {})
    unpack(event)
    contexts = event.get("co")
    if isinstance(contexts, dict) and isinstance(contexts.get("data"), list):
        event["co"] = {**contexts, "data": [*contexts["data"], click]}
    elif not contexts:
        event["co"] = {"schema": CONTEXTS, "data": [click]}
    return _reading(request, [event], {})


def unpack(event: dict[str, Any]) -> None:
    """Parse self-describing JSON, from base64 or text, in place. A value that cannot be parsed stays unchanged.

    If an event has both forms, the plain one takes precedence.
    """
    for packed, plain in PACKED.items():
        try:
            if event.get(plain):
                event.pop(packed, None)
                if isinstance(event[plain], str):
                    event[plain] = parse_json(event[plain].encode("utf-8", "surrogatepass"))
            elif isinstance(event.get(packed), str):
                event[plain] = parse_json(decode_base64(event[packed]))
                del event[packed]
        except InvalidRequest:
            continue


def answer(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """`ok` to a POST, one transparent pixel otherwise."""
    if request.method == "POST":
        return Answer(b"ok", "text/plain", _cookie(request))
    return Answer(PIXEL, "image/gif", {**NO_STORE, **_cookie(request)})


def lead_on(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """302 to the link's target."""
    # Browsers' default. A redirect's policy replaces the page's, and the target needs the referrer.
    policy = {"Referrer-Policy": "strict-origin-when-cross-origin"}
    headers = {"Location": target(request)[0], **NO_STORE, **policy, **_cookie(request)}
    return Answer(headers=headers, media_type="text/plain", status=HTTPStatus.FOUND)


def admit(request: Request, site: Site) -> None:
    """Raise NotFound unless the site allows redirects to the target's host."""
    if not site.redirects_to(target(request)[1]):
        raise NotFound("this site leads to no such host")


def target(request: Request) -> tuple[str, str]:
    """The address in `u`, normalised so that every browser parses it as this check does, and its host as A-labels.

    Raise NotFound unless it is an http or https address without a user and without characters that browsers may parse
    differently.
    """
    address = request.parameters.get("u", "")
    try:
        parts = urlsplit(address)
        if len(address) > MAX_STRING or len(parts.netloc) > MAX_NETLOC:
            raise NotFound("this address is too long to lead to")
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        raise NotFound("this is no address to lead to") from None
    odd = "@" in parts.netloc or "\\" in parts.netloc or not address.isprintable()
    if odd or parts.scheme not in ("http", "https") or not host:
        raise NotFound("this is no address to lead to")
    written = f"[{host}]" if ":" in host else host
    # Rebuilt from its parts, so that a browser cannot parse it differently from this check.
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    rest = quote(f"{parts.path or '/'}{query}{fragment}", safe=NOT_QUOTED)
    return f"{parts.scheme}://{written}{port}{rest}", written


def _parameters(request: Request) -> dict[str, Any]:
    """The query string's parameters, which apply to every event. Raise InvalidRequest for more than MAX_KEYS."""
    if len(request.parameters) > MAX_KEYS:
        raise InvalidRequest(f"a request has at most {MAX_KEYS} parameters", code="schema_violation", pointer="")
    return {name: value for name, value in request.parameters.items() if name not in NOT_OF_THE_EVENT}


def _reading(
    request: Request, events: Sequence[object], parameters: Mapping[str, Any], problem: InvalidRequest | None = None
) -> Reading:
    """The events. The app id is the key if the request has no other; then it is removed from the events."""
    anonymous = ANONYMOUS.lower() in request.headers
    key = None if write_key(request) else _app_id([parameters, *events])

    def complete(element: object) -> Item:
        if not isinstance(element, dict):
            return Item(element, problem)
        event = {**element, **parameters}
        unpack(event)
        if anonymous:
            event = {name: value for name, value in event.items() if name not in IDENTIFYING} | {ANONYMOUS: "*"}
        other = key is not None and event.pop("aid", None) not in (key, None, "")
        return Item(event, problem or (_other_app() if other else None))

    return Reading(events, key, complete)


def _other_app() -> InvalidRequest:
    return InvalidRequest("all events of a request have one app id", code="schema_violation", pointer="/aid")


def _app_id(places: Sequence[object]) -> str | None:
    return first_text(place.get("aid") for place in places if isinstance(place, dict))


def _cookie(request: Request) -> Mapping[str, str]:
    """Headers that delete the visitor's cookie, if the request asks for anonymity and has one."""
    if ANONYMOUS.lower() not in request.headers:
        return {}
    held = any(part.strip().startswith(f"{SNOWPLOW.name}=") for part in request.headers.get("cookie", "").split(";"))
    return {"Set-Cookie": SNOWPLOW.expiring(secure=is_secure(request.headers))} if held else {}


def _endpoint(function: str, route: str, methods: tuple[str, ...]) -> Endpoint:
    keys = body_keys if "POST" in methods else None
    return Endpoint(function, route, split_payload, KEY_PARAMETERS, keys, methods, answer, STATUSES)


DIALECT = Dialect(
    name="snowplow",
    read=read,
    endpoints=(
        _endpoint("collect_snowplow", "com.snowplowanalytics.snowplow/tp2", ("POST", "GET", "HEAD")),
        Endpoint(
            "collect_snowplow_click",
            "r/tp2",
            split_click,
            KEY_PARAMETERS,
            methods=("GET",),
            respond=lead_on,
            admit=admit,
        ),
        _endpoint("collect_snowplow_get", "i", ("GET", "HEAD")),
        _endpoint("collect_snowplow_image", "ice.png", ("GET", "HEAD")),
        _endpoint("collect_snowplow_path", "com.{vendor}/{version}", ("POST",)),
    ),
)
