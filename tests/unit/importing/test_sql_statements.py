"""The T-SQL of an import, whole, for a table of each kind: `statements/{kind}.sql` has what is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clickstream.importing.sql_statements import PREPARE, Bounds, SqlColumn, TableStatements, columns_of
from clickstream.sites.table_imports import TableSource

FOLDER = Path(__file__).parent / "statements"
NAME = "#TMP_9f803c938a2c80739ee5f3807aa5057f_1773201600000000000"
UPPER, AFTER = "2026-03-29 00:59:59.1234567", "2026-01-01 00:00:00.1234567"
SINCE = "2026-03-29 01:00:00.1234567"
KINDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "datetime2": ({"key": ["id"], "since": SINCE}, UPPER, AFTER),
    "datetime": ({"table": "sales.or]der'", "rows_per_pass": 10}, UPPER, "2026-01-01 00:00:00.123"),
    "smalldatetime": ({"column_time_zone": "Europe/Berlin", "since": SINCE}, UPPER, "2026-01-01 00:00:00"),
    "datetimeoffset": ({"since": SINCE}, UPPER, "2026-01-01 00:00:00.1234567 +00:00"),
    "date": ({"overlap_minutes": 1441, "since": SINCE}, UPPER, "2026-01-01"),
    "timestamp": ({"record_timestamp_column": "at", "since": SINCE}, "0x00000000000007D3", "0x00000000000007D1"),
}


def text_of(kind: str) -> str:
    fields, upper, after = KINDS[kind]
    source = TableSource(connection="erp", **{"table": "orders", "timestamp_column": "changed", **fields})
    columns = [SqlColumn("id", "int"), SqlColumn("changed", kind), SqlColumn("at", "datetime2")]
    made = TableStatements(source, columns, ["id", "changed", "at"], NAME)
    lines = [PREPARE, columns_of(source), made.now]
    lines += [] if made.is_rowversion else [made.counts(upper), made.undated()]
    lines += [made.dated(Bounds(upper, *rest)) for rest in ((), (after,), (after, True))]
    return "\n".join([*lines, made.rows(), made.drop(), ""])


@pytest.mark.parametrize("kind", KINDS)
def test_each_statement_has_exactly_this_text(kind: str) -> None:
    assert text_of(kind) == (FOLDER / f"{kind}.sql").read_text()


def test_no_statement_has_a_parameter() -> None:
    assert not any("?" in text_of(kind) or "@" in text_of(kind) for kind in KINDS)


def test_names_and_texts_cannot_end_what_quotes_them() -> None:
    source = TableSource(connection="erp", table="a].[b", timestamp_column="x]; DROP TABLE y; --")
    made = TableStatements(source, [SqlColumn(source.timestamp_column, "date")], [source.timestamp_column], NAME)
    assert "[a]]].[[b]" in made.undated() and "WHERE [x]]; DROP TABLE y; --] IS NULL" in made.undated()
    assert "TABLE_SCHEMA = N'a]'" in columns_of(source)
    assert "N'o''clock'" in columns_of(TableSource(connection="erp", table="o'clock", timestamp_column="t"))
