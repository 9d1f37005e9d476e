"""The plain dialect: our own JSON. One event, an array, or a line each; or the two fields `name` and `data`."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from clickstream.collecting.dialect import Answer, Dialect, Endpoint, Item, Reading, Verdict
from clickstream.collecting.json_values import BYTE_ORDER_MARK, parse_json
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NOT_OF_THE_EVENT = frozenset({"write_key", "verdict"})
NO_STORE = {"Cache-Control": "no-store"}


def split_body(request: Request) -> Reading:
    """The events of a body, in order. A bad line is an Item with its problem."""
    text = request.body.removeprefix(BYTE_ORDER_MARK).strip()
    if not text:
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    if "ndjson" in request.headers.get("content-type", "").lower():
        return Reading(_lines(text))
    try:
        value = parse_json(text)
    except InvalidRequest:
        first, newline, _ = text.partition(b"\n")
        if newline and _line(first).problem is None:
            return Reading(_lines(text))
        raise
    return Reading([Item(element) for element in elements(value)])


def elements(value: object) -> Sequence[object]:
    """The elements of an array, or the one value. Raise InvalidRequest (empty) for an empty array."""
    if not isinstance(value, list):
        return [value]
    if not value:
        raise InvalidRequest("the array holds no event", code="empty", pointer="")
    return value


def split_parameters(request: Request) -> Reading:
    """The pixel's one event: its fields are the query's parameters; those of other names become properties."""
    stated = {name: value for name, value in request.parameters.items() if name not in NOT_OF_THE_EVENT}
    return Reading([Item({"name": "page_view", **stated})])


def read(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields are the event's own; `data` is another word for `properties`."""
    if isinstance(original.get("data"), dict) and "properties" not in original:
        return {name: item for name, item in original.items() if name != "data"} | {"properties": original["data"]}
    return original


def pixel(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """One transparent pixel, never cached."""
    return Answer(PIXEL, "image/gif", NO_STORE)


def _lines(text: bytes) -> Sequence[Item]:
    return [_line(line) for line in text.splitlines() if line.strip()]


def _line(line: bytes) -> Item:
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
