"""One failed event judged again: an event that can be sent, or why it still is none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import orjson

from clickstream.collecting.dialect import Item
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.json_values import parse_json
from clickstream.collecting.judging import Judge
from clickstream.collecting.pipeline import NAMES_OF_TYPES, Seen
from clickstream.delivery.message import Message
from clickstream.errors import InvalidRequest
from clickstream.event import SCHEMA_VERSION, with_request_counts
from clickstream.replaying.failed_row import FailedRow
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site

Outcome = Literal["repaired", "still_failed", "not_replayable"]
OUTCOMES: tuple[Outcome, ...] = ("repaired", "still_failed", "not_replayable")
_SEEN = frozenset(field.name for field in fields(Seen)) - {"signals"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What became of a row. `message` is there where it is repaired; code, pointer and reason where it is not."""

    row: FailedRow
    outcome: Outcome
    message: Message | None = None
    event_id: str | None = None
    code: str | None = None
    pointer: str | None = None
    reason: str | None = None


class _NotReplayable(Exception):
    """The row keeps no original that could be judged."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def repair(row: FailedRow, site: Site, judge: Judge) -> Repair:
    """Judge a row that failed at the border, as if its original came now with the same key at the same moment.

    Its moment of receipt stays, so that it gets the same clocks every time. Its event keeps the client's id; without
    one the failed event's own id is taken, so that replaying it again makes the same event.
    """
    try:
        original = original_of(row)
        dialect = DIALECTS.get(row.dialect or "")
        if dialect is None:
            raise _NotReplayable("unknown_dialect", f"no protocol {row.dialect!r} is spoken here")
    except _NotReplayable as problem:
        return _refused(row, problem)
    access = Access(site, KeyKind(row.key_kind) if row.key_kind in set(KeyKind) else KeyKind.PUBLIC)
    sender = seen_of(row, access.kind)
    judged = judge.judge(Item(original), dialect, access, sender, row.received_at, lambda: row.failed_event_id)
    verdict = judged.verdict
    if verdict.status == "failed":
        return Repair(
            row=row,
            outcome="still_failed",
            code=verdict.code,
            pointer=verdict.pointer,
            reason=verdict.message,
        )
    counted = replace(judged.message, body=with_request_counts(judged.message.body, 1, 0))
    return Repair(row=row, outcome="repaired", message=counted, event_id=verdict.event_id)


def repair_bodies(rows: Sequence[FailedRow], site: Site) -> Sequence[Repair]:
    """Judge rows that failed at compaction: bodies on the hub of events that were no event of this schema.

    What compaction now reads as an event of this site goes to the hub as it is, with the id it states.
    """
    import pyarrow as pa

    from clickstream.compacting.parsing import parse_events

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
        repairs[row.failed_event_id] = Repair(row=row, outcome="repaired", message=message, event_id=event["event_id"])
    return [repairs[row.failed_event_id] for row in rows]


def event_name_of(row: FailedRow) -> str | None:
    """The name of the event that the row wanted to be; None where the rules now in force cannot read it."""
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
    """The JSON value that the row keeps. Raise _NotReplayable where it keeps only a part, or bytes that are none."""
    if row.payload_truncated:
        raise _truncated()
    try:
        return parse_json(row.payload)
    except InvalidRequest as problem:
        raise _NotReplayable("payload_format", problem.message) from None


def seen_of(row: FailedRow, kind: KeyKind) -> Seen | None:
    """What the server saw of the sender then; None where a server spoke for another and nothing was kept of that."""
    kept: Any = orjson.loads(row.seen) if row.seen else None
    if not kept and kind is not KeyKind.PUBLIC:
        return None
    stated = _texts(kept)
    signals = _texts(kept.get("signals")) if isinstance(kept, dict) else {}
    return Seen(**{name: value for name, value in stated.items() if name in _SEEN}, signals=signals)


def _truncated() -> _NotReplayable:
    return _NotReplayable(
        "payload_truncated", "the original was not kept whole: it is over 32 KiB, or its sender denied consent"
    )


def _refused(row: FailedRow, problem: _NotReplayable) -> Repair:
    return Repair(row=row, outcome="not_replayable", code=problem.code, pointer="", reason=problem.reason)


def _texts(value: object) -> dict[str, str]:
    """The members that are texts; whatever else stands there was not written by this product."""
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) else None
