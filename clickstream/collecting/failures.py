"""What is kept of an event that failed: enough to repair it, nothing that privacy forbids."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

from clickstream.collecting.dialect import KEY_NAMES, Item
from clickstream.collecting.pipeline import Seen
from clickstream.collecting.request import parse_address, truncated
from clickstream.delivery.message import Message
from clickstream.errors import InvalidRequest
from clickstream.event import SCHEMA_VERSION, FailedEvent
from clickstream.sites.directory import WriteAccess

MAX_PAYLOAD_KEPT_BYTES = 32_768


def failed_event(
    problem: InvalidRequest,
    item: Item,
    access: WriteAccess,
    seen: Seen,
    dialect: str,
    received_at: datetime,
    failed_event_id: str,
) -> FailedEvent:
    """The failed event of one item."""
    payload = kept(item.original)
    return FailedEvent(
        failed_event_id=failed_event_id,
        site=access.site.site,
        received_at=received_at,
        stage="collect",
        failure_class=problem.code,
        pointer=problem.pointer or "",
        message=problem.message,
        dialect=dialect,
        key_kind=access.kind.value,
        seen={name: value for name, value in asdict(seen).items() if value is not None},
        payload=payload[:MAX_PAYLOAD_KEPT_BYTES],
        payload_truncated=len(payload) > MAX_PAYLOAD_KEPT_BYTES,
    )


def kept(original: object) -> bytes:
    """The original as it came, without its write key, its address cut."""
    if isinstance(original, bytes):
        return original
    if isinstance(original, dict):
        original = {name: value for name, value in original.items() if name not in KEY_NAMES}
        if "ip" in original:
            address = parse_address(str(original["ip"]))
            original["ip"] = truncated(address) if address else None
    # The standard library writes what strict JSON forbids too; a failed event may hold just that.
    return json.dumps(original, separators=(",", ":")).encode()


def failed_message(failed: FailedEvent) -> Message:
    """The message that carries it."""
    properties = {"failure_class": failed.failure_class, "schema_version": SCHEMA_VERSION}
    if failed.site:
        properties["site"] = failed.site
    return Message(failed.to_json(), failed.failed_event_id, properties)
