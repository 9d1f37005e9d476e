"""The plain dialect, our JSON: one event, an array, or one event per line; and a pixel with fields in its query."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Reading, Verdict, up_to
from clickstream.collecting.json_values import BYTE_ORDER_MARK, parse_json
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NOT_OF_THE_EVENT = frozenset({"write_key", "verdict"})
ORDER = ("revenue", "currency", "order_id")
NO_STORE = {"Cache-Control": "no-store"}


# A line from its first character that is not blank.
LINE = re.compile(rb"\S[^\r\n]*")


def split_body(request: Request, limit: int) -> Reading:
    """The events of a body, in order. An invalid line is an Item with a problem.

    Raise InvalidRequest (empty, payload_format), RequestTooLarge.
    """
    text = request.body.removeprefix(BYTE_ORDER_MARK).strip()
    if not text:
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    if "ndjson" in request.headers.get("content-type", "").lower():
        return _lines(text, limit)
    try:
        value = parse_json(text)
    except InvalidRequest:
        first, newline, _ = text.partition(b"\n")
        if newline and _line(first).problem is None:
            return _lines(text, limit)
        raise
    if not isinstance(value, list):
        return Reading([value])
    if not value:
        raise InvalidRequest("the array holds no event", code="empty", pointer="")
    return Reading(up_to(limit, value))


def split_parameters(request: Request, limit: int) -> Reading:
    """The pixel's one event: its fields are the query's parameters; unknown names become properties."""
    fields = {name: value for name, value in request.parameters.items() if name not in NOT_OF_THE_EVENT}
    return Reading([{"name": "page_view", **fields}])


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The original's members as fields. `data` is an alias of `properties`, into which the fields of an order move."""
    if isinstance(original.get("data"), dict) and "properties" not in original:
        original = {name: item for name, item in original.items() if name != "data"} | {"properties": original["data"]}
    if "revenue" in original or "currency" in original or "order_id" in original:
        return _with_order_in_properties(original)
    return original


def _with_order_in_properties(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The original with its order fields moved into the properties."""
    properties = original.get("properties") or {}
    if not isinstance(properties, dict):
        return original
    order = {name: original[name] for name in ORDER if name in original}
    rest = {name: item for name, item in original.items() if name not in ORDER}
    return rest | {"properties": {**order, **properties}}


def pixel(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """One transparent pixel, never cached."""
    return Answer(PIXEL, "image/gif", NO_STORE)


def _lines(text: bytes, limit: int) -> Reading:
    return Reading(up_to(limit, (line[0] for line in LINE.finditer(text))), complete=_line)


def _line(line: Any) -> Item:
    try:
        return Item(parse_json(line))
    except InvalidRequest as problem:
        return Item.unreadable(line, problem)


DIALECT = Dialect(
    name="plain",
    read=read,
    endpoints=(
        Endpoint("collect", "api/events", split_body),
        Endpoint("collect_pixel", "api/pixel.gif", split_parameters, methods=("GET", "HEAD"), respond=pixel),
    ),
)
