"""The dialect of Matomo's trackers: the HTTP Tracking API, one request a query string or a form, or many as JSON.

https://developer.matomo.org/api-reference/tracking-api
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from clickstream.collecting.decoding import form_fields
from clickstream.collecting.dialect import KEY_NAMES, Answer, Dialect, Endpoint, Reading, Verdict
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.matomo_fields import read
from clickstream.collecting.plain import pixel
from clickstream.collecting.request import Request
from clickstream.collecting.stated import keyed_items, text
from clickstream.errors import InvalidRequest

NOT_OF_THE_EVENT = frozenset({*KEY_NAMES, "verdict", "token_auth"})


def split(request: Request) -> Reading:
    """The requests in a bulk, or the one in the query string and the form, where the form counts."""
    body = request.body.strip()
    if body.startswith((b"{", b"[")):
        return _bulk(body, request)
    # A page that is left sends its parameters as a body, or leaves the body empty and says all in the query.
    stated = {**request.parameters, **(form_fields(body.removeprefix(b"?")) if body else {})}
    if not stated.keys() - NOT_OF_THE_EVENT - {"idsite", "rec"}:
        raise InvalidRequest("the request holds no event", code="empty", pointer="")
    return _reading([stated], text(stated.get("token_auth")), request)


def _bulk(body: bytes, request: Request) -> Reading:
    bulk = parse_json(body)
    told = bulk if isinstance(bulk, dict) else {"requests": bulk}
    requests = told.get("requests")
    if not isinstance(requests, list):
        raise InvalidRequest("a bulk holds the array `requests`", code="payload_format", pointer="/requests")
    if not requests:
        raise InvalidRequest("the bulk holds no event", code="empty", pointer="/requests")
    token = text(told.get("token_auth")) or text(request.parameters.get("token_auth"))
    return _reading([_parameters(stated) for stated in requests], token, request)


def _parameters(stated: object) -> object:
    """A request of a bulk is a query string, or an object of parameters."""
    if not isinstance(stated, str):
        return stated
    try:
        return form_fields(stated.partition("?")[2 if "?" in stated else 0].encode("utf-8", "surrogatepass"))
    except InvalidRequest:
        return stated


def _reading(requests: Sequence[object], token: str | None, request: Request) -> Reading:
    """The secret token is the key where there is one, else the site's id. The other one is no secret and stays."""
    if token is None:
        tokens = (stated.get("token_auth") for stated in requests if isinstance(stated, dict))
        token = next((found for found in tokens if isinstance(found, str) and found), None)
    taken = [_original(stated, token is None, request) for stated in requests]
    key = token or next((key for _, key in taken if key is not None), None)
    return Reading(keyed_items(taken, key), key)


def _original(stated: object, by_site: bool, request: Request) -> tuple[object, str | None]:
    if not isinstance(stated, dict):
        return stated, None
    gone = NOT_OF_THE_EVENT | {"idsite"} if by_site else NOT_OF_THE_EVENT
    original: dict[str, Any] = {name: value for name, value in stated.items() if name not in gone}
    if "cip" in original:
        original["ip"] = original.pop("cip")
    if "cdo" in original:
        original["received_at"] = request.received_at.isoformat()
    site = stated.get("idsite")
    return original, str(site) if by_site and isinstance(site, str | int) and site != "" else None


def succeed(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """A pixel; nothing where the client wants no image, with 200 all the same; counts to a bulk."""
    if request.body.lstrip()[:1] in (b"{", b"[") or request.body.startswith(b"\x1f\x8b"):
        failed = [index for index, verdict in enumerate(verdicts) if verdict.status == "failed"]
        told: Mapping[str, Any] = {
            "status": "success",
            "tracked": len(verdicts) - len(failed),
            "invalid": len(failed),
            "invalid_indices": failed,
        }
        return Answer(orjson.dumps(told))
    if request.parameters.get("send_image") == "0" or b"send_image=0" in request.body:
        return Answer(b"", "text/plain", {"Cache-Control": "no-store"})
    return pixel(request, verdicts)


DIALECT = Dialect(
    name="matomo",
    read=read,
    endpoints=tuple(
        Endpoint(function, route, split, methods=("GET", "HEAD", "POST"), respond=succeed)
        for function, route in (("collect_matomo", "matomo.php"), ("collect_piwik", "piwik.php"))
    ),
)
