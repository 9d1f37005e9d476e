"""The slow path from bodies to typed rows: checks every rule. Few bodies take it, so its cost matters little."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.model.event import EVENT_TYPES
from clickstream.model.schema import BODY_COLUMNS, TIMESTAMP, Column

# Columns stored as JSON text, and the kind of document each has.
JSON_COLUMNS: Mapping[str, type] = {"properties": dict, "context": dict, "violations": list}
# Fields that an earlier version of the collector added to bodies. They are not from the client, so not properties.
RETIRED = ("request_accepted", "request_failed")
_DUCKDB_KINDS: Mapping[type, str] = {dict: "OBJECT", list: "ARRAY"}
_KINDS: Mapping[type, str] = {dict: "an object", list: "an array"}
# Times outside cannot be expressed in every zone, or a day around them cannot. Such clocks are wrong.
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
# duckdb keeps one parsed document per row of a batch; larger ones leave the cache and run at half the speed.
BATCH_ROWS = 512
_QUOTED = 200
# What duckdb accepts as JSON and other parsers do not: NaN, Infinity, a comma before a bracket.
_LIBERTY = re.compile(rb"[:,\[]\s*-?(?:nan|inf)|,\s*[}\]]", re.IGNORECASE)
_REQUIRED = tuple(column.name for column in BODY_COLUMNS if not column.nullable)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a body is no event. `row` is its index, `pointer` a JSON pointer (RFC 6901) to the problem."""

    row: int
    failure_class: str
    pointer: str
    message: str


def parse_odd(bodies: Sequence[bytes], connection: duckdb.DuckDBPyConnection) -> tuple[pa.Table, Sequence[Failure]]:
    """Type every body. Returns events with BODY_COLUMNS and `row`, the body's index, and a Failure per other body."""
    texts = [_as_text(body) for body in bodies]
    source = pa.table({"row": pa.array(range(len(bodies)), pa.int64()), "body": pa.array(texts, pa.string())})
    connection.register("odd", pa.Table.from_batches(source.to_batches(max_chunksize=BATCH_ROWS), source.schema))
    result = connection.sql(_statement()).to_arrow_table()
    connection.unregister("odd")
    failures = [_explain(row, bodies[row]) for row in result.filter(pc.invert(result["good"]))["row"].to_pylist()]
    events = result.filter(result["good"])
    failures += _no_json(events["row"].to_pylist(), bodies)
    events, more = _keep_unknown(_without(events, failures), bodies)
    failures += more
    return _typed(_without(events, more)), failures


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _without(events: pa.Table, failures: Sequence[Failure]) -> pa.Table:
    if not failures:
        return events
    rows = pa.array([failure.row for failure in failures], pa.int64())
    return events.filter(pc.invert(pc.is_in(events["row"], rows)))


def _no_json(rows: Sequence[int], bodies: Sequence[bytes]) -> list[Failure]:
    """Failures among the rows that duckdb accepted as JSON."""
    failures: list[Failure] = []
    for row in rows:
        if not _LIBERTY.search(bodies[row]):  # a match may be inside a string, so parse strictly below
            continue
        try:
            _strict(bodies[row])
        except (ValueError, RecursionError) as error:
            failures.append(Failure(row, "payload_format", "", f"not JSON: {error}"))
    return failures


def _strict(body: bytes) -> Any:
    """Parse strictly. json keeps whole numbers exact, however long; orjson limits depth alike on every Python."""
    orjson.loads(body)
    return json.loads(body, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _statement() -> str:
    # One body that is not JSON would fail the whole statement, so these are filtered.
    body = "CASE WHEN json_valid(body) THEN body END"
    shape = orjson.dumps({c.name: "JSON" if c.name in JSON_COLUMNS else "VARCHAR" for c in BODY_COLUMNS}).decode()
    known = ", ".join(f"'{name}'" for name in (*(column.name for column in BODY_COLUMNS), *RETIRED))
    typed = ", ".join(f"{_cast(column)} AS {column.name}" for column in BODY_COLUMNS)
    present = [f"coalesce(e.{name}, '') <> ''" for name in _REQUIRED]
    castable = [
        f"(e.{column.name} IS NULL OR {_cast(column)} IS NOT NULL)"
        for column in BODY_COLUMNS
        if column.type != pa.string()
    ]
    documents = [
        f"(e.{name} IS NULL OR json_type(e.{name}) IN ('{_DUCKDB_KINDS[kind]}', 'NULL'))"
        for name, kind in JSON_COLUMNS.items()
    ]
    kinds = ", ".join(f"'{kind}'" for kind in sorted(EVENT_TYPES))
    good = " AND ".join([*present, *castable, *documents, f"e.event_type IN ({kinds})"])
    return f"""
        WITH parsed AS (
            SELECT row, {body} AS text, json_transform({body}, '{shape}') AS e FROM odd
        )
        SELECT row, coalesce({good}, false) AS good,
            list_filter(json_keys(text), lambda k: k NOT IN ({known})) AS unknown, {typed}
        FROM parsed ORDER BY row
    """


def _cast(column: Column) -> str:
    value = f"e.{column.name}"
    if column.type == TIMESTAMP:
        moment = f"try_cast({value} AS TIMESTAMPTZ)"
        zoned = f"(ends_with({value}, 'Z') OR regexp_full_match({value}, '.*[0-9][+-][0-9]{{2}}:[0-9]{{2}}'))"
        sane = f"{moment} BETWEEN TIMESTAMPTZ '{EARLIEST}' AND TIMESTAMPTZ '{LATEST}'"
        return f"CASE WHEN {zoned} AND {sane} THEN epoch_us({moment}) END"
    if column.type == pa.int64():
        return f"CASE WHEN regexp_full_match({value}, '-?[0-9]{{1,19}}') THEN try_cast({value} AS BIGINT) END"
    if column.type == pa.bool_():
        return f"CASE {value} WHEN 'true' THEN true WHEN 'false' THEN false END"
    if column.name in JSON_COLUMNS:
        return f"CAST({value} AS VARCHAR)"
    return value


def _typed(events: pa.Table) -> pa.Table:
    return pa.table({"row": events["row"], **{c.name: events[c.name].cast(c.type) for c in BODY_COLUMNS}})


def _keep_unknown(events: pa.Table, bodies: Sequence[bytes]) -> tuple[pa.Table, list[Failure]]:
    """Add fields without a column to `properties`, one event at a time because this is rare.

    Also returns a Failure for each event that cannot be serialised again; its row remains in the table returned.
    """
    having = pc.greater(pc.fill_null(pc.list_value_length(events["unknown"]), 0), 0)
    if not pc.any(having).as_py():
        return events, []
    failures: list[Failure] = []
    properties = events["properties"].to_pylist()
    for index, names in enumerate(events["unknown"].to_pylist()):
        if not names:
            continue
        row = events["row"][index].as_py()
        try:
            body = _strict(bodies[row])
            members = {**{name: body[name] for name in names}, **(body.get("properties") or {})}
            properties[index] = json.dumps(members, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (ValueError, RecursionError) as error:
            failures.append(Failure(row, "schema_violation", "", f"fields without a column cannot be kept: {error}"))
    at = events.schema.get_field_index("properties")
    return events.set_column(at, "properties", pa.array(properties, pa.string())), failures


def _explain(row: int, body: bytes) -> Failure:
    """Why a body was refused: the first problem. One body at a time, because bad bodies are few."""
    if _as_text(body) is None:
        return Failure(row, "payload_format", "", "the body is not UTF-8")
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return Failure(row, "payload_format", "", f"not JSON: {error}")
    if not isinstance(value, dict):
        return Failure(row, "schema_violation", "", f"an event is an object, not {type(value).__name__}")
    for column in BODY_COLUMNS:
        problem = _problem(column, value)
        if problem is not None:
            return Failure(row, "schema_violation", f"/{column.name}", f"{column.name}: {problem}"[:_QUOTED])
    return Failure(row, "schema_violation", "", "the body is no event")


def _is_int64(given: object) -> bool:
    text = str(given)
    digits = text.removeprefix("-")
    if isinstance(given, bool) or not digits.isdecimal() or len(digits) > 19:
        return False
    return -(2**63) <= int(text) < 2**63


def _problem(column: Column, value: Mapping[str, Any]) -> str | None:
    given = value.get(column.name)
    if given is None or given == "":
        return None if column.nullable else "is required"
    if column.name == "event_type" and str(given) not in EVENT_TYPES:
        return f"{given!r} is no type of event"
    if column.type == pa.int64() and not _is_int64(given):
        return f"must be a whole number of 64 bits, not {given!r}"
    if column.type == pa.bool_() and not isinstance(given, bool):
        return f"must be true or false, not {given!r}"
    kind = JSON_COLUMNS.get(column.name)
    if kind is not None and not isinstance(given, kind):
        return f"must be {_KINDS[kind]}, not {type(given).__name__}"
    if column.type == TIMESTAMP:
        try:
            read_moment(given)
        except ValueError as error:
            return str(error)
    return None


def read_moment(given: object) -> datetime:
    """Parse an RFC 3339 timestamp, to UTC. Raise ValueError for anything else, also for one without a zone."""
    refusal = ValueError(f"must be a moment in RFC 3339 with its zone, not {given!r}")
    try:
        moment = datetime.fromisoformat(str(given))
        if moment.tzinfo is None or not EARLIEST <= moment <= LATEST:
            raise refusal
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise refusal from None
