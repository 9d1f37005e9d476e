"""SQL that wants more than the site's rows: each statement is refused, reads nothing and changes nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from clickstream.errors import InvalidRequest, LimitExceeded
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Format
from clickstream.querying.request import parse_query, parse_sql
from clickstream.querying.sandbox_child import answer_of, locked_connection
from clickstream.querying.scope import SiteScope
from local.azurite import ACCOUNT_KEY, Azurite
from tests.integration.querying.lake import NOW, Lake, event, failed_event, make_lake

pytestmark = pytest.mark.integration

SITES = ("shop", "blog")
SHOP = SiteScope("shop", "UTC")
CORPUS = [
    "FROM '/etc/passwd'",
    "FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text(['/etc/passwd', '/etc/hosts'])",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM events WHERE page_path = (SELECT max(content) FROM read_text('/etc/passwd'))",
    "WITH secret AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM secret",
    "WITH secret AS MATERIALIZED (FROM '/etc/passwd') SELECT 1",
    "SELECT 1 UNION ALL SELECT content FROM read_text('/etc/passwd')",
    "SELECT * FROM events, LATERAL (SELECT * FROM read_text(page_path))",
    "SELECT list_transform([1], lambda x: (SELECT content FROM read_text('/etc/passwd')))",
    "SELECT * FROM events ORDER BY (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM events LIMIT (SELECT length(content) FROM read_text('/etc/passwd'))",
    "SELECT count(*) FILTER ((SELECT content FROM read_text('/etc/passwd')) = '') FROM events",
    "SELECT sum(1) OVER (ORDER BY (SELECT content FROM read_text('/etc/passwd'))) FROM events",
    "SELECT * FROM (VALUES ((SELECT content FROM read_text('/etc/passwd')))) t",
    "PIVOT (FROM read_text('/etc/passwd')) ON filename USING count(*)",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/etc/passwd')",
    "SELECT * FROM parquet_scan('https://example.com/x.parquet')",
    "SELECT * FROM parquet_metadata('/tmp/clickstream-evil.parquet')",
    "SELECT * FROM read_csv('http://169.254.169.254/metadata/instance')",
    "SELECT * FROM 'az://lake/events/*.parquet'",
    "SELECT * FROM 's3://bucket/x.csv'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM iceberg_scan('x')",
    "SELECT * FROM postgres_scan('host=localhost', 'a', 'b')",
    "SELECT * FROM mysql_query('a', 'b')",
    "SELECT * FROM st_read('/etc/passwd')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM from_substrait('x'::BLOB)",
    "SELECT * FROM which_secret('az://x', 'azure')",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM duckdb_variables()",
    "SELECT * FROM pragma_table_info('events')",
    "SELECT * FROM pragma_storage_info('events')",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM sql_auto_complete('SEL')",
    "SELECT * FROM main.events",
    "SELECT * FROM memory.main.events",
    "SELECT * FROM temp.events",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM events AT (VERSION => 1)",
    "SELECT * FROM (DESCRIBE events)",
    "SELECT * FROM (SHOW TABLES)",
    "SELECT * FROM (SUMMARIZE events)",
    "ATTACH ':memory:' AS x",
    "ATTACH 'https://example.com/x.db' AS x",
    "DETACH memory",
    "USE system",
    "IMPORT DATABASE '/tmp/clickstream-evil'",
    "COPY events FROM '/etc/passwd'",
    "COPY (SELECT * FROM events) TO 'https://example.com/x'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "FORCE INSTALL httpfs FROM community",
    "LOAD '/tmp/clickstream-evil.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "PRAGMA enable_profiling",
    "PRAGMA memory_limit='100GB'",
    "PRAGMA enable_external_access=true",
    "PRAGMA version",
    "SET GLOBAL threads = 100",
    "SET VARIABLE x = 1",
    "SET temp_directory = '/'",
    "CALL enable_logging()",
    "CREATE MACRO events() AS TABLE SELECT 1",
    "CREATE TEMP TABLE t (a INT)",
    "CREATE FUNCTION f(a) AS a",
    "CREATE SEQUENCE s",
    "CREATE TYPE t AS ENUM ('a')",
    "CREATE SCHEMA s",
    "ALTER VIEW events RENAME TO e",
    "COMMENT ON VIEW events IS 'x'",
    "TRUNCATE events",
    "MERGE INTO events USING events AS e ON true WHEN MATCHED THEN DELETE",
    "ANALYZE",
    "EXECUTE p",
    "DEALLOCATE p",
    "DECLARE c CURSOR FOR SELECT 1",
    "SELECT 1 INTO t",
    "SELECT getvariable('x')",
    "SELECT current_setting('azure_storage_connection_string')",
    "SELECT nextval('s')",
    "SELECT write_log('x')",
    "SELECT sleep_ms(100000)",
    "SELECT stats(page_path) FROM events",
    "SELECT setseed(0.5)",
    "SELECT main.current_setting('temp_directory')",
    "SELECT 'temp_directory'.current_setting()",
    "SELECT \"CURRENT_SETTING\"('temp_directory')",
    "SELECT list_transform(['temp_directory'], lambda x: current_setting(x))",
    "SELECT * REPLACE (current_setting('temp_directory') AS site) FROM events",
    "SELECT max(site ORDER BY current_setting('temp_directory')) FROM events",
    "SELECT * FROM events a JOIN events b ON a.site = current_setting('temp_directory')",
    "SELECT * FROM main.read_text('/etc/passwd')",
    "SELECT * FROM events POSITIONAL JOIN read_text('/etc/passwd')",
    "SELECT site FROM events QUALIFY row_number() OVER (ORDER BY getenv('PATH')) = 1",
    "WITH RECURSIVE r AS (SELECT 'a' AS n UNION SELECT content FROM read_text('/etc/passwd')) SELECT * FROM r",
    "SELECT error('root:')",
    "SELECT * FROM events; -- ; DROP VIEW events\nSELECT 2",
    "/* */ ATTACH 'x' /* */",
    "SELECT * FROM EVENTS_OF_OTHERS",
    "x' OR 1=1--",
    'SELECT "a";DROP',
    "SELECT * FROM repeat_row(1, num_rows := 1000000000000)",
    "SELECT * FROM test_all_types()",
    "SELECT * FROM arrow_scan_dumb(1, 2, 3)",
    "SELECT * FROM seq_scan('x')",
    "SELECT * FROM glob(['/*'])",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM python_map_function(1)",
]


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> Lake:
    lake = make_lake(azurite)
    lake.append(*(event(site, site, NOW, anonymous_id=f"secret-of-{site}", page_path=f"/{site}") for site in SITES))
    lake.append_failed(*(failed_event(site, site) for site in SITES))
    return lake


@pytest.fixture(scope="module")
def engine(lake: Lake) -> QueryEngine:
    return QueryEngine(lake.account, lake.settings, lambda: NOW)


def refusal(lake: Lake, sql: str, folder: Path) -> str | None:
    """Why the statement is not run, asked of the sandbox's own parts in this process; None where it is."""
    job = {
        "sql": sql,
        "parameters": (),
        "site_id": "shop",
        "format": Format.JSON,
        "account": asdict(lake.account),
        "container": lake.settings.lake_container,
        "max_rows": 10,
    }
    connection = locked_connection(256, 256, str(folder))
    try:
        answer_of(connection, job)
    except (InvalidRequest, duckdb.Error) as error:
        assert not isinstance(error, duckdb.IOException), "that would be no refusal"
        return str(error)
    finally:
        connection.close()
    return None


def test_every_statement_of_the_corpus_is_refused(engine: QueryEngine, lake: Lake, tmp_path: Path) -> None:
    before = lake.blobs()
    answers = {sql: refusal(lake, sql, tmp_path) for sql in CORPUS}
    assert [sql for sql, answer in answers.items() if answer is None] == []
    text = "".join(map(str, answers.values()))
    for secret in (ACCOUNT_KEY, "root:x", "secret-of-", lake.settings.lake_container):
        assert secret not in text
    assert lake.blobs() == before
    assert not list(Path("/tmp").glob("clickstream-evil*"))
    assert refusal(lake, "SELECT site FROM events", tmp_path) is None


@pytest.mark.parametrize("form", [Format.CSV, Format.ARROW, Format.PARQUET])
def test_no_form_of_the_answer_holds_a_row_of_another_site(engine: QueryEngine, form: Format) -> None:
    sql = "SELECT anonymous_id FROM events WHERE site <> 'shop' OR true"
    body = json.dumps({"site_id": "shop", "sql": sql}).encode()
    answer = asyncio.run(engine.sql_in(form, parse_sql(body), SHOP)).body
    assert b"secret-of-shop" in answer
    assert b"secret-of-blog" not in answer
    with pytest.raises(InvalidRequest):
        asyncio.run(engine.sql_in(form, parse_sql(body.replace(b"FROM events", b"FROM '/etc/passwd'")), SHOP))


def test_a_type_that_parquet_does_not_have_is_refused(engine: QueryEngine) -> None:
    body = json.dumps({"site_id": "shop", "sql": "SELECT INTERVAL 1 DAY AS a"}).encode()
    with pytest.raises(InvalidRequest, match="interval"):
        asyncio.run(engine.sql_in(Format.PARQUET, parse_sql(body), SHOP))


def test_what_takes_too_much_is_ended_in_every_form(lake: Lake) -> None:
    hasty = QueryEngine(lake.account, replace(lake.settings, query_timeout_seconds=5), lambda: NOW)
    bombs = ["SELECT count(*) FROM range(1000000000000) a, range(1000000) b", "SELECT repeat('x', 4000000000)"]
    for sql in bombs:
        with pytest.raises(LimitExceeded):
            asyncio.run(
                hasty.sql_in(Format.PARQUET, parse_sql(json.dumps({"site_id": "shop", "sql": sql}).encode()), SHOP)
            )


@pytest.mark.parametrize(
    "range_",
    [
        ["2026-03-02", "2026-03-01"],
        ["0000-01-01", "2026-01-01"],
        ["2026-01-01", "9999-12-31"],
        ["2026-02-30", "2026-03-01"],
        ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"],
        ["2026-03-01T00:00:00Z", "2026-03-01"],
        ["2026-03-01T00:00:00+25:00", "2026-03-02T00:00:00Z"],
    ],
)
def test_a_range_that_cannot_be_is_refused(range_: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_query(json.dumps({"site_id": "shop", "metrics": ["events"], "date_range": range_}).encode())
    assert caught.value.pointer == "/date_range"


def test_a_range_over_hours_that_the_clocks_skip_is_whole(engine: QueryEngine) -> None:
    query: dict[str, Any] = {"site_id": "shop", "metrics": ["events"], "dimensions": ["time:hour"]}
    query |= {"date_range": ["2026-03-29", "2026-03-29"], "include": {"time_labels": True}}
    answer = engine.query(parse_query(json.dumps(query).encode()), SiteScope("shop", "Europe/Berlin"))
    labels = answer.meta["time_labels"]
    assert len(labels) == 23
