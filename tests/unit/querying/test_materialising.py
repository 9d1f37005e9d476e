"""What statements have in common is computed once, and changes none of their answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import duckdb
import orjson
import pyarrow as pa
import pytest

from clickstream.querying.answers import Answers, Question
from clickstream.querying.bots import compile_query_bots
from clickstream.querying.materialising import answers, beginning_of
from clickstream.querying.period import resolve
from clickstream.querying.request import QueryRequest, parse_query
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement, compile_groups, compile_page
from clickstream.table.specs import EVENTS_TABLE

SITE = SiteScope("shop", "UTC")
DAY = datetime(2026, 3, 1, tzinfo=UTC)
ONE_DAY, FOUR_DAYS = ["2026-03-01", "2026-03-01"], ["2026-02-27", "2026-03-02"]
QUESTION = Question((("events", 1),), (), "SELECT 1", "")
ANSWER = pa.table({"number": [1]})


class Recording:
    """A connection that lists the SQL that it runs. The first `refused` tables find no memory."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.refused = 0
        self.ran: list[str] = []

    def sql(self, sql: str, *, params: Any) -> Any:
        self.ran.append(sql)
        return self._connection.sql(sql, params=params)

    def execute(self, sql: str, parameters: Any = None) -> Any:
        self.ran.append(sql)
        if sql.startswith("CREATE TEMP TABLE") and self.refused:
            self.refused -= 1
            raise duckdb.OutOfMemoryException("no memory")
        return self._connection.execute(sql, parameters)

    @property
    def tables(self) -> int:
        """How many tables it was to create."""
        return sum(sql.startswith("CREATE TEMP TABLE") for sql in self.ran)


@pytest.fixture
def connection() -> Recording:
    """Events of two visitors and a bot."""
    always = {"site": "shop", "event_type": "page_view", "event_name": "page_view", "occurred_at": DAY}
    rows = [
        {"anonymous_id": visitor, "session_id": visitor, "page_path": page, "is_bot": visitor == "bot"}
        for visitor, page in [("a", "/"), ("a", "/x"), ("b", "/"), ("bot", "/")]
    ]
    table = pa.Table.from_pylist(
        [{**always, "event_id": f"{number}", "received_at": DAY, **row} for number, row in enumerate(rows)],
        EVENTS_TABLE.schema,
    )
    made = duckdb.connect(config={"threads": 1})
    made.execute("SET TimeZone = 'UTC'")
    made.register("events", table)
    return Recording(made)


def request(metrics: Sequence[str], *dimensions: str, range_: Sequence[str] = FOUR_DAYS, **more: Any) -> QueryRequest:
    body = {"site_id": "shop", "metrics": metrics, "dimensions": dimensions, "date_range": range_, **more}
    return parse_query(orjson.dumps(body))


def statement(asked: QueryRequest, site: SiteScope = SITE) -> Statement:
    return compile_page(asked, compile_groups(asked, resolve(asked.date_range, ZoneInfo("UTC"), DAY), site), 100)


def run(connection: Recording, *statements: Statement) -> list[Any]:
    tables = dict(answers(cast(duckdb.DuckDBPyConnection, connection), statements))
    return [tables[place].to_pylist() for place in range(len(statements))]


NUMBERS = statement(request(["visitors", "visits", "bounce_rate"]))
OF_EACH_LEVEL = [
    NUMBERS,
    statement(request(["visitors", "pageviews"], "event:page")),
    statement(request(["new_visitors", "time_on_page", "exits"], "time:day")),
    statement(request(["visitors", "percentage"], "visit:channel", filters=[["is", "visit:entry_page", ["/"]]])),
]


def test_one_table_serves_all_statements_that_begin_alike(connection: Recording) -> None:
    alone = [run(connection, one)[0] for one in OF_EACH_LEVEL]
    assert alone[0] == [{"visitors": 2, "visits": 2, "bounce_rate": 50.0}]
    assert connection.tables == 0
    assert run(connection, *OF_EACH_LEVEL) == alone
    assert connection.tables == 1


@pytest.mark.parametrize(
    ("other", "site"),
    [
        (request(["visits"], range_=ONE_DAY), SITE),
        (request(["visits"], "event:bot"), SITE),
        (request(["visits"]), SiteScope("shop", "UTC", split_at_midnight=True)),
        (request(["visits"]), SiteScope("blog", "UTC")),
    ],
    ids=["another period", "with bots", "split at midnight", "another site"],
)
def test_statements_that_begin_otherwise_share_nothing(
    connection: Recording, other: QueryRequest, site: SiteScope
) -> None:
    statements = [NUMBERS, statement(other, site)]
    alone = [run(connection, one)[0] for one in statements]
    assert run(connection, *statements) == alone
    assert connection.tables == 0
    assert run(connection, *statements, *reversed(statements)) == [*alone, *reversed(alone)]
    assert connection.tables == 2


def test_a_count_of_bots_does_not_begin_alike(connection: Recording) -> None:
    asked = request(["visits"], filters=[["is", "visit:entry_page", ["/"]]])
    bots = compile_query_bots(asked, resolve(asked.date_range, ZoneInfo("UTC"), DAY), SITE)
    assert bots is not None and beginning_of(bots) is None
    visits = statement(asked)
    assert run(connection, visits, bots, visits, bots) == [[{"visits": 2}], [{"events": 1}]] * 2


def test_without_memory_for_a_table_each_statement_runs_by_itself(connection: Recording) -> None:
    alone = [run(connection, one)[0] for one in OF_EACH_LEVEL]
    connection.refused = 1
    assert run(connection, *OF_EACH_LEVEL) == alone


def test_who_asks_while_another_computes_gets_the_same_answer() -> None:
    known = Answers(0)
    with ThreadPoolExecutor(1) as thread, known.sharing([QUESTION]) as first:
        assert first.own == [QUESTION]
        with known.sharing([QUESTION]) as second:
            assert (second.known, second.own) == ({}, [])
        assert second.of_others(0) == {}
        waiting = thread.submit(second.of_others, 120)
        first.put(QUESTION, ANSWER)
        assert waiting.result(120)[QUESTION] is ANSWER
    with known.sharing([QUESTION]) as later:
        assert later.own == [QUESTION], "nothing is cached"


def test_who_waits_for_a_question_that_fails_computes_it() -> None:
    known = Answers(0)
    with pytest.raises(InterruptedError), known.sharing([QUESTION]) as first:
        assert first.own == [QUESTION]
        with known.sharing([QUESTION]) as second:
            pass
        raise InterruptedError
    assert second.of_others(120) == {}
    with known.sharing([QUESTION]) as again:
        assert again.own == [QUESTION]


def test_of_many_who_ask_at_once_one_computes() -> None:
    known, computed, started = Answers(0), [0], threading.Barrier(8)

    def ask(_: int) -> pa.Table:
        started.wait(120)
        with known.sharing([QUESTION]) as shared:
            all_ask.wait(120)
            for question in shared.own:
                computed[0] += 1
                shared.put(question, ANSWER)
        return {QUESTION: ANSWER}[QUESTION] if shared.own else shared.of_others(120)[QUESTION]

    all_ask = threading.Barrier(8)
    with ThreadPoolExecutor(8) as threads:
        assert all(table is ANSWER for table in threads.map(ask, range(8)))
    assert computed == [1]
