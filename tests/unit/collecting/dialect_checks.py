"""Helpers of the dialects' unit tests: send a request to an endpoint, and read its events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from clickstream.collecting import client_event
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Dialect, Endpoint, Item, Page, Reading
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest

LIMIT = 500  # events of a request
NOW = datetime(2026, 11, 21, 7, 40, tzinfo=UTC)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def request(
    body: bytes = b"",
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    **route: str,
) -> Request:
    return Request(headers or {}, parameters or {}, body, NOW, method, route)


def endpoint(dialect: Dialect, route: str) -> Endpoint:
    return next(each for each in dialect.endpoints if each.route == route)


def page(dialect: Dialect, route: str) -> Page:
    return next(each for each in dialect.pages if each.route == route)


def items(reading: Reading) -> list[Item]:
    return [reading.complete(element) for element in reading.elements]


def originals(reading: Reading) -> list[Any]:
    split_items = items(reading)
    assert [item.problem for item in split_items] == [None] * len(split_items)
    return [item.original for item in split_items]


def events(dialect: Dialect, reading: Reading) -> list[ClientEvent]:
    return [client_event.check(dialect.read(original)) for original in originals(reading)]


def objects_with(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of these names and any values."""
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=6), ANY_JSON, max_size=8)


def survives(dialect: Dialect, original: Mapping[str, Any]) -> None:
    """Reading returns a client event or raises InvalidRequest, and nothing else."""
    try:
        client_event.check(dialect.read(original))
    except InvalidRequest as problem:
        assert problem.code == "schema_violation"


def survives_split(endpoint: Endpoint, sent: Request) -> None:
    """Splitting returns items or raises an error of its own, and so does reading each."""
    try:
        items(endpoint.split(sent, LIMIT))
    except InvalidRequest as problem:
        assert problem.code in ("empty", "payload_format", "bad_encoding")
