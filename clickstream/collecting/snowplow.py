"""The dialect of Snowplow's trackers: tracker protocol 2 by POST and GET, and its redirect.

https://docs.snowplow.io/docs/events/going-deeper/http-requests/ and the trackers' sources.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from clickstream.collecting.decoding import decode_base64
from clickstream.collecting.dialect import KEY_NAMES, Answer, Dialect, Endpoint, Item, Reading, Verdict
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import Request, write_key
from clickstream.collecting.snowplow_fields import ANONYMOUS, PACKED, read
from clickstream.errors import InvalidRequest, NotFound, RequestTooLarge, UnsupportedEncoding
from clickstream.privacy.cookie import SNOWPLOW, is_secure
from clickstream.sites.document import Site

PAYLOAD_DATA = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-"
URI_REDIRECT = "iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0"
UNSTRUCT_EVENT = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"
CONTEXTS = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1"
PIXEL = b64decode("R0lGODlhAQABAPAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
NO_STORE = {"Cache-Control": "no-cache, no-store, must-revalidate"}
NOT_OF_THE_EVENT = frozenset({*KEY_NAMES, "verdict"})
# What a request that asks for anonymity says of the network and the device is dropped before anything is kept.
IDENTIFYING = ("nuid", "tnuid", "ip", "fp")
NOT_QUOTED = "/?#%&=:;,+$@!*'()[]~"
# Every tracker gives up on 400, 401, 403, 410 and 422, and sends again, some for ever, on anything else.
STATUSES = {RequestTooLarge: HTTPStatus.BAD_REQUEST, UnsupportedEncoding: HTTPStatus.BAD_REQUEST}


def split_payload(request: Request) -> Reading:
    """The events of a POST, or the one of a query string. Parameters are merged into every event and win."""
    parameters = _parameters(request)
    if request.method != "POST" or not request.body.strip():
        if not parameters:
            raise InvalidRequest("the request holds no event", code="empty", pointer="")
        return _reading(request, [parameters])
    payload = parse_json(request.body)
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
        raise InvalidRequest("the body is payload_data with an array as data", code="payload_format", pointer="/data")
    if not payload["data"]:
        raise InvalidRequest("the array holds no event", code="empty", pointer="/data")
    problem = None
    if not str(payload.get("schema")).startswith(PAYLOAD_DATA):
        problem = InvalidRequest(f"the body's schema is {PAYLOAD_DATA}0 to 4", code="payload_format", pointer="/schema")
    events = [{**event, **parameters} if isinstance(event, dict) else event for event in payload["data"]]
    return _reading(request, events, problem)


def split_click(request: Request) -> Reading:
    """The event of a link that leads through here: the one stated, else that of the click itself."""
    click = {"schema": URI_REDIRECT, "data": {"uri": request.parameters.get("u")}}
    event: dict[str, Any] = {name: value for name, value in _parameters(request).items() if name != "u"}
    if not event.get("e"):
        event |= {"e": "ue", "ue_pr": {"schema": UNSTRUCT_EVENT, "data": click}}
        return _reading(request, [event])
    unpack(event)
    contexts = event.get("co")
    if isinstance(contexts, dict) and isinstance(contexts.get("data"), list):
        event["co"] = {**contexts, "data": [*contexts["data"], click]}
    elif not contexts:
        event["co"] = {"schema": CONTEXTS, "data": [click]}
    return _reading(request, [event])


def unpack(event: dict[str, Any]) -> None:
    """Self-describing JSON in its place as JSON, whether it came as base64 or text; what is none stays as it was.

    Where one event has both forms, the plain one holds.
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
    """302 to where the link leads."""
    headers = {"Location": target(request)[0], **NO_STORE, **_cookie(request)}
    return Answer(headers=headers, media_type="text/plain", status=HTTPStatus.FOUND)


def admit(request: Request, site: Site) -> None:
    """Raise NotFound unless the site lets links lead to this host."""
    if not site.redirects_to(target(request)[1]):
        raise NotFound("this site leads to no such host")


def target(request: Request) -> tuple[str, str]:
    """The address in `u`, written so that every browser reads it as it was checked, and its host in punycode.

    Raise NotFound where it is no http or https address, or has a user, or is written to be misread.
    """
    address = request.parameters.get("u", "")
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        raise NotFound("this is no address to lead to") from None
    odd = "@" in parts.netloc or "\\" in parts.netloc or not address.isprintable()
    if odd or parts.scheme not in ("http", "https") or not host:
        raise NotFound("this is no address to lead to")
    written = f"[{host}]" if ":" in host else host
    # Put together anew: what is checked and what a browser makes of it must be one.
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    rest = quote(f"{parts.path or '/'}{query}{fragment}", safe=NOT_QUOTED)
    return f"{parts.scheme}://{written}{port}{rest}", written


def _parameters(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.parameters.items() if name not in NOT_OF_THE_EVENT}


def _reading(request: Request, events: Sequence[object], problem: InvalidRequest | None = None) -> Reading:
    """The originals. Where no other key is stated the app id is the key, and keys are not kept."""
    anonymous = ANONYMOUS.lower() in request.headers
    key = None if write_key(request) else _app_id(events)
    items = []
    for event in events:
        if not isinstance(event, dict):
            items.append(Item(event, problem))
            continue
        unpack(event)
        if anonymous:
            event = {name: value for name, value in event.items() if name not in IDENTIFYING} | {ANONYMOUS: "*"}
        other = key is not None and event.pop("aid", None) not in (key, None, "")
        items.append(Item(event, problem or (_other_app() if other else None)))
    return Reading(items, key)


def _other_app() -> InvalidRequest:
    return InvalidRequest("all events of a request have one app id", code="schema_violation", pointer="/aid")


def _app_id(events: Sequence[object]) -> str | None:
    stated = (event.get("aid") for event in events if isinstance(event, dict))
    return next((app_id for app_id in stated if isinstance(app_id, str) and app_id), None)


def _cookie(request: Request) -> Mapping[str, str]:
    """Anonymity ends what an earlier request may have begun."""
    if ANONYMOUS.lower() not in request.headers:
        return {}
    held = any(part.strip().startswith(f"{SNOWPLOW.name}=") for part in request.headers.get("cookie", "").split(";"))
    return {"Set-Cookie": SNOWPLOW.expiring(secure=is_secure(request.headers))} if held else {}


DIALECT = Dialect(
    name="snowplow",
    read=read,
    endpoints=(
        Endpoint(
            "collect_snowplow",
            "com.snowplowanalytics.snowplow/tp2",
            split_payload,
            methods=("POST", "GET", "HEAD"),
            respond=answer,
            statuses=STATUSES,
        ),
        Endpoint("collect_snowplow_click", "r/tp2", split_click, methods=("GET",), respond=lead_on, admit=admit),
        Endpoint(
            "collect_snowplow_get", "i", split_payload, methods=("GET", "HEAD"), respond=answer, statuses=STATUSES
        ),
        Endpoint(
            "collect_snowplow_image",
            "ice.png",
            split_payload,
            methods=("GET", "HEAD"),
            respond=answer,
            statuses=STATUSES,
        ),
        Endpoint("collect_snowplow_path", "com.{vendor}/{version}", split_payload, respond=answer, statuses=STATUSES),
    ),
)
