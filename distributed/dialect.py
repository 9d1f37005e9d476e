"""SQL of the reports, which is DuckDB's, in the dialect of Spark."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, parse_one

Value = str | int
# Functions of DuckDB and of Spark that are alike but for their names.
NAMES = {"row": "struct", "epoch_us": "unix_micros", "hash": "xxhash64"}


def to_spark(sql: str, parameters: Mapping[str, Value]) -> str:
    """The statement for a session whose time zone is UTC, with the parameters' values in place of their `$names`.

    Raise sqlglot.errors.ParseError for what is no SQL, KeyError for a name without a value.
    """

    def bound(node: exp.Expr) -> exp.Expr:
        return exp.convert(parameters[node.name]) if isinstance(node, exp.Parameter | exp.Placeholder) else node

    def from_monday(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.DayOfWeekIso):
            sunday_is_1 = exp.Anonymous(this="dayofweek", expressions=[node.this])
            return exp.paren(exp.paren(sunday_is_1 + 5) % 7 + 1)
        return node

    def spoken(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous) and node.name.lower() == "timezone":
            zone, moment = node.expressions
            return exp.Anonymous(this="from_utc_timestamp", expressions=[moment, zone])
        if isinstance(node, exp.Anonymous) and node.name.lower() in NAMES:
            return exp.Anonymous(this=NAMES[node.name.lower()], expressions=node.expressions)
        if isinstance(node, exp.CTE):
            node.set("materialized", None)
        return node

    tree = parse_one(sql, read="duckdb").transform(bound).transform(from_monday).transform(spoken)
    for select in tree.find_all(exp.Select):
        group = select.args.get("group")
        if group is not None and group.args.get("all"):
            # Sail takes `ALL` for a column's name.
            keys = [n for n, column in enumerate(select.expressions, 1) if column.find(exp.AggFunc) is None]
            select.set("group", exp.Group(expressions=[exp.convert(n) for n in keys]))
    return tree.sql("spark", pretty=True)
