"""Check a statement from outside on the tree that the engine itself parses it to.

Allowlists decide everything: kinds of nodes, functions, tables. Anything else is refused, so a kind that a later
version of the engine adds is refused until it is listed here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import duckdb

from clickstream.errors import InvalidRequest
from clickstream.querying.sql_functions import TABLE_FUNCTIONS, allowed_functions

QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
SOURCES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"})
EXPRESSIONS = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "OPERATOR", "PARAMETER", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
    }
)  # fmt: skip
Names = frozenset[str]


def checked_tables(connection: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str]) -> Names:
    """Names of the tables that the statement reads. Raise InvalidRequest unless it is a plain SELECT over `tables`.

    The catalogue of `connection` must not have the tables yet: a common table expression may not use a name that it
    has.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or not _is_select(statements[0]):
        raise InvalidRequest("must be one SELECT statement")
    ((text,),) = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise InvalidRequest(f"cannot be checked: {tree.get('error_message', 'no SELECT')}")
    catalogue = _catalogue(connection)
    read: set[str] = set()
    for node, defined in _nodes(tree["statements"]):
        for entry in _expressions_of(node):
            _check_name(entry["key"], catalogue)
        _check(node)
        if node.get("type") == "BASE_TABLE" and (name := _table(node)) not in defined:
            if name not in tables:
                raise InvalidRequest(f"unknown table {name!r}; known are {', '.join(sorted(tables))}")
            read.add(name)
    return frozenset(read)


def _is_select(statement: duckdb.Statement) -> bool:
    try:
        return statement.type is duckdb.StatementType.SELECT
    except ValueError:  # a kind that the engine has and its Python binding does not
        return False


def _catalogue(connection: duckdb.DuckDBPyConnection) -> Names:
    """Every view and table that an unqualified name can reach."""
    rows = connection.execute(
        "SELECT view_name FROM duckdb_views() WHERE schema_name IN ('main', 'pg_catalog') "
        "UNION SELECT table_name FROM duckdb_tables()"
    ).fetchall()
    return frozenset(name.lower() for (name,) in rows)


def _nodes(tree: Any) -> Iterator[tuple[Mapping[str, Any], Names]]:
    """Every object of the tree, with the common table expressions that are in scope there.

    An expression is in scope in those after it and in its query; within itself in the recursive part alone.
    """
    waiting: list[tuple[Any, Names]] = [(tree, frozenset())]
    while waiting:
        item, names = waiting.pop()
        if isinstance(item, list):
            waiting.extend((child, names) for child in item)
        elif isinstance(item, dict):
            yield item, names
            parts = dict(item)
            for entry in _expressions_of(item):
                waiting.append((entry["value"], names))
                names |= {entry["key"].lower()}
            parts.pop("cte_map", None)
            if item.get("type") == "RECURSIVE_CTE_NODE":
                waiting.append((parts.pop("right"), names | {item["cte_name"].lower()}))
            waiting.extend((part, names) for part in parts.values())


def _expressions_of(node: Mapping[str, Any]) -> Collection[Mapping[str, Any]]:
    """The common table expressions of a query, in order."""
    expressions: Collection[Mapping[str, Any]] = node.get("cte_map", {}).get("map", ())
    return expressions


def _check_name(name: str, catalogue: Names) -> None:
    if "." in name or name.lower() in catalogue:
        raise InvalidRequest(f"a common table expression cannot be called {name[:100]!r}")


def _table(node: Mapping[str, Any]) -> str:
    path = node["qualified_name"]["path"]
    if len(path) != 1 or node["at_clause"] is not None:
        raise InvalidRequest(f"tables are named without a schema and without AT, not as {'.'.join(path)[:100]!r}")
    return str(path[0]).lower()


def _check(node: Mapping[str, Any]) -> None:
    kind = node.get("type")
    if "class" in node:
        if node["class"] not in EXPRESSIONS:
            raise InvalidRequest(f"{str(node['class'])[:100]} is not allowed")
        if node["class"] in ("FUNCTION", "WINDOW"):
            _check_function(node)
    elif "cte_map" in node:
        if kind not in QUERIES:
            raise InvalidRequest("must be one SELECT statement that changes nothing")
    elif kind == "SHOW_REF":
        raise InvalidRequest("SHOW, DESCRIBE and SUMMARIZE are not allowed; the columns are in the documentation")
    elif "alias" in node and kind is not None:
        if kind not in SOURCES:
            raise InvalidRequest(f"{str(kind)[:100]} is not allowed")
        if kind == "TABLE_FUNCTION":
            _check_table_function(node)


def _check_function(node: Mapping[str, Any]) -> None:
    # A schema or the first argument may precede the name; all functions of one name are treated alike.
    name = node["qualified_name"]["path"][-1].lower()
    if name not in allowed_functions():
        raise InvalidRequest(f"the function {name[:100]!r} is not allowed")


def _check_table_function(node: Mapping[str, Any]) -> None:
    name = node["function"]["qualified_name"]["path"][-1].lower()
    if name not in TABLE_FUNCTIONS:
        raise InvalidRequest(f"the table function {name[:100]!r} is not allowed")
