"""What every dialect's unit tests do: send a request to an endpoint, read what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from clickstream.collecting import client_event
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Dialect, Endpoint, Page, Reading
from clickstream.collecting.request import Request
from clickstream.errors import InvalidRequest

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
    return next(found for found in dialect.endpoints if found.route == route)


def page(dialect: Dialect, route: str) -> Page:
    return next(found for found in dialect.pages if found.route == route)


def originals(reading: Reading) -> list[Any]:
    assert [item.problem for item in reading.items] == [None] * len(reading.items)
    return [item.original for item in reading.items]


def events(dialect: Dialect, reading: Reading) -> list[ClientEvent]:
    return [client_event.check(dialect.read(original)) for original in originals(reading)]


def objects_with(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that hold any of these names with anything as value."""
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=6), ANY_JSON, max_size=8)


def survives(dialect: Dialect, original: Mapping[str, Any]) -> None:
    """Reading gives a client event or says what is wrong; it raises nothing else."""
    try:
        client_event.check(dialect.read(original))
    except InvalidRequest as problem:
        assert problem.code == "schema_violation"


def survives_split(found: Endpoint, sent: Request) -> None:
    """Splitting gives items or says what is wrong, and so does reading each."""
    try:
        found.split(sent)
    except InvalidRequest as problem:
        assert problem.code in ("empty", "payload_format", "bad_encoding")
