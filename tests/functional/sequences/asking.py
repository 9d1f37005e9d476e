"""Statements over events in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from clickstream.deriving.people import Basis, people_of
from clickstream.filters.reader import FilterReader
from clickstream.filters.tree import Filter
from clickstream.identity.edges import EVENT_COLUMNS as IDENTITY_COLUMNS
from clickstream.identity.edges import edges_of
from clickstream.identity.rules import Rules
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement
from tests.functional.identity.plain_people import people_of as plain_people_of
from tests.functional.sequences.plain_streams import BEGIN, Happened
from tests.integration.querying.lake import event

SCHEMA = arrow_schema(EVENT_COLUMNS)
PERIOD = Period(BEGIN, BEGIN + timedelta(days=1))


def row(event_id: str, occurred_at: datetime, **columns: Any) -> dict[str, Any]:
    """A row of the table of events."""
    return event(event_id, "shop", occurred_at, **{"event_type": "custom", "event_name": "a", **columns})


def rows_of(events: Sequence[Happened]) -> list[dict[str, Any]]:
    """The events as rows."""
    return [
        row(
            event.event_id,
            event.at,
            event_type=event.type,
            event_name=event.name,
            anonymous_id=event.visitor,
            session_id=event.session,
            user_id=event.user,
            device_class=event.device,
        )
        for event in events
    ]


def whose(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, str | None]:
    """The person of each row by its id, by the rules in plain Python."""
    unset = dict.fromkeys(IDENTITY_COLUMNS)
    return plain_people_of([{**unset, **row} for row in rows], [], Rules())


class Events:
    """A table of events that statements are run over."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})  # more take longer to begin than to count so few
        self._connection.execute("SET TimeZone = 'UTC'")

    def hold(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """These and no others, and the people that follow from them."""
        self._events = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
        self._connection.register("events", self._events)

    def ask(self, statement: Statement) -> list[dict[str, Any]]:
        """The statement's rows."""
        return self.query(statement.sql, statement.parameters)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of SQL."""
        if "JOIN identities" in sql:
            edges = edges_of(self._events.select(IDENTITY_COLUMNS), {})
            self._connection.register("identities", people_of(edges, Basis(Rules()), "shop", BEGIN.date()))
        answer = self._connection.execute(sql, dict(parameters))  # a relation would be planned twice
        names = [str(name) for name, *_ in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def slice_of(filters: Sequence[Any] = (), period: Period = PERIOD, time_zone: str = "UTC") -> Slice:
    """Of the shop's events those that the filters leave."""
    return Slice(SiteScope("shop", time_zone), period, read_filters(filters))


def read_filters(filters: Sequence[Any]) -> tuple[Filter, ...]:
    """The filters, which are right."""
    reader = FilterReader()
    read = reader.read(list(filters))
    assert reader.problems == []
    return read
