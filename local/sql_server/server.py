"""The server: sessions over DuckDB, with faults on request."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import sqlglot
from pysqlbridge.server import BridgeServer
from pysqlbridge.tds import QueryError, QueryResult
from sqlglot import exp

from local.sql_server.tsql import duckdb_type, in_duckdb, parse, statements
from local.sql_server.wire import column_of

USER, PASSWORD = "sa", "Passw0rd!"
_IGNORED = re.compile(r"(set|use|print)\s", re.IGNORECASE)
_CREATE = re.compile(r"create\s+table\s+(?P<name>[\[\]\w.#]+)\s*\((?P<body>.*)\)$", re.IGNORECASE | re.DOTALL)
_COLUMN = re.compile(r"\[?(?P<name>[^\]\s]+)\]?\s+(?P<kind>\w+)\s*(?P<size>\([^)]*\))?(?P<rest>.*)$", re.DOTALL)
_NUMBERS = (("does not exist", 208), ("Referenced column", 207), ("Constraint", 2627), ("Conversion", 241))
_MACROS = """
    CREATE SCHEMA dbo; CREATE SEQUENCE dbo.versions START 2001; SET TimeZone = 'UTC';
    CREATE TABLE dbo.__columns (TABLE_SCHEMA VARCHAR, TABLE_NAME VARCHAR, COLUMN_NAME VARCHAR,
        ORDINAL_POSITION INTEGER, DATA_TYPE VARCHAR);
    CREATE MACRO dbo.sysutcdatetime() AS now()::TIMESTAMP::TIMESTAMP_NS;
    CREATE MACRO dbo.count_big(x) AS count(x);
    CREATE MACRO dbo.switchoffset(x, o) AS x;
    CREATE MACRO dbo.min_active_rowversion() AS unhex(printf('%016X', currval('dbo.versions') + 1));
"""


class _Cut(BaseException):
    """Ends a client's thread, and with it the connection."""


class _Listener(BridgeServer):
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with suppress(_Cut):
            super().process_request_thread(request, client_address)


@dataclass
class Fault:
    """What happens to the next statements that have this text, `times` of them.

    An error of this number and message; with `seconds`, a late answer; else the connection is cut.
    """

    within: str
    number: int | None = None
    message: str = ""
    seconds: float = 0
    times: int = 1


@dataclass
class SqlServer:
    """One database. `log` has all statements that clients have sent."""

    port: int = 0
    faults: list[Fault] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._database = duckdb.connect(":memory:")
        self._database.execute(_MACROS)
        self._lock, self._is_closing = threading.Lock(), threading.Event()
        self._own: dict[str, Any] = {}
        self._sessions: list[duckdb.DuckDBPyConnection] = []
        # What pysqlbridge asks of a store of logins.
        self.configured, self.names = True, [USER]

    @property
    def connection_string(self) -> str:
        """As a setting of a connection has it."""
        return (
            f"Server=tcp:127.0.0.1,{self.port};Database=master;User ID={USER};Password={PASSWORD};"
            "TrustServerCertificate=yes"
        )

    def admits(self, user: str, password: str) -> bool:
        """Whether a login is right."""
        return (user, password) == (USER, PASSWORD)

    def __len__(self) -> int:
        return len(self.names)

    def execute(self, batch: str) -> list[list[Any]]:
        """Run a batch beside all clients. Returns the rows of its last statement."""
        with self._lock:
            results = [self._run(self._session(self._own), statement) for statement in statements(batch)]
        return results[-1].rows  # type: ignore[no-any-return]

    def hurry(self) -> None:
        """Wait for no late answer any more."""
        self._is_closing.set()

    def close(self) -> None:
        """End all sessions."""
        with self._lock:
            for session in (*self._sessions, self._database):
                session.close()

    def answer(self, query: Any) -> Any:
        """Answer a client's batch. Raise QueryError."""
        self.log.append(query.sql)
        self._disturb(query.sql)
        if query.procedure:
            raise QueryError(f"Could not find stored procedure '{query.procedure}'.", number=2812)
        connection = self._session(query.session)
        before = _temporary(connection)
        with self._lock:
            try:
                first, *others = [self._run(connection, statement) for statement in statements(query.sql)]
            finally:
                if query.parameters:  # a temporary table of a call with parameters ends with it
                    for name in _temporary(connection) - before:
                        connection.execute(f'DROP TABLE temp."{name}"')
        return QueryResult(first.columns, first.rows, following=tuple(others))

    def _disturb(self, sql: str) -> None:
        for fault in self.faults:
            if fault.times > 0 and fault.within in sql:
                fault.times -= 1
                self._is_closing.wait(fault.seconds)
                if fault.number is not None:
                    raise QueryError(fault.message, number=fault.number)
                if not fault.seconds:
                    raise _Cut

    def _session(self, state: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        if "session" not in state:
            state["session"] = self._database.cursor()
            self._sessions.append(state["session"])
            state["session"].execute("SET search_path = 'dbo'; SET TimeZone = 'UTC'")
        session: duckdb.DuckDBPyConnection = state["session"]
        return session

    def _run(self, connection: duckdb.DuckDBPyConnection, statement: str) -> Any:
        if _IGNORED.match(statement):
            return QueryResult([], [])
        if create := _CREATE.match(statement):
            self._create(connection, create["name"], create["body"])
            return QueryResult([], [])
        try:
            tree = parse(statement)
            kinds = {name: kind for name, kind in connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE NOT internal"
            ).fetchall()}  # fmt: skip
            if isinstance(tree, exp.Update):
                self._touch(connection, tree)
            text = in_duckdb(tree, kinds)
            if isinstance(tree, exp.Select) and not tree.args.get("into"):
                return _result(connection.sql(text))
            connection.execute(text)
        except sqlglot.errors.ParseError as error:
            raise QueryError(f"Incorrect syntax: {error}", number=102) from error
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            number = next((number for words, number in _NUMBERS if words in reason), 50_000)
            raise QueryError(reason, number=number) from error
        return QueryResult([], [])

    def _create(self, connection: duckdb.DuckDBPyConnection, name: str, body: str) -> None:
        table = name.replace("[", "").replace("]", "").rpartition(".")[2]
        columns, rows = [], []
        for position, text in enumerate(re.split(r",(?![^()]*\))", body), 1):
            definition = _COLUMN.match(text.strip())
            assert definition is not None, text
            kind = definition["kind"].lower()
            line = f'"{definition["name"]}" {duckdb_type(kind + (definition["size"] or ""))}'
            if kind == "rowversion":
                line += " DEFAULT unhex(printf('%016X', nextval('dbo.versions')))"
            if "primary key" in definition["rest"].lower():
                line += " PRIMARY KEY"
            columns.append(line)
            rows.append((table, definition["name"], position, "timestamp" if kind == "rowversion" else kind))
        connection.execute(f'CREATE TABLE "{table}" ({", ".join(columns)})')
        connection.executemany("INSERT INTO dbo.__columns VALUES ('dbo', ?, ?, ?, ?)", rows)

    def _touch(self, connection: duckdb.DuckDBPyConnection, tree: exp.Update) -> None:
        """Let an update raise the row's version."""
        query = "SELECT COLUMN_NAME FROM dbo.__columns WHERE TABLE_NAME = ? AND DATA_TYPE = 'timestamp'"
        for (column,) in connection.execute(query, [tree.this.name]).fetchall():
            version = f"{column} = unhex(printf('%016X', nextval('dbo.versions')))"
            tree.append("expressions", sqlglot.parse_one(version, read="duckdb"))


@contextmanager
def serving() -> Iterator[SqlServer]:
    """A server on a port of its own, until the block ends."""
    server = SqlServer()
    listener = _Listener("127.0.0.1", 0, None, server.answer, logins=server)
    server.port = listener.address[1]
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.hurry()
        listener.shutdown()
        listener.server_close()
        thread.join()
        server.close()


def _temporary(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()}


def _result(relation: duckdb.DuckDBPyRelation) -> Any:
    table = relation.to_arrow_table()
    columns, values = [], []
    for index, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True)):
        column, cells = column_of(name, str(kind), table.column(index))
        columns.append(column)
        values.append(cells)
    return QueryResult(columns, [list(row) for row in zip(*values, strict=True)])
