"""Translates the SQL of reports from DuckDB's dialect to Spark's."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, parse_one

Value = str | int
# Functions of DuckDB and Spark that differ only in their names.
NAMES = {"row": "struct", "epoch_us": "unix_micros", "hash": "xxhash64"}


def to_spark(sql: str, parameters: Mapping[str, Value]) -> str:
    """The statement for a session whose time zone is UTC, with the parameters' values instead of their `$names`.

    Raise sqlglot.errors.ParseError for invalid SQL, KeyError for a name without a value.
    """

    def bound(node: exp.Expr) -> exp.Expr:
        return exp.convert(parameters[node.name]) if isinstance(node, exp.Parameter | exp.Placeholder) else node

    def from_monday(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.DayOfWeekIso):
            sunday_is_1 = exp.Anonymous(this="dayofweek", expressions=[node.this])
            return exp.paren(exp.paren(sunday_is_1 + 5) % 7 + 1)
        return node

    def translated(node: exp.Expr) -> exp.Expr:
        # `transform` does not visit the replacement of a node, so translate the node's arguments first.
        if isinstance(node, exp.Anonymous) and node.name.lower() == "timezone":
            zone, moment = (expression.transform(translated) for expression in node.expressions)
            return exp.Anonymous(this="from_utc_timestamp", expressions=[moment, zone])
        if isinstance(node, exp.Anonymous) and node.name.lower() in NAMES:
            return exp.Anonymous(
                this=NAMES[node.name.lower()],
                expressions=[expression.transform(translated) for expression in node.expressions],
            )
        if isinstance(node, exp.CTE):
            node.set("materialized", None)
        return node

    tree = parse_one(sql, read="duckdb").transform(bound).transform(from_monday).transform(translated)
    for select in tree.find_all(exp.Select):
        group = select.args.get("group")
        if group is not None and group.args.get("all"):
            # Sail parses `ALL` as a column's name.
            keys = [n for n, column in enumerate(select.expressions, 1) if column.find(exp.AggFunc) is None]
            select.set("group", exp.Group(expressions=[exp.convert(n) for n in keys]))
    return tree.sql("spark", pretty=True)
