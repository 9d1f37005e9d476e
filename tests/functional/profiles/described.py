"""Random events of people with all that profiles ask about, and what is extracted from them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from clickstream.profiles import activity, traits
from clickstream.table.specs import EVENTS_TABLE

COLUMNS = sorted({*activity.EVENT_COLUMNS, *traits.EVENT_COLUMNS})
SCHEMA = pa.schema([EVENTS_TABLE.schema.field(name) for name in COLUMNS])
CHANNELS = (
    *((None, None, None), ("(direct)", "(none)", "Direct"), ("shop.example", "internal", "Internal")),
    *(("Google", "organic", "Organic Search"), ("news", "email", "Email")),
)


def described(event: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The event with all else that profiles ask about."""
    source, medium, channel = chance.choice(CHANNELS)
    fields: dict[str, Any] = {
        "session_id": chance.choice((None, None, "s1", "s2")),
        "interactive": chance.choice((None, True, True, False)),
        "advertising": chance.random() < 0.8,
        "source": source,
        "medium": medium,
        "channel": channel,
        "utm_campaign": chance.choice((None, "spring")),
        "page_path": chance.choice((None, "/a", "/b")),
        "country": chance.choice((None, "CH", "DE")),
        "device_class": chance.choice((None, "mobile", "desktop")),
        "order_id": None,
        "currency": chance.choice((None, None, "CHF")),
        "properties": None,
        "context": None,
    }
    said: dict[str, Any] = {
        "name": chance.choice(("Ada", "", None, 7)),
        "plan": chance.choice(("free", "pro")),
        "on": False,
    }
    if event["event_type"] == "identify":
        fields["properties"] = json.dumps(said)
    elif chance.random() < 0.6:
        properties = {"revenue": chance.choice((12.5, -2.25)), "refund_id": chance.choice((None, "r1"))}
        if chance.random() < 0.4:
            properties = {}
        fields |= {"properties": json.dumps(properties), "order_id": chance.choice((None, "o1", "o1"))}
        fields["event_name"] = chance.choice(("purchase", "refund"))
    if chance.random() < 0.5:
        said = {"plan": chance.choice(("big", "small")), "x": chance.choice(([1], [2], "y"))}
        fields["context"] = json.dumps({chance.choice(("set", "set_once", "set_once", "traits")): said})
    return {**event, **fields}


def extracted(
    batches: Sequence[Sequence[dict[str, Any]]], extract: Callable[[pa.Table], pa.Table], columns: Sequence[str]
) -> pa.Table:
    tables = [pa.Table.from_pylist(list(batch), schema=SCHEMA).select(columns) for batch in batches]
    return pa.concat_tables([extract(table) for table in tables])
