"""Traits: what the rows of `events` say about a person by name and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.profile_tables import TRAIT_SCHEMA

# The columns of `events` that traits are read from.
EVENT_COLUMNS = (
    *("site", "event_id", "event_type", "occurred_at", "consent", "is_bot"),
    *("key_kind", "user_verified", "anonymous_id", "id_source", "user_id", "properties", "context"),
)
# Further traits of one event, in the order of their names, and longer names and values are left out.
MAX_TRAITS = 100
MAX_NAME_CHARACTERS = 200
MAX_VALUE_BYTES = 1024
HALF_HOUR = timedelta(minutes=30)
_NO_VALUES = (None, "")
# Types of events whose context may set traits of the person.
_OTHERS = ("page_view", "screen", "custom", "identify")


def traits_of(events: pa.Table) -> pa.Table:
    """The traits in rows of `events`, as TRAIT_SCHEMA: one row for each visitor, half hour, name and value.

    `events` has EVENT_COLUMNS. Rows of several batches add up. Events without full consent and those of bots are left
    out.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in _candidates(events).to_pylist():
        device = row["anonymous_id"] if row["id_source"] != "day" else None
        if device is None and row["user_id"] is None:
            continue
        at: datetime = row["occurred_at"]
        seconds = at.minute % 30 * 60 + at.second
        ids = (row["site"], device, row["user_id"], row["key_kind"], row["user_verified"])
        half_hour = at - timedelta(seconds=seconds, microseconds=at.microsecond)
        for name, value, is_once in _written(row):
            said = {"first_at": at, "last_at": at, "evidence_id": row["event_id"]}
            key = (*ids, half_hour, name, value, is_once)
            if (before := found.get(key)) is not None:
                first = min(before, said, key=lambda each: (each["first_at"], each["evidence_id"]))
                said = {**first, "last_at": max(before["last_at"], at)}
            found[key] = said
    names = ("site", "anonymous_id", "user_id", "key_kind", "user_verified", "half_hour", "name", "value", "is_once")
    rows = [
        {**dict(zip(names, key, strict=True)), **said, "event_date": key[5].date(), "batch": None}
        for key, said in found.items()
    ]
    return pa.Table.from_pylist(rows, schema=TRAIT_SCHEMA)


def _candidates(events: pa.Table) -> pa.Table:
    """The rows that may say anything."""
    identifies = pc.equal(events["event_type"], "identify")
    in_context = pc.match_substring_regex(events["context"], r'"(set|set_once|traits)"\s*:')
    others = pc.and_(pc.is_in(events["event_type"], pa.array(_OTHERS)), pc.fill_null(in_context, False))
    agreed = pc.and_(pc.equal(events["consent"], "full"), pc.invert(pc.fill_null(events["is_bot"], False)))
    return events.filter(pc.and_(agreed, pc.or_(identifies, others)))


def _written(row: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Name, value in JSON, and whether it is only for people without one. Of one name the first place counts."""
    context = _object(row["context"])
    places = [context.get("set"), context.get("traits")]
    if row["event_type"] == "identify":
        places.insert(0, _object(row["properties"]))
    traits: dict[str, tuple[Any, bool]] = {}
    for place, is_once in (*((each, False) for each in places), (context.get("set_once"), True)):
        if isinstance(place, dict):
            traits = {**{name: (value, is_once) for name, value in place.items()}, **traits}
    for name in sorted(traits)[:MAX_TRAITS]:
        value, is_once = traits[name]
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        fits = 0 < len(name) <= MAX_NAME_CHARACTERS and len(text) <= MAX_VALUE_BYTES
        if fits and value not in _NO_VALUES:
            yield name, text.decode(), is_once


def _object(text: str | None) -> dict[str, Any]:
    document = orjson.loads(text) if text else None
    return document if isinstance(document, dict) else {}
