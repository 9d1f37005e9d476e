"""The columns of the two tables, made from the dataclasses that document them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from clickstream.event import Event, FailedEvent

TIMESTAMP = pa.timestamp("us", "UTC")
EVENTS, FAILED_EVENTS = "events", "failed_events"
EVENT_PARTITION, FAILED_PARTITION = "event_date", "failed_date"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    nullable: bool
    doc: str


_LINEAGE = (
    Column("hub_partition", pa.string(), False, "The hub's partition that carried it."),
    Column("sequence_number", pa.int64(), False, "Its number in that partition."),
    Column("enqueued_at", TIMESTAMP, False, "When the hub took it."),
    Column("capture_file", pa.string(), False, "The captured file it was read from."),
)


def _columns_of(record: type) -> tuple[Column, ...]:
    hints = typing.get_type_hints(record)
    return tuple(Column(field.name, *_arrow_type(hints[field.name]), field.metadata["doc"]) for field in fields(record))


def _arrow_type(hint: Any) -> tuple[pa.DataType, bool]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _arrow_type(inner[0])[0], type(None) in arguments
    if origin is Literal:
        return pa.string(), False
    if origin is not None and issubclass(origin, Mapping | Sequence):
        return pa.string(), True
    return {str: pa.string(), int: pa.int64(), bool: pa.bool_(), bytes: pa.binary(), datetime: TIMESTAMP}[hint], False


BODY_COLUMNS = _columns_of(Event)
EVENT_COLUMNS: tuple[Column, ...] = (
    *BODY_COLUMNS,
    Column(EVENT_PARTITION, pa.date32(), False, "UTC date of `occurred_at`; the table is partitioned by it."),
    *_LINEAGE,
)
FAILED_COLUMNS: tuple[Column, ...] = (
    *_columns_of(FailedEvent),
    Column(FAILED_PARTITION, pa.date32(), False, "UTC date of `received_at`; the table is partitioned by it."),
    Column("hub", pa.string(), False, "The hub that carried it."),
    *_LINEAGE,
)


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a table's columns."""
    return pa.schema([pa.field(column.name, column.type, column.nullable) for column in columns])


EVENTS_AND_FAILED = {EVENTS: EVENT_COLUMNS, FAILED_EVENTS: FAILED_COLUMNS}
