"""Bodies as the collector writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from clickstream.capture.body_columns import Parsed, parse_events

MOMENT = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "event_id": "e1",
    "site": "shop",
    "event_type": "page_view",
    "event_name": "page_view",
    "received_at": "2026-03-10T12:00:00.123456Z",
    "occurred_at": "2026-03-10T12:00:00.123456Z",
    "clock_clamped": False,
    "consent": "full",
    "advertising": True,
    "dialect": "plain",
    "fingerprint": "f",
    "properties": {"a": 1},
    "context": {},
}


def body(**changes: Any) -> bytes:
    return orjson.dumps({name: value for name, value in {**GOOD, **changes}.items() if value is not ...})


def parse(bodies: list[bytes]) -> Parsed:
    return parse_events(pa.chunked_array([bodies], pa.binary()))
