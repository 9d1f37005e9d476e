"""T-SQL as DuckDB reads it: the statements of imports, and what tests need to fill tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.dialects.tsql import TSQL

TYPES = {
    "DATETIME2": "TIMESTAMP_NS", "DATETIME": "TIMESTAMP", "SMALLDATETIME": "TIMESTAMP_S",
    "DATETIMEOFFSET": "TIMESTAMPTZ", "DATE": "DATE", "TIME": "TIME_NS", "ROWVERSION": "BLOB", "VARBINARY": "BLOB",
    "UNIQUEIDENTIFIER": "UUID", "MONEY": "DECIMAL(19,4)", "BIT": "BOOLEAN", "FLOAT": "DOUBLE",
    "TINYINT": "UTINYINT", "SMALLINT": "SMALLINT", "INT": "INTEGER", "BIGINT": "BIGINT",
    "NVARCHAR": "VARCHAR", "VARCHAR": "VARCHAR", "XML": "VARCHAR",
}  # fmt: skip
# Digits of a fraction of a second in style 121.
_DIGITS = {"TIMESTAMP": 3, "TIMESTAMP_NS": 7, "TIMESTAMP_S": 0}
_WITH_TIES = re.compile(r"TOP \((\d+)\) WITH TIES ", re.IGNORECASE)
_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d [\d:.]+) ([+-]\d\d:\d\d)")


class _Parser(TSQL.Parser):  # type: ignore[misc, valid-type]
    """Keeps CONVERT as it is written; its style decides what DuckDB has to do."""

    FUNCTION_PARSERS = {  # noqa: RUF012
        **{name: parser for name, parser in TSQL.Parser.FUNCTION_PARSERS.items() if name != "CONVERT"},
        "CONVERT": lambda self: self._as_written(),
    }

    def _as_written(self) -> exp.Expression:
        to = self._parse_types()
        self._match_set((sqlglot.TokenType.COMMA,))
        value = self._parse_assignment()
        style = self._parse_assignment() if self._match_set((sqlglot.TokenType.COMMA,)) else exp.Null()
        return exp.Anonymous(this="__convert", expressions=[exp.Literal.string(to.sql("tsql")), value, style])


class Dialect(TSQL):
    """T-SQL with that parser."""

    Parser = _Parser


def duckdb_type(name: str) -> str:
    """DuckDB's type. Raise KeyError for one that this stand-in does not have."""
    word = re.match(r"\w+", name.strip("[] "))
    assert word is not None, name
    if word[0].upper() in ("DECIMAL", "NUMERIC"):
        return "DECIMAL" + name[name.index("(") :]
    return TYPES[word[0].upper()]


def statements(batch: str) -> Iterator[str]:
    """The statements of a batch; each but the last ends in a semicolon."""
    start = 0
    for token in Dialect().tokenize(batch):
        if token.token_type == sqlglot.TokenType.SEMICOLON:
            if batch[start : token.start].strip():
                yield batch[start : token.start].strip()
            start = token.end + 1
    if batch[start:].strip():
        yield batch[start:].strip()


def parse(statement: str) -> exp.Expr:
    """A statement's tree. Raise sqlglot.errors.ParseError."""
    ties = _WITH_TIES.search(statement)
    tree = sqlglot.parse_one(_WITH_TIES.sub("", statement), read=Dialect)
    if ties is not None:
        (order,) = tree.args["order"].expressions
        rank = f"SELECT 1 QUALIFY rank() OVER (ORDER BY {order.this.sql('duckdb')}) <= {ties[1]}"
        tree.set("qualify", sqlglot.parse_one(rank, read="duckdb").args["qualify"])
    return tree


def in_duckdb(tree: exp.Expr, kinds: dict[str, str]) -> str:
    """The statement for DuckDB; `kinds` are the types of columns, which decide how CONVERT writes them."""
    tree = tree.transform(_changed)
    for call in reversed(list(tree.find_all(exp.Anonymous))):  # the innermost first
        if call.name == "__convert":
            to, value, style = call.expressions
            text = _converted(to.name, value.sql("duckdb"), style.sql(), kinds.get(value.name, ""))
            call.replace(sqlglot.parse_one(text, read="duckdb"))
    return tree.sql("duckdb")


def _changed(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Identifier) and node.args.get("temporary"):
        return exp.to_identifier("#" + node.name, quoted=True)
    if isinstance(node, exp.National):
        node = exp.Literal.string(node.name)
    if isinstance(node, exp.Literal) and node.is_string and _OFFSET.fullmatch(node.name):
        return exp.Literal.string(_OFFSET.sub(r"\1\2", node.name))
    if isinstance(node, exp.Table) and node.db.lower() == "information_schema":
        return exp.Table(this=exp.to_identifier("__" + node.name.lower()), db=exp.to_identifier("dbo"))
    return node


def _converted(to: str, value: str, style: str, kind: str) -> str:
    wanted = duckdb_type(to)
    if wanted == "VARCHAR" and style == "1":
        return f"('0x' || hex({value}))"
    if wanted == "VARCHAR" and style == "121":
        if kind == "DATE":
            return f"strftime({value}, '%Y-%m-%d')"
        digits = _DIGITS.get(kind, 7)
        text = f"left(strftime({value}, '%Y-%m-%d %H:%M:%S.%n'), {20 + digits if digits else 19})"
        return f"({text} || ' +00:00')" if "SWITCHOFFSET" in value.upper() else text
    return f"CAST({value} AS {wanted})"
