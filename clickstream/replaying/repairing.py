"""Processes one failed event again: the result is an event to send, or the reason why it still fails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import orjson

from clickstream.collecting.client_context import ClientContext
from clickstream.collecting.dialect import Item
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.event_processor import EventProcessor
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.pipeline import NAMES_OF_TYPES
from clickstream.errors import InvalidRequest
from clickstream.model.event import DEFAULT_STREAM, SCHEMA_VERSION
from clickstream.model.message import Message
from clickstream.replaying.failed_row import FailedRow
from clickstream.sites.directory import Access
from clickstream.sites.document import WRITERS, KeyKind, Site

Outcome = Literal["repaired", "still_failed", "not_replayable"]
OUTCOMES: tuple[Outcome, ...] = ("repaired", "still_failed", "not_replayable")
_SEEN = frozenset(field.name for field in fields(ClientContext)) - {"signals"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The result for one row.

    A repaired row has the event's message, id and time of receipt; any other has code, pointer and reason.
    """

    row: FailedRow
    outcome: Outcome
    message: Message | None = None
    event_id: str | None = None
    received_at: datetime | None = None
    code: str | None = None
    pointer: str | None = None
    reason: str | None = None


class _NotReplayable(Exception):
    """The row has no original that could be processed."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def repair(row: FailedRow, site: Site, processor: EventProcessor) -> Repair:
    """Process a row that failed in the collector, as if its original arrived now with the same key.

    The time of receipt stays, so that the event gets the same clocks in every replay. The event keeps the client's id;
    without one it gets the failed event's id, so that another replay makes the same event.
    """
    try:
        original = original_of(row)
        dialect = DIALECTS.get(row.dialect or "")
        if dialect is None:
            raise _NotReplayable("unknown_dialect", f"no protocol {row.dialect!r} is spoken here")
    except _NotReplayable as problem:
        return _refused(row, problem)
    kind = KeyKind(row.key_kind) if row.key_kind in WRITERS else KeyKind.PUBLIC
    access = Access(site, kind, row.stream or DEFAULT_STREAM)
    sender = seen_of(row, access.kind)
    result = processor.process(Item(original), dialect, access, sender, row.received_at, lambda: row.failed_event_id)
    verdict = result.verdict
    if verdict.status == "failed":
        return Repair(
            row=row,
            outcome="still_failed",
            code=verdict.code,
            pointer=verdict.pointer,
            reason=verdict.message,
        )
    return Repair(
        row=row,
        outcome="repaired",
        message=result.message,
        event_id=verdict.event_id,
        received_at=row.received_at,
    )


def repair_bodies(rows: Sequence[FailedRow], site: Site) -> Sequence[Repair]:
    """Process rows that failed at compaction: bodies on the hub of events that did not match the schema.

    A body that compaction can now read as an event of this site is sent to the hub unchanged, with its own id.
    """
    import pyarrow as pa

    from clickstream.capture.body_columns import parse_events

    repairs = {row.failed_event_id: _refused(row, _truncated()) for row in rows if row.payload_truncated}
    whole = [row for row in rows if not row.payload_truncated]
    parsed = parse_events(pa.chunked_array([[row.payload for row in whole]], pa.binary()))
    for failure in parsed.failures:
        row = whole[failure.row]
        outcome: Outcome = "not_replayable" if failure.failure_class == "payload_format" else "still_failed"
        repairs[row.failed_event_id] = Repair(
            row=row, outcome=outcome, code=failure.failure_class, pointer=failure.pointer, reason=failure.message
        )
    for event in parsed.events.to_pylist():
        row = whole[event["row"]]
        if event["site"] != site.site:
            repairs[row.failed_event_id] = _refused(row, _NotReplayable("other_site", "it states another site"))
            continue
        properties = {name: event[name] for name in ("site", "event_type", "event_name")}
        key = event["anonymous_id"] or event["user_id"] or event["event_id"]
        message = Message(row.payload, key, {**properties, "schema_version": SCHEMA_VERSION})
        repairs[row.failed_event_id] = Repair(
            row=row,
            outcome="repaired",
            message=message,
            event_id=event["event_id"],
            received_at=event["received_at"],
        )
    return [repairs[row.failed_event_id] for row in rows]


def event_name_of(row: FailedRow) -> str | None:
    """The name of the event that the row should have become; None if the rules now in force cannot read it."""
    with suppress(_NotReplayable, InvalidRequest):
        original = original_of(row)
        if not isinstance(original, dict):
            return None
        if row.stage == "compact":
            return _text(original.get("event_name"))
        if (dialect := DIALECTS.get(row.dialect or "")) is not None:
            name = _text(dialect.read(original).get("name"))
            return None if name is None else NAMES_OF_TYPES.get(name, name)
    return None


def original_of(row: FailedRow) -> object:
    """The JSON value that the row holds. Raise _NotReplayable if it was truncated or is not JSON."""
    if row.payload_truncated:
        raise _truncated()
    try:
        return parse_json(row.payload)
    except InvalidRequest as problem:
        raise _NotReplayable("payload_format", problem.message) from None


def seen_of(row: FailedRow, kind: KeyKind) -> ClientContext | None:
    """What the server saw of the sender; None if the key was not public and nothing was stored."""
    document: Any = orjson.loads(row.seen) if row.seen else None
    if not document and kind is not KeyKind.PUBLIC:
        return None
    texts = _texts(document)
    signals = _texts(document.get("signals")) if isinstance(document, dict) else {}
    return ClientContext(**{name: value for name, value in texts.items() if name in _SEEN}, signals=signals)


def _truncated() -> _NotReplayable:
    return _NotReplayable(
        "payload_truncated", "the original was not stored whole: it is over 32 KiB, or its sender denied consent"
    )


def _refused(row: FailedRow, problem: _NotReplayable) -> Repair:
    return Repair(row=row, outcome="not_replayable", code=problem.code, pointer="", reason=problem.reason)


def _texts(value: object) -> dict[str, str]:
    """The members that are texts; this product wrote no others."""
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) else None
