"""Statements over events in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from clickstream.lake.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.filters import Filter, FilterReader
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.querying.sequences.streams import Slice
from clickstream.querying.statement import Statement
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


class Events:
    """A table of events that statements are run over."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})  # more take longer to begin than to count so few
        self._connection.execute("SET TimeZone = 'UTC'")

    def hold(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """These and no others."""
        self._connection.register("events", pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA))

    def ask(self, statement: Statement) -> list[dict[str, Any]]:
        """The statement's rows."""
        table = self._connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_table()
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows


def slice_of(filters: Sequence[Any] = (), period: Period = PERIOD, time_zone: str = "UTC") -> Slice:
    """Of the shop's events those that the filters leave."""
    return Slice(SiteScope("shop", time_zone), period, read_filters(filters))


def read_filters(filters: Sequence[Any]) -> tuple[Filter, ...]:
    """The filters, which are right."""
    reader = FilterReader()
    read = reader.read(list(filters))
    assert reader.problems == []
    return read
