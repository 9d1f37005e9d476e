"""The plain dialect: our own JSON. One event, an array, or a line each; or the two fields `name` and `data`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickstream.collecting.json_values import parse_json
from clickstream.collecting.request import parse_address, truncated
from clickstream.errors import InvalidRequest

DIALECT = "plain"
NOT_OF_THE_EVENT = frozenset({"write_key", "verdict"})


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a request as it was read: its fields; or the bytes that hold none, and why."""

    fields: Mapping[str, Any] | None
    unreadable: bytes = b""
    problem: InvalidRequest | None = None

    def payload(self) -> bytes:
        """What is kept of an event that failed, for its repair. An address is cut, as everywhere."""
        if self.fields is None:
            return self.unreadable
        if "ip" not in self.fields:
            return _dumped(self.fields)
        address = parse_address(str(self.fields["ip"]))
        return _dumped({**self.fields, "ip": truncated(address) if address else None})


def read_body(body: bytes, content_type: str) -> Sequence[Item]:
    """The events of a body, in order. A bad line or element is an Item with its problem.

    Raise InvalidRequest (payload_format) where the body as a whole cannot be read, (empty) where it holds nothing.
    """
    text = body.strip()
    if not text:
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    if "ndjson" in content_type.lower():
        return _read_lines(text)
    try:
        value = parse_json(text)
    except InvalidRequest:
        first, newline, _ = text.partition(b"\n")
        if newline and _line(first).problem is None:
            return _read_lines(text)
        raise
    if isinstance(value, list):
        if not value:
            raise InvalidRequest("the array holds no event", code="empty", pointer="")
        return [_item(element) for element in value]
    return [_item(value)]


def read_parameters(parameters: Mapping[str, str]) -> Item:
    """The pixel's one event: its fields are the query's parameters; those of other names become properties."""
    stated = {name: value for name, value in parameters.items() if name not in NOT_OF_THE_EVENT}
    return Item({"name": "page_view", **stated})


def _read_lines(text: bytes) -> Sequence[Item]:
    return [_line(line) for line in text.splitlines() if line.strip()]


def _line(line: bytes) -> Item:
    try:
        return _item(parse_json(line))
    except InvalidRequest as problem:
        return Item(None, line, problem)


def _item(value: object) -> Item:
    if not isinstance(value, dict):
        kind = "null" if value is None else type(value).__name__
        problem = InvalidRequest(f"an event is an object, not {kind}", code="schema_violation", pointer="")
        return Item(None, _dumped(value), problem)
    if isinstance(value.get("data"), dict) and "properties" not in value:
        value = {name: item for name, item in value.items() if name != "data"} | {"properties": value["data"]}
    return Item(value)


def _dumped(value: object) -> bytes:
    # The standard library writes what strict JSON forbids too; a failed event may hold just that.
    return json.dumps(value, separators=(",", ":")).encode()
