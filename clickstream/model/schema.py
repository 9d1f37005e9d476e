"""The columns of the tables of events, derived from the dataclasses that document them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from clickstream.model.event import Event, FailedEvent
from clickstream.model.pipeline_hour import PipelineHour

TIMESTAMP = pa.timestamp("us", "UTC")
_TEXT = pa.string()
EVENTS, FAILED_EVENTS, PIPELINE_HOURS = "events", "failed_events", "pipeline_hours"
EVENT_PARTITION, FAILED_PARTITION, PIPELINE_PARTITION = "event_date", "failed_date", "hour_date"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    nullable: bool
    doc: str
    source: str
    """Where the value comes from: client, server, site, hub or compact; or the columns it is derived from."""
    example: str


_LINEAGE = (
    Column("hub_partition", pa.string(), False, "The hub's partition that carried it.", "hub", "3"),
    Column("sequence_number", pa.int64(), False, "Its number in that partition.", "hub", "20481"),
    Column("enqueued_at", TIMESTAMP, False, "When the hub took it.", "hub", "2026-03-01 12:00:00.2"),
    Column(
        "capture_file",
        pa.string(),
        False,
        "The captured file it was read from.",
        "compact",
        "ns/events/3/2026/03/01/12/00/00.avro",
    ),
)


def _columns_of(record: type) -> tuple[Column, ...]:
    hints = typing.get_type_hints(record)
    return tuple(Column(field.name, *_arrow_type(hints[field.name]), **field.metadata) for field in fields(record))


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
VERSION_COLUMN = "enrichment_version"


def _derived(name: str, doc: str, source: str, example: str, kind: pa.DataType = _TEXT) -> Column:
    # All are nullable, because rows older than the column have no value.
    return Column(name, kind, True, doc, source, example)


DERIVED_COLUMNS = (
    _derived("browser", "The browser that `user_agent` names, as uap-core calls it.", "user_agent", "Firefox"),
    _derived("browser_version", "Its version: major, and minor where there is one.", "user_agent", "128.0"),
    _derived("os", "The operating system that `user_agent` names, as uap-core calls it.", "user_agent", "Windows"),
    _derived("os_version", "Its version: major, and minor where there is one.", "user_agent", "10"),
    _derived("device_class", "desktop, mobile, tablet, tv, bot or other.", "user_agent", "desktop"),
    _derived(
        "is_bot",
        "True if `user_agent` is that of a crawler, a headless browser or a script.",
        "user_agent",
        "false",
        pa.bool_(),
    ),
    _derived(
        "click_id_kind",
        "The advertiser's parameter: that of `click_id`, else one in the page's query.",
        "click_id, page_query",
        "gclid",
    ),
    _derived(
        "source",
        "Where the visitor came from: a known name, else utm_source or the host; (direct) for none.",
        "referrer_host, utm_*, click_id",
        "Google",
    ),
    _derived(
        "medium",
        "The way: utm_medium, else organic, social, ai, video, email, referral, internal, (none).",
        "referrer_host, utm_*, click_id",
        "organic",
    ),
    _derived(
        "channel",
        "Channel group of source and medium, as in Google Analytics, with AI Assistants and Internal.",
        "source, medium",
        "Organic Search",
    ),
    _derived(
        "country", "ISO 3166-1 code, by `ip`; only with a database of the operator's, as the next two.", "ip", "CH"
    ),
    _derived("region", "ISO 3166-2 code.", "ip", "CH-ZH"),
    _derived("city", "English name.", "ip", "Zurich"),
    _derived("primary_language", "Language of `language` without its region, ISO 639.", "language", "de"),
    _derived(
        "screen_class",
        "xs, sm, md, lg or xl: width of screen, else of viewport, from 1, 576, 768, 992, 1200.",
        "screen_width, viewport_width",
        "xl",
    ),
    _derived(
        VERSION_COLUMN,
        "Versions of the steps and lists that derived the columns from `browser` on.",
        "compact",
        "agents=1",
    ),
)
REUSED_COLUMN = "id_reused"
BATCH_COLUMN = "batch"
EVENT_COLUMNS: tuple[Column, ...] = (
    *BODY_COLUMNS,
    *DERIVED_COLUMNS,
    Column(
        REUSED_COLUMN,
        pa.bool_(),
        True,
        "True if an earlier event with other content or sender had the id; null in rows older than this column.",
        "event_id, fingerprint",
        "false",
    ),
    Column(
        EVENT_PARTITION,
        pa.date32(),
        False,
        "UTC date of `occurred_at`; the table is partitioned by it.",
        "occurred_at",
        "2026-03-01",
    ),
    *_LINEAGE,
    Column(
        BATCH_COLUMN,
        pa.int64(),
        True,
        "Number of the commit that added the row, rising; null, as 0, in rows older than this column.",
        "compact",
        "1204",
    ),
)
FAILED_COLUMNS: tuple[Column, ...] = (
    *_columns_of(FailedEvent),
    Column(
        FAILED_PARTITION,
        pa.date32(),
        False,
        "UTC date of `received_at`; the table is partitioned by it.",
        "received_at",
        "2026-03-01",
    ),
    Column("hub", pa.string(), False, "The hub that carried it.", "hub", "failed-events"),
    *_LINEAGE,
)


PIPELINE_COLUMNS: tuple[Column, ...] = (
    *_columns_of(PipelineHour),
    Column(
        PIPELINE_PARTITION,
        pa.date32(),
        False,
        "UTC date of `hour`; the table is partitioned by it.",
        "hour",
        "2026-03-01",
    ),
)


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a table's columns."""
    return pa.schema([pa.field(column.name, column.type, column.nullable) for column in columns])
