"""The child process that speaks to a SQL server, and its parent: with the driver, without it, and when it fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from clickstream.errors import Conflict, Unavailable
from clickstream.importing import sql_session
from clickstream.importing.sql_errors import failure_of
from clickstream.importing.sql_session import SqlSession
from clickstream.importing.sql_statements import NOW
from clickstream.jobs.failing import JobFailed
from clickstream.sql_connection import SqlConnection, sql_connection
from local.sql_server.server import Fault, SqlServer, serving

pytestmark = pytest.mark.integration
needs_driver = pytest.mark.skipif(find_spec("mssql_python") is None, reason="needs requirements-sql.txt")
NOWHERE = SqlConnection("CONNECTION_ERP", "127.0.0.1", "master", 1, "reader", "secret")
# A driver of a test's own, in a child process of the product's own.
DRIVER = """
import os, time
import pyarrow as pa

class DataError(Exception):
    driver_error, ddbc_error = "Bad", "the value 'secret'"

class Cursor:
    description = None
    def execute(self, sql):
        self.description = None
        if sql == "rows": self.description, self.left = True, 25_000
        elif sql == "fail": raise DataError
        elif sql == "end": os._exit(3)
        elif sql == "hang": time.sleep(600)
        elif sql == "print": os.write(1, b"a library prints"); print("and so does Python")
        elif sql == "environment": self.description, self.left = True, 1
    def arrow_batch(self, count):
        count, self.left = min(count, self.left), self.left - min(count, self.left)
        return pa.RecordBatch.from_pydict({"n": [",".join(sorted(os.environ))] * count})

class Connection:
    def cursor(self): return Cursor()

def pooling(enabled): pass

def connect(text, autocommit, timeout, token_provider=None):
    if token_provider is not None: assert token_provider.get_token("any").token == "a token"
    return Connection()
"""


def session(connection: SqlConnection = NOWHERE, seconds: int = 60, on_wait: Any = lambda: None) -> SqlSession:
    return SqlSession(connection, lambda client_id: ("a token", 4_000_000_000), seconds, on_wait)


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the driver's name, which children import."""
    path = tmp_path / "mssql_python.py"
    path.write_text(DRIVER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return path


@pytest.fixture
def server() -> Iterator[SqlServer]:
    with serving() as server:
        yield server


def test_without_the_driver_the_message_names_the_file_that_has_it(driver: Path) -> None:
    driver.write_text("raise ModuleNotFoundError(name='mssql_python')")
    with pytest.raises(JobFailed) as failure:
        session()
    assert (failure.value.actor, failure.value.code) == ("operator", "driver_missing")
    assert "requirements-sql.txt" in failure.value.message
    driver.write_text("raise ImportError('libltdl.so.7: cannot open shared object file')")
    with pytest.raises(JobFailed, match="does not load on this machine"):
        session()


def test_rows_come_as_they_are_whatever_the_driver_prints(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SECRET", "x")
    with session() as one:
        one.run("print")
        assert [batch.num_rows for batch in one.batches("rows")] == [10_000, 10_000, 5_000]
        ((names,),) = (row.values() for row in one.values("environment"))
    assert "LAKE_SECRET" not in names and "PYTHONPATH" in names
    with session(SqlConnection("CONNECTION_ERP", "127.0.0.1", "master")) as one:
        one.run("signed in by a token")


def test_an_error_leaves_the_session_and_no_value_is_passed_on(driver: Path) -> None:
    with session() as one:
        with pytest.raises(JobFailed) as failure:
            one.run("fail")
        assert failure.value.message == "the server refused a statement (DataError: Bad)"
        assert len(one.values("rows")) == 25_000


def test_a_child_that_ends_or_hangs_ends_no_more_than_the_session(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_session, "WAIT_SECONDS", 0.05)
    with session() as one, pytest.raises(Unavailable, match="ended"):
        one.run("end")
    asked: list[str] = []

    def on_wait() -> None:
        if asked:
            raise Conflict("another process has taken over")

    with session(on_wait=on_wait) as one, pytest.raises(Conflict):
        asked.append("hang")
        one.run("hang")
    assert one._child.returncode is not None, "the child is ended"
    monkeypatch.setattr(sql_session, "GRACE_SECONDS", 0)
    with session(seconds=1) as one, pytest.raises(Unavailable, match="silent"):
        one.run("hang")


def test_a_session_that_is_closed_early_ends_its_child(driver: Path) -> None:
    with session() as one:
        next(one.batches("rows"))
    assert one._child.returncode is not None and not one._reader.is_alive()


@needs_driver
def test_a_statement_that_takes_too_long_is_ended(server: SqlServer) -> None:
    server.faults = [Fault("SYSUTCDATETIME", seconds=30)]
    with (
        session(sql_connection({"CONNECTION_ERP": server.connection_string}, "erp"), 1) as one,
        pytest.raises(JobFailed) as failure,
    ):
        one.values(NOW)
    assert failure.value.code == "query_timeout"


@needs_driver
def test_a_server_that_does_not_answer_is_asked_again_later() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        session()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Client with IP address '1.2.3.4' is not allowed to access the server.", "address_refused"),
        ('Cannot open database "x" requested by the login. The login failed.', "login_refused"),
        ("Login failed for user '<token-identified principal>'.", "login_refused"),
        ("The SELECT permission was denied on the object 'orders'.", "permission_denied"),
        ("Database 'x' on server 'y' is not currently available.", "unavailable"),
        ("The service is currently busy. Retry the request after 10 seconds.", "unavailable"),
        ("The request limit for the database is 90 and has been reached.", "unavailable"),
        ("was deadlocked on lock resources and has been chosen as the deadlock victim.", "unavailable"),
        ("Lock request time out period exceeded.", "unavailable"),
        ("Query timeout expired", "query_timeout"),
        ("Invalid object name 'dbo.orders'.", "no_table"),
        ("Conversion failed when converting the value 'secret'.", "statement_refused"),
    ],
)
def test_an_error_says_who_must_act_without_the_servers_text(text: str, code: str) -> None:
    failure = failure_of("ProgrammingError", "Syntax error or access violation", text)
    assert isinstance(failure, JobFailed | Unavailable)
    assert failure.code == code
    assert text not in failure.message and "secret" not in failure.message
