"""Removal and anonymisation: what replaces a person's events. Anonymised events still count in reports."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import quote

import orjson
import pyarrow as pa

from clickstream.erasing.naming import WORD, is_telling
from clickstream.erasing.person import Person

# Columns that cannot identify a person. All others, including columns added later, are emptied.
KEPT = frozenset(
    {
        *("site", "event_type", "event_name", "received_at", "occurred_at", "clock_clamped", "session_index"),
        *("page_host", "page_path", "referrer_host", "utm_source", "utm_medium", "utm_campaign"),
        *("consent", "advertising", "definition_version", "dialect", "tracker", "interactive"),
        *("key_kind", "stream", "id_source", "user_verified"),
        *("browser", "os", "device_class", "is_bot", "primary_language", "screen_class", "enrichment_version"),
        *("click_id_kind", "source", "medium", "channel", "country", "id_reused"),
        *("event_date", "hub_partition", "sequence_number", "enqueued_at", "capture_file", "batch"),
    }
)
# Ids that become tokens; equal ids get equal tokens. Ids of persons and devices share one sort, as aliases mix them.
TOKENS: Mapping[str, str] = {
    "anonymous_id": "person",
    "user_id": "person",
    "previous_id": "person",
    "session_id": "session",
    "event_id": "event",
    "fingerprint": "content",
}
EMPTY: Mapping[str, Any] = {"properties": {}, "context": {}}
EMPTY_FAILED: Mapping[str, Any] = {"pointer": "", "message": "erased", "seen": {}, "payload": b""}


class Change(Protocol):
    """How a person's events are replaced."""

    def events(self, rows: pa.Table) -> pa.Table:
        """The rows of `events` that replace these: the same number, or none."""

    def failed(self, rows: pa.Table) -> pa.Table:
        """The same for `failed_events`."""

    def event_body(self, body: bytes) -> bytes | None:
        """The body that replaces a captured event's; None if nothing is left."""

    def failed_body(self, body: bytes) -> bytes | None:
        """The same for a failed event."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Leaves nothing."""

    def events(self, rows: pa.Table) -> pa.Table:
        return rows.slice(0, 0)

    def failed(self, rows: pa.Table) -> pa.Table:
        return rows.slice(0, 0)

    def event_body(self, body: bytes) -> bytes | None:
        return None

    def failed_body(self, body: bytes) -> bytes | None:
        return None


@dataclass(frozen=True)
class Anonymisation:
    """Keeps events without the person: ids become keyed hashes whose secret is discarded, free text is removed."""

    person: Person
    secret: bytes = field(repr=False)

    def events(self, rows: pa.Table) -> pa.Table:
        events_of_rows = [self._event(row) for row in rows.to_pylist()]
        rows_of_text = [{**row, **{name: orjson.dumps(row[name]).decode() for name in EMPTY}} for row in events_of_rows]
        filled = [
            {name: _filled(rows.schema.field(name), value) for name, value in row.items()} for row in rows_of_text
        ]
        return pa.Table.from_pylist(filled, schema=rows.schema)

    def failed(self, rows: pa.Table) -> pa.Table:
        empty = {**EMPTY_FAILED, "seen": "{}", "payload_truncated": True}
        return pa.Table.from_pylist([{**row, **empty} for row in rows.to_pylist()], schema=rows.schema)

    def event_body(self, body: bytes) -> bytes | None:
        event = self._event(orjson.loads(body))
        return orjson.dumps({name: value for name, value in event.items() if value is not None})

    def failed_body(self, body: bytes) -> bytes | None:
        try:
            failed = orjson.loads(body)
        except ValueError:
            return None
        if not isinstance(failed, dict):
            return None
        return orjson.dumps({**failed, **EMPTY_FAILED, "payload": "", "payload_truncated": True})

    def _event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        anonymised: dict[str, Any] = {}
        for name, value in event.items():
            if name in KEPT:
                anonymised[name] = self._without_ids(value)
            elif name in TOKENS and value is not None:
                anonymised[name] = self._token(TOKENS[name], value)
            else:
                anonymised[name] = EMPTY.get(name)
        return anonymised

    def _token(self, sort: str, value: str) -> str:
        content = sort.encode() + b"\0" + value.encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, content, sha256).hex()[:32]

    def _without_ids(self, text: Any) -> Any:
        return self._ids.sub("erased", text) if isinstance(text, str) and self._ids is not None else text

    @cached_property
    def _ids(self) -> re.Pattern[str] | None:
        telling = sorted(filter(is_telling, self.person.ids))
        spelled = [re.escape(text) for id in telling for text in {id, quote(id, safe="")}]
        return re.compile(rf"(?<!{WORD})(?:{'|'.join(spelled)})(?!{WORD})") if spelled else None


def _filled(column: pa.Field, value: Any) -> Any:
    """The value; for None in a column that is not nullable, false, 0 or an empty text."""
    if value is not None or column.nullable:
        return value
    return {pa.bool_(): False, pa.int64(): 0, pa.string(): ""}[column.type]
