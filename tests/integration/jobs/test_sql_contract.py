"""What imports need of a SQL server, by the driver: of the stand-in, and of a real one that SQL_TEST_SERVER names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from uuid import uuid4

import pytest

from clickstream.importing.sql_session import SqlSession
from clickstream.importing.sql_statements import PREPARE, Bounds, SqlColumn, TableStatements, columns_of
from clickstream.jobs.failing import JobFailed
from clickstream.sites.table_imports import TableSource
from clickstream.sql_connection import sql_connection
from clickstream.storage.account import database_token
from local.sql_server.server import serving

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_spec("mssql_python") is None, reason="needs requirements-sql.txt"),
]
REAL = "SQL_TEST_SERVER"
# The type of each column, three values, and what is read of the first one.
COLUMNS = {
    "id": ("INT PRIMARY KEY", "1", "2", "3"),
    "dt2": ("DATETIME2(7)", "'2026-01-01 00:00:00.1234567'", "'2026-01-01 00:00:00.1234568'", "NULL"),
    "dt": ("DATETIME", "'2026-01-01T00:00:00.123'", "'2026-01-02T00:00:00'", "NULL"),
    "small": ("SMALLDATETIME", "'2026-01-01 00:01:00'", "'2026-01-02 00:00:00'", "NULL"),
    "dto": ("DATETIMEOFFSET(7)", "'2026-01-01 02:00:00 +02:00'", "'2026-01-01 00:00:01 +00:00'", "NULL"),
    "d": ("DATE", "'2026-01-01'", "'2026-01-02'", "NULL"),
    "rv": ("ROWVERSION", "", "", ""),
    "price": ("DECIMAL(38,4)", "12345678901234567890.1234", "1", "NULL"),
    "m": ("MONEY", "922337203685477.5807", "1", "NULL"),
    "big": ("BIGINT", "9007199254740993", "1", "NULL"),
    "flag": ("BIT", "1", "0", "NULL"),
    "text": ("NVARCHAR(50)", "N'ü€😀'", "N''", "NULL"),
    "bytes": ("VARBINARY(20)", "0x01FF", "0x02", "NULL"),
}
ORDERS = {"dt2": "2026-01-01 00:00:00.1234567", "dt": "2026-01-01 00:00:00.123", "small": "2026-01-01 00:01:00",
          "dto": "2026-01-01 00:00:00.0000000 +00:00", "d": "2026-01-01"}  # fmt: skip


@pytest.fixture(params=["stand-in", "real"])
def session(request: pytest.FixtureRequest) -> Iterator[SqlSession]:
    if request.param == "real":
        if REAL not in os.environ:
            pytest.skip(f"no real server: {REAL} names one")
        connection = sql_connection({"CONNECTION_REAL": os.environ[REAL]}, "real")
        with SqlSession(connection, database_token, 60, lambda: None) as real:
            yield real
        return
    with serving() as server:
        connection = sql_connection({"CONNECTION_ERP": server.connection_string}, "erp")
        with SqlSession(connection, lambda client_id: ("", 0), 60, lambda: None) as stand_in:
            yield stand_in


def test_every_statement_does_what_imports_need(session: SqlSession) -> None:
    name = f"clickstream_contract_{uuid4().hex[:12]}"
    kinds = ", ".join(f"{column} {kind}" for column, (kind, *_) in COLUMNS.items())
    session.run(f"CREATE TABLE dbo.{name} ({kinds});")
    try:
        _check_table(session, name)
    finally:
        session.run(f"DROP TABLE dbo.{name};")


def _check_table(session: SqlSession, name: str) -> None:
    filled = [column for column in COLUMNS if column != "rv"]
    rows = ", ".join(f"({', '.join(COLUMNS[column][row] for column in filled)})" for row in (1, 2, 3))
    session.run(f"INSERT INTO dbo.{name} ({', '.join(filled)}) VALUES {rows};")
    session.run(PREPARE)
    for order in (*ORDERS, "rv"):
        record = "dto" if order == "rv" else None
        source = TableSource(
            connection="erp", table=name, timestamp_column=order, record_timestamp_column=record, rows_per_pass=1
        )
        columns = [SqlColumn(*row.values()) for row in session.values(columns_of(source))]
        assert [column.name for column in columns] == list(COLUMNS)
        made = TableStatements(source, columns, [column.name for column in columns], f"#TMP_{name}_1")
        ((upper,),) = (row.values() for row in session.values(made.now))
        if order != "rv":
            assert session.values(made.counts(upper)) == [{"undated": 1, "later": 0}]
            session.run(made.undated())
            assert [(row["id"], row["__t"]) for row in session.values(made.rows())] == [(3, None)]
            session.run(made.drop())
        found: list[int] = []
        after = None
        for _ in range(3 if order == "rv" else 2):
            session.run(made.dated(Bounds(upper, after)))
            (row,) = session.values(made.rows())
            session.run(made.drop())
            if after is None:
                _check_values(row)
                assert order == "rv" or str(row["__t"]).startswith(ORDERS[order]), "all digits that the type has"
            after = row["__t"]
            found.append(row["id"])
        assert found == ([1, 2, 3] if order == "rv" else [1, 2]), order
        session.run(made.dated(Bounds(upper, after)))
        assert session.values(made.rows()) == [], "nothing is after the last row"
        session.run(made.drop())
        session.run(made.dated(Bounds(upper, after, overlaps=True)))
        assert session.values(made.rows()) == [] if order == "rv" else session.values(made.rows()) != []
        session.run(made.drop())
    with pytest.raises(JobFailed) as failure:
        session.values(f"SELECT id FROM #TMP_{name}_1;")
    assert failure.value.code == "no_table", "a temporary table that is dropped is gone"


def _check_values(row: dict[str, object]) -> None:
    assert str(row["price"]) == "12345678901234567890.1234"
    assert str(row["m"]) == "922337203685477.5807"
    assert (row["big"], row["flag"], row["text"], row["bytes"]) == (9007199254740993, True, "ü€😀", b"\x01\xff")
