"""The dialect of Matomo's trackers, the HTTP Tracking API: one event as a query string or form, or many as JSON.

https://developer.matomo.org/api-reference/tracking-api
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from clickstream.collecting.body_keys import members, parameters
from clickstream.collecting.decoding import MAX_FORM_ESCAPES, form_fields
from clickstream.collecting.dialect import KEY_NAMES, Answer, Dialect, Endpoint, Item, Reading, Verdict, up_to
from clickstream.collecting.dialects.matomo_fields import read
from clickstream.collecting.dialects.plain import pixel
from clickstream.collecting.field_readers import first_text, keyed_item, text
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest, RequestTooLarge

KEY_PARAMETERS = ("token_auth", "idsite")
NOT_OF_THE_EVENT = frozenset({*KEY_NAMES, "verdict", "token_auth"})
# `received_at` in an original is the server's, so one that the client sent is removed.
NOT_OF_THE_ORIGINAL = NOT_OF_THE_EVENT | {"received_at"}
NOT_OF_THE_ORIGINAL_BY_SITE = NOT_OF_THE_ORIGINAL | {"idsite"}


def body_keys(request: Request) -> Iterator[str]:
    """Candidates for the key: secret tokens and site ids."""
    for name in KEY_PARAMETERS:
        yield from members(request.body, name)
        yield from parameters(request.body, name)


def split(request: Request, limit: int) -> Reading:
    """The events of a bulk, or the one of query string and form; the form takes precedence.

    Raise InvalidRequest (empty, payload_format, bad_encoding), RequestTooLarge.
    """
    body = request.body.strip()
    if body.startswith((b"{", b"[")):
        return _bulk(body, request, limit)
    # On leaving a page the tracker sends the parameters as a body, or in the query with an empty body.
    fields = {**request.parameters, **(form_fields(body.removeprefix(b"?")) if body else {})}
    if not fields.keys() - NOT_OF_THE_EVENT - {"idsite", "rec"}:
        raise InvalidRequest("the request holds no event", code="empty", pointer="")
    respond = succeed_quietly if fields.get("send_image") == "0" else None
    return _reading([fields], text(fields.get("token_auth")), request, respond)


def _bulk(body: bytes, request: Request, limit: int) -> Reading:
    if body.count(b"%") > MAX_FORM_ESCAPES:
        raise RequestTooLarge(f"a bulk has at most {MAX_FORM_ESCAPES} percent-encoded characters")
    bulk = parse_json(body)
    members_of_bulk = bulk if isinstance(bulk, dict) else {"requests": bulk}
    requests = members_of_bulk.get("requests")
    if not isinstance(requests, list):
        raise InvalidRequest("a bulk holds the array `requests`", code="payload_format", pointer="/requests")
    if not requests:
        raise InvalidRequest("the bulk holds no event", code="empty", pointer="/requests")
    token = text(members_of_bulk.get("token_auth")) or text(request.parameters.get("token_auth"))
    return _reading([_parameters(each) for each in up_to(limit, requests)], token, request, succeed_bulk)


def _parameters(event: object) -> object:
    """The parameters of an event in a bulk, which is a query string or already an object; any other value unchanged."""
    if not isinstance(event, str):
        return event
    try:
        return form_fields(event.partition("?")[2 if "?" in event else 0].encode("utf-8", "surrogatepass"))
    except InvalidRequest:
        return event


def _reading(
    events: Sequence[object], token: str | None, request: Request, respond: Callable[[Sequence[Verdict]], Answer] | None
) -> Reading:
    """The events with their key: the secret token if there is one, else the site's id.

    If the token is the key, the site's id is no secret and stays in the originals.
    """
    if token is None:
        token = first_text(event.get("token_auth") for event in events if isinstance(event, dict))
    by_site = token is None
    key = token or next((site for event in events if (site := _site(event)) is not None), None)

    def complete(event: object) -> Item:
        return keyed_item(_original(event, by_site, request), _site(event) if by_site else None, key)

    return Reading(events, key, complete, respond)


def _site(event: object) -> str | None:
    site = event.get("idsite") if isinstance(event, dict) else None
    return str(site) if isinstance(site, str | int) and site != "" else None


def _original(event: object, by_site: bool, request: Request) -> object:
    if not isinstance(event, dict):
        return event
    gone = NOT_OF_THE_ORIGINAL_BY_SITE if by_site else NOT_OF_THE_ORIGINAL
    original: dict[str, Any] = {name: value for name, value in event.items() if name not in gone}
    if "cip" in original:
        original["ip"] = original.pop("cip")
    if "cdo" in original:
        original["received_at"] = request.received_at.isoformat()
    return original


def succeed_bulk(verdicts: Sequence[Verdict]) -> Answer:
    """The counts that clients of a bulk expect."""
    failed = [index for index, verdict in enumerate(verdicts) if verdict.status == "failed"]
    counts: Mapping[str, Any] = {
        "status": "success",
        "tracked": len(verdicts) - len(failed),
        "invalid": len(failed),
        "invalid_indices": failed,
    }
    return Answer(orjson.dumps(counts))


def succeed_quietly(verdicts: Sequence[Verdict]) -> Answer:
    """An empty body, for clients that want no image."""
    return Answer(b"", "text/plain", {"Cache-Control": "no-store"})


DIALECT = Dialect(
    name="matomo",
    read=read,
    endpoints=tuple(
        Endpoint(function, route, split, KEY_PARAMETERS, body_keys, ("GET", "HEAD", "POST"), respond=pixel)
        for function, route in (("collect_matomo", "matomo.php"), ("collect_piwik", "piwik.php"))
    ),
)
