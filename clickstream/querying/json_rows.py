"""Convert any result of SQL to JSON that every client parses alike.

Whole numbers beyond 2^53, decimals and types without a JSON form are texts; moments are ISO 8601; NaN and infinities
are null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

SAFE_INTEGER = 2**53
_NUMBERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "BOOLEAN"})
_WHOLE = frozenset({"BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"})
_FLOATING = frozenset({"FLOAT", "DOUBLE"})
_NESTED = ("STRUCT", "MAP", "UNION", "TUPLE")


def json_rows(table: pa.Table, types: Sequence[str]) -> list[list[Any]]:
    """The table's rows; `types` are DuckDB's names for the types of its columns."""
    if not types:
        return []
    names = [f"c{index}" for index in range(len(types))]
    with _engine().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("answer", table.rename_columns(names))
        columns = ", ".join(_readable(name, type_) for name, type_ in zip(names, types, strict=True))
        texts = connection.sql(f"SELECT {columns} FROM answer").to_arrow_table()
    values = [
        [convert(value) for value in column.to_pylist()]
        for convert, column in zip(map(_converter, types), texts.columns, strict=True)
    ]
    return [list(row) for row in zip(*values, strict=True)]


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Started once for all answers of a process: it takes 14 ms, more than most answers."""
    return duckdb.connect()


def _readable(name: str, type_: str) -> str:
    """SQL that converts the column to the type that its converter takes."""
    if type_ in _NUMBERS or type_ in _FLOATING or type_ == "VARCHAR":
        return name
    if _is_nested(type_):
        return f"CAST(to_json({name}) AS VARCHAR)"
    if type_.startswith("TIMESTAMP"):
        local, suffix = (f"timezone('UTC', {name})", "Z") if type_.endswith("TIME ZONE") else (name, "")
        text = f"regexp_replace(CAST({local} AS VARCHAR), ' ', 'T') || '{suffix}'"
        return f"CASE WHEN isfinite({name}) THEN {text} ELSE CAST({name} AS VARCHAR) END"
    return f"CAST({name} AS VARCHAR)"


def _converter(type_: str) -> Callable[[Any], Any]:
    if type_ in _WHOLE:
        return _whole
    if type_ in _FLOATING:
        return _floating
    return _nested if _is_nested(type_) else _same


def _is_nested(type_: str) -> bool:
    return type_.endswith("]") or type_.startswith(_NESTED)


def _same(value: Any) -> Any:
    return value


def _whole(text: str | None) -> int | str | None:
    if text is None:
        return None
    return number if abs(number := int(text)) <= SAFE_INTEGER else text


def _floating(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None


def _nested(text: str | None) -> Any:
    if text is None:
        return None
    return json.loads(text, parse_int=_whole, parse_constant=lambda _: None)
