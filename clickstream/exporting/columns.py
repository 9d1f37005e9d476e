"""The fields of exported rows, as SQL over rows of the table `events`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from clickstream.filters.dimensions import property_sql, quoted
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.model.event_fields import PROPERTY, TYPES, field_problems
from clickstream.sites.exports import EventExport

# Columns of JSON text; in a line of JSON they are objects.
DOCUMENTS = frozenset({"properties", "context", "violations"})
# Moments as RFC 3339 in UTC, with microseconds.
_MOMENT = "strftime(make_timestamp(epoch_us({})), '%Y-%m-%dT%H:%M:%S.%fZ')"


def fields_of(job: EventExport) -> Sequence[str]:
    """The fields of a job's rows, in order. Raise JobFailed for one that does not exist."""
    if problems := field_problems(job.fields):
        raise JobFailed(Actor.AUTHOR, "job_definition", "; ".join(f"fields: {text}" for _, text in problems))
    return job.fields or tuple(TYPES)


def csv_select(fields: Sequence[str], *, spreadsheet_safe: bool) -> str:
    """The fields as columns of CSV: text stays text, moments become text."""
    return ", ".join(f"{_csv_value(name, spreadsheet_safe)} AS {quoted(name)}" for name in fields)


def json_select(fields: Sequence[str]) -> str:
    """One JSON object of the fields."""
    members = ", ".join(f"{quoted(name)} := {_json_value(name)}" for name in fields)
    return f"CAST(to_json(struct_pack({members})) AS VARCHAR) AS line"


def columns_in(database: duckdb.DuckDBPyConnection, sql: str) -> frozenset[str]:
    """The names of all columns that a SELECT refers to, by the engine's own parser."""
    ((text,),) = database.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    return frozenset(_names_in(orjson.loads(text)))


def _names_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from tree.get("column_names", ())
    for branch in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _names_in(branch)


def _csv_value(name: str, spreadsheet_safe: bool) -> str:
    kind = TYPES.get(name)
    if kind is not None and pa.types.is_timestamp(kind):
        return _MOMENT.format(quoted(name))
    value = f"({_property(name)})" if kind is None else quoted(name)
    if spreadsheet_safe and (kind is None or pa.types.is_string(kind)):
        return f"CASE WHEN regexp_matches({value}, '^[=+@\\t\\r-]') THEN '''' || {value} ELSE {value} END"
    return value


def _json_value(name: str) -> str:
    kind = TYPES.get(name)
    if kind is None:
        return _property(name).replace("properties->>", "properties->", 1)
    if pa.types.is_timestamp(kind):
        return _MOMENT.format(quoted(name))
    return f"CAST({quoted(name)} AS JSON)" if name in DOCUMENTS else quoted(name)


def _property(name: str) -> str:
    return property_sql(name.removeprefix(PROPERTY))
