"""Free SQL: what it may do, and that it reaches nothing but the site's own rows."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.querying.engine import QueryEngine
from clickstream.querying.request import parse_query, parse_sql
from clickstream.querying.scope import SiteScope
from clickstream.table.reading import TableReader
from clickstream.table.specs import EVENTS_TABLE
from local.azurite import ACCOUNT_KEY, Azurite
from tests.integration.querying.lake import NOW, Lake, event, failed_event, make_lake

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> Lake:
    """Three sites, each of whose rows say so everywhere."""
    lake = make_lake(azurite)
    lake.append(
        *(
            event(f"{site}-{n}", site, NOW, anonymous_id=f"secret-of-{site}-{n}", page_path=f"/{site}")
            for site in ("shop", "blog", "mine")
            for n in range(5)
        )
    )
    lake.append_failed(*(failed_event(f"failed-of-{site}", site) for site in ("shop", "blog", None)))
    return lake


@pytest.fixture(scope="module")
def engine(lake: Lake) -> QueryEngine:
    return QueryEngine(lake.account, lake.settings, lambda: NOW)


@pytest.fixture(scope="module")
def hasty(lake: Lake) -> QueryEngine:
    """One that ends a statement after five seconds; elsewhere the limit is of no matter, and a machine may be slow."""
    return QueryEngine(lake.account, replace(lake.settings, query_timeout_seconds=5), lambda: NOW)


def run(engine: QueryEngine, sql: str, parameters: Any = (), site: str = "shop") -> list[list[Any]]:
    return told(engine, sql, parameters, site)["rows"]  # type: ignore[no-any-return]


def told(engine: QueryEngine, sql: str, parameters: Any = (), site: str = "shop") -> dict[str, Any]:
    body = json.dumps({"site_id": site, "sql": sql, "parameters": parameters}).encode()
    answer = asyncio.run(engine.sql(parse_sql(body), SiteScope(site, "UTC")))
    return json.loads(json.dumps(answer.document()))  # type: ignore[no-any-return]


EVERY_SITE = ["shop", "blog", "mine", "nobody", "shop' OR 'a'='a", "%"]
FULL = "SELECT site, event_id FROM events UNION ALL SELECT site, failed_event_id FROM failed_events"
# Each starts a process: every site asks for everything, and one asks in every way.
ASKED = [
    *((FULL, site) for site in EVERY_SITE),
    ("SELECT site, event_id FROM events", "shop"),
    ("SELECT site, event_id FROM events WHERE site IN ('shop', 'blog', 'mine') OR true", "shop"),
    ("SELECT a.site, b.event_id FROM events a, events b", "shop"),
    ("SELECT site, (SELECT max(event_id) FROM events) FROM events", "shop"),
    ("WITH own AS (SELECT * FROM events) SELECT site, event_id FROM own", "shop"),
    ("SELECT site, event_id FROM events, (WITH events AS (SELECT 1 AS one) SELECT one FROM events)", "shop"),
    ("SELECT site, failed_event_id FROM failed_events", "shop"),
]


@pytest.mark.parametrize(("sql", "site"), ASKED)
def test_no_site_sees_a_row_of_another(engine: QueryEngine, sql: str, site: str) -> None:
    rows = run(engine, sql, site=site)
    assert {row[0] for row in rows} <= {site}
    assert all(row[1].endswith(site) or row[1].startswith(f"{site}-") for row in rows)
    assert bool(rows) == (site in ("shop", "blog", "mine"))


HOSTILE = [
    # files, addresses, other engines
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_parquet('az://lake/events/**')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'https://example.com/x.parquet'",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM sqlite_scan('x', 'y')",
    "SELECT * FROM delta_scan('az://lake/events')",
    "ATTACH '/tmp/x.db' AS x",
    "COPY events TO '/tmp/clickstream-evil.csv'",
    "COPY (SELECT 1) TO '/tmp/clickstream-evil.csv'",
    "EXPORT DATABASE '/tmp/clickstream-evil'",
    "INSTALL httpfs",
    "LOAD httpfs",
    # settings, secrets, the machine
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT current_setting('temp_directory')",
    "SELECT getenv('PATH')",
    "SELECT * FROM pragma_user_agent()",
    "CREATE SECRET s (TYPE azure, CONNECTION_STRING 'x')",
    # memory of the process
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('duckdb_settings')",
    "SELECT * FROM globals",
    "SELECT * FROM os",
    # changes
    "DROP VIEW events",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW events AS SELECT 1",
    "INSERT INTO events SELECT * FROM events",
    "DELETE FROM events",
    "UPDATE events SET site = 'x'",
    "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    # more than one statement, or none
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW events",
    "EXPLAIN SELECT 1",
    "PREPARE p AS SELECT 1",
    ";",
    " ",
    "-- nothing",
    "SELECT",
    "SELECT * FROM nothing",
    "SELECT no_column FROM events",
    "SELECT $missing",
    "SELECT 1/*",
    "\x00",
    "SELECT '\ud800'",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "1+" * 9000 + "1",
]


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: ascii(sql[:60]))
def test_hostile_sql_is_refused_and_reads_and_changes_nothing(engine: QueryEngine, lake: Lake, sql: str) -> None:
    before = lake.blobs()
    with pytest.raises((InvalidRequest, LimitExceeded)) as caught:
        run(engine, sql)
    assert ACCOUNT_KEY not in caught.value.message
    assert "root:" not in caught.value.message
    assert lake.blobs() == before
    assert not list(Path("/tmp").glob("clickstream-evil*"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 2000000000))",
        "SELECT list(range) FROM range(300000000)",
        "SELECT count(DISTINCT repeat(range::VARCHAR, 5000)) FROM range(10000000)",
        "SELECT count(*) FROM range(100000000000) a, range(100000000000) b",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT sum(length(regexp_replace(repeat('a', 100000), '(a+)+$', range::VARCHAR))) FROM range(100000000)",
        "SELECT list_sum(list_transform(range(100000000), lambda x: sqrt(x)))",
        "SELECT range FROM range(1001)",
        "SELECT repeat('x', 100000) FROM range(900)",
    ],
)
def test_what_takes_too_much_ends(engine: QueryEngine, hasty: QueryEngine, sql: str) -> None:
    with pytest.raises(LimitExceeded):
        run(hasty, sql)
    assert run(engine, "SELECT 1") == [[1]], "the next statement is served"


def test_nested_quantifiers_are_matched_in_linear_time(engine: QueryEngine) -> None:
    assert run(engine, "SELECT regexp_matches(repeat('a', 100000) || 'b', '(a+)+$')") == [[False]]


def test_a_running_statement_is_bounded_by_the_system_and_shows_no_secret(hasty: QueryEngine) -> None:
    def slow() -> None:
        with suppress(LimitExceeded):
            run(hasty, "SELECT count(*) FROM range(10000000000) a, range(100000) b")

    thread = threading.Thread(target=slow)
    thread.start()
    limits, environment, command = "", b"", b""
    while thread.is_alive() and not bounded(limits):
        for child in our_children():
            with suppress(FileNotFoundError, ProcessLookupError):
                limits = (child / "limits").read_text()
                environment, command = (child / "environ").read_bytes(), (child / "cmdline").read_bytes()
    thread.join()
    assert bounded(limits)
    assert ACCOUNT_KEY.encode() not in environment + command
    names = {entry.split(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names <= {b"PATH", b"LD_LIBRARY_PATH", b"SSL_CERT_FILE", b"SSL_CERT_DIR", b"PYTHONPATH", b"HOME"} | {
        b"ARROW_DEFAULT_MEMORY_POOL",
        b"MALLOC_ARENA_MAX",
    }


def bounded(limits: str) -> bool:
    """Whether the system bounds the process's address space below 8 GiB."""
    found = re.search(r"Max address space +(\d+) +(\d+)", limits)
    return found is not None and int(found[1]) == int(found[2]) < 2**33


def test_a_deletion_inside_a_select_is_told_for_what_it_is(engine: QueryEngine) -> None:
    with pytest.raises(InvalidRequest, match="must be one SELECT statement that changes nothing"):
        run(engine, "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone")


def test_a_statement_leaves_no_process(hasty: QueryEngine) -> None:
    for sql in ("SELECT 1", "SELECT * FROM nothing", "SELECT count(*) FROM range(10000000000) a, range(100000) b"):
        with suppress(InvalidRequest, LimitExceeded):
            run(hasty, sql)
    assert our_children() == []


def our_children() -> list[Path]:
    """The folders under /proc of the sandboxes that this process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and b"sandbox_child" in (folder / "cmdline").read_bytes():
                found.append(folder)
    return found


# Expression, type, and value in JSON.
TYPED: list[tuple[str, str, Any]] = [
    ("9007199254740992", "BIGINT", 9007199254740992),
    ("9007199254740993", "BIGINT", "9007199254740993"),
    ("-9007199254740993", "BIGINT", "-9007199254740993"),
    ("sum(7)", "HUGEINT", 7),
    ("170141183460469231731687303715884105727::HUGEINT", "HUGEINT", "170141183460469231731687303715884105727"),
    ("1.50", "DECIMAL(3,2)", "1.50"),
    ("0.5::DOUBLE", "DOUBLE", 0.5),
    ("'nan'::DOUBLE", "DOUBLE", None),
    ("'-inf'::FLOAT", "FLOAT", None),
    ("NULL::BIGINT", "BIGINT", None),
    ("true", "BOOLEAN", True),
    ("'ünï\U0001f600'", "VARCHAR", "ünï\U0001f600"),
    ("DATE '2026-03-01'", "DATE", "2026-03-01"),
    ("TIMESTAMPTZ '2026-03-01 12:00:00.5+02'", "TIMESTAMP WITH TIME ZONE", "2026-03-01T10:00:00.5Z"),
    ("TIMESTAMP '2026-03-01 12:00:00'", "TIMESTAMP", "2026-03-01T12:00:00"),
    ("TIMESTAMP_NS '2026-03-01 12:00:00.123456789'", "TIMESTAMP_NS", "2026-03-01T12:00:00.123456789"),
    ("'infinity'::TIMESTAMP", "TIMESTAMP", "infinity"),
    ("'infinity'::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "infinity"),
    ("TIMESTAMP '290000-01-01'", "TIMESTAMP", "290000-01-01T00:00:00"),
    ("TIME '10:00:00'", "TIME", "10:00:00"),
    ("INTERVAL 1 DAY", "INTERVAL", "1 day"),
    ("'\\x00\\xFF'::BLOB", "BLOB", "\\x00\\xFF"),
    ("'101'::BIT", "BIT", "101"),
    ("'00000000-0000-0000-0000-000000000001'::UUID", "UUID", "00000000-0000-0000-0000-000000000001"),
    ("[1, 9007199254740993]", "BIGINT[]", [1, "9007199254740993"]),
    ("['nan'::DOUBLE, 1, 'inf']", "DOUBLE[]", [None, 1.0, None]),
    ("{'a': 1, 'b': [NULL, 'x']}", "STRUCT(a INTEGER, b VARCHAR[])", {"a": 1, "b": [None, "x"]}),
    ("MAP {'k': 1}", "MAP(VARCHAR, INTEGER)", {"k": 1}),
    ("'{\"a\": 1}'::JSON", "JSON", '{"a": 1}'),
    ("'x'::ENUM('x', 'y')", "ENUM('x', 'y')", "x"),
    ("NULL", '"NULL"', None),
    ("[]", '"NULL"[]', []),
    ("(1, 'x')", "TUPLE(INTEGER, VARCHAR)", {"element1": 1, "element2": "x"}),
    ("UNION_VALUE(n := 1)", "UNION(n INTEGER)", {"n": 1}),
    ("TIMESTAMP '0044-03-15 (BC) 00:00:00'", "TIMESTAMP", "0044-03-15T(BC) 00:00:00"),
    ("chr(0)", "VARCHAR", "\x00"),
]


def test_every_type_has_one_form_in_json(engine: QueryEngine) -> None:
    answer = told(engine, f"SELECT {', '.join(f'{expression} AS v{n}' for n, (expression, *_) in enumerate(TYPED))}")
    assert answer["columns"] == [{"name": f"v{n}", "type": type_} for n, (_, type_, _) in enumerate(TYPED)]
    assert answer["rows"] == [[value for *_, value in TYPED]]
    assert answer["meta"]["row_count"] == 1


@given(
    st.lists(
        st.one_of(
            st.none(), st.booleans(), st.text(max_size=20), st.integers(-(2**53), 2**53),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=20,
    )
)  # fmt: skip
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parameters_come_back_as_they_were_bound(engine: QueryEngine, values: list[Any]) -> None:
    asked = ", ".join("?" for _ in values)
    assert run(engine, f"SELECT {asked}", values) == [values]
    named = {f"p{index}": value for index, value in enumerate(values)}
    assert run(engine, f"SELECT {', '.join(f'${name}' for name in named)}", named) == [values]


def test_columns_of_one_name_and_rows_in_order_are_kept(engine: QueryEngine) -> None:
    answer = told(engine, "SELECT range AS a, -range AS a FROM range(1000) ORDER BY range DESC")
    assert [column["name"] for column in answer["columns"]] == ["a", "a"]
    assert answer["rows"] == [[n, -n] for n in reversed(range(1000))]


def test_what_a_report_says_it_did_can_be_asked_again_as_sql(engine: QueryEngine) -> None:
    body = {
        "site_id": "shop",
        "metrics": ["visitors", "visits", "events"],
        "date_range": "7d",
        "dimensions": ["time:day", "event:page", "visit:source"],
        "filters": [["contains", "event:page", ["sh"]]],
    }
    report = engine.query(parse_query(json.dumps(body).encode()), SiteScope("shop", "Europe/Berlin")).document()
    rows = run(engine, report["meta"]["sql"], dict(report["meta"]["parameters"]))
    assert rows == [[*row["dimensions"], *row["metrics"]] for row in report["results"]]
    assert rows == [["2026-10-28", "/shop", "(direct)", 5, 5, 5]]


def test_tables_that_are_not_yet_there_have_no_rows(azurite: Azurite) -> None:
    empty = make_lake(azurite)
    engine = QueryEngine(empty.account, empty.settings, lambda: NOW)
    assert run(engine, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM failed_events)") == [[0]]


def test_a_tenants_many_dates_give_another_tenants_statement_no_file_to_look_at(azurite: Azurite) -> None:
    lake = make_lake(azurite)
    lake.append(event("b1", "blog", NOW))
    own = {path for path in lake.blobs() if path.endswith(".parquet")}
    lake.append(*(event(f"a{day}", "alpha", NOW - timedelta(days=day)) for day in range(50)))
    reader = TableReader(EVENTS_TABLE, lake.account, lake.settings.lake_container)
    assert [len(reader.snapshot().of_site(site)) for site in ("alpha", "blog", "none")] == [50, 1, 0]
    lake.delete(*(path for path in lake.blobs() if path.endswith(".parquet") and path not in own))
    engine = QueryEngine(lake.account, lake.settings, lambda: NOW)
    assert run(engine, "SELECT count(*), min(event_id) FROM events", site="blog") == [[1, "b1"]]
    with pytest.raises(Unavailable) as caught:
        run(engine, "SELECT min(event_id) FROM events", site="alpha")
    assert caught.value.message == "the tables cannot be read", "no address of the storage"
