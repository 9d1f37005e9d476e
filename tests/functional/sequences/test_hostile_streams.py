"""Whoever has the public key of a page can be one visitor with tens of thousands of events: every report still ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from clickstream.filters.dimensions import DIMENSIONS
from clickstream.model.identity_tables import IDENTITY_SCHEMA
from clickstream.querying.deadline import deadline
from clickstream.querying.scope import Exclusion, Goal, Matching, Sequence, Step
from clickstream.querying.sequences.attribution import Model, attribution_statement
from clickstream.querying.sequences.funnels import funnel_statement
from clickstream.querying.sequences.paths import Direction, paths_statement
from clickstream.querying.sequences.retention import Unit, frequency_statement, retention_statement
from clickstream.querying.statement import Statement
from clickstream.sites.funnels import Order, Within
from tests.functional.sequences.asking import SCHEMA, row, slice_of
from tests.functional.sequences.plain_streams import BEGIN

# What a query may take in production, by the settings' defaults.
SECONDS, MEMORY_MB = 20, 512
EVENTS = 20_000

CHANNEL, PAGE = DIMENSIONS["visit:channel"], DIMENSIONS["event:page"]
SIGNUP = Goal("Signup", Matching("a"))
A, B = Step("a", Matching("a")), Step("b", Matching("b"))

STATEMENTS: dict[str, Callable[[], Statement]] = {
    **{
        f"attribution {model} {within}": lambda model=model, within=within: attribution_statement(  # type: ignore[misc]
            slice_of(), SIGNUP, [CHANNEL], model=model, window=timedelta(days=30), within=within, limit=100
        )
        for model in (Model.LAST, Model.POSITION)
        for within in (Within.VISITOR, Within.PERSON)
    },
    **{
        f"funnel {order} {within}": lambda order=order, within=within: funnel_statement(  # type: ignore[misc]
            Sequence((A, B, A), None, within, order), slice_of()
        )
        for order in Order
        for within in (Within.VISIT, Within.PERSON)
    },
    "funnel of ten steps": lambda: funnel_statement(
        Sequence((A,) * 10, timedelta(days=1), Within.VISITOR, Order.LOOSE, (Exclusion(Matching("b")),)), slice_of()
    ),
    **{
        f"paths {direction}": lambda direction=direction: paths_statement(  # type: ignore[misc]
            slice_of(), Matching("a"), direction=direction, within=Within.VISITOR, length=10, branches=50
        )
        for direction in Direction
    },
    "retention": lambda: retention_statement(slice_of(), Unit.DAY),
    "frequency": lambda: frequency_statement(slice_of()),
}


def flood(session: Callable[[int], str | None], **columns: Callable[[int], Any]) -> pa.Table:
    """One visitor's events, a second apart unless the columns say otherwise."""
    rows = []
    for number in range(EVENTS):
        own = {name: value(number) for name, value in columns.items()}
        at = own.pop("occurred_at", BEGIN + timedelta(seconds=number))
        channel = ("Direct", "Email")[number % 2]
        told = {"anonymous_id": "v", "session_id": session(number), "channel": channel, "source": channel}
        rows.append(row(f"{number:06}", at, **{**told, **own}))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


FLOODS: dict[str, Callable[[], pa.Table]] = {
    "a visit for each event": lambda: flood(lambda number: f"s{number}"),
    "one visit": lambda: flood(lambda _: "s", event_name=lambda number: "ab"[number % 2]),
    "no session, one moment": lambda: flood(lambda _: None, occurred_at=lambda _: BEGIN),
    "the second step is never taken": lambda: flood(
        lambda _: "s", event_name=lambda number: "a" if number < EVENTS // 2 else "x"
    ),
    "long addresses": lambda: flood(
        lambda number: f"s{number % 100}",
        event_type=lambda _: "page_view",
        page_path=lambda number: f"/{number}{'x' * 4000}",
    ),
}


def rows(connection: duckdb.DuckDBPyConnection, statement: Statement) -> int:
    """How many rows the statement has, if it ends in time and within the memory."""
    with deadline(connection, SECONDS):
        return len(connection.execute(statement.sql, dict(statement.parameters)).fetchall())


@pytest.fixture(scope="module", params=FLOODS)
def connection(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2, "memory_limit": f"{MEMORY_MB}MB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", FLOODS[request.param]())
        connection.register("identities", IDENTITY_SCHEMA.empty_table())
        yield connection


@pytest.mark.parametrize("report", STATEMENTS)
def test_one_visitors_flood_of_events_ends_no_report(connection: duckdb.DuckDBPyConnection, report: str) -> None:
    statement = STATEMENTS[report]()
    assert rows(connection, statement) > 0


def test_a_flood_of_long_addresses_leaves_funnels_by_page_in_memory() -> None:
    statement = funnel_statement(Sequence((A,) * 10, None, Within.VISITOR, Order.LOOSE), slice_of(), [PAGE])
    with duckdb.connect(config={"threads": 2, "memory_limit": f"{MEMORY_MB}MB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("events", FLOODS["long addresses"]())
        assert rows(connection, statement) == 10
