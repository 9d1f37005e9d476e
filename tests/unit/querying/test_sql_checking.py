"""What a tenant's SQL may name: scopes, functions and kinds of nodes, checked on the tree before anything is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from clickstream.errors import InvalidRequest
from clickstream.querying.sandbox_child import TABLES, locked_connection
from clickstream.querying.sql_checking import checked_tables
from clickstream.querying.sql_functions import FILE, REFUSED, TABLE_FUNCTIONS, allowed_functions, chosen_functions

ONE = "(SELECT 1 AS a)"
CATALOGUE = [
    # The name of an expression excuses nothing but itself.
    f'WITH "pg_catalog.pg_settings" AS {ONE} SELECT * FROM pg_catalog.pg_settings',
    f'WITH "information_schema.tables" AS {ONE} SELECT * FROM information_schema.tables',
    f'WITH "system.information_schema.columns" AS {ONE} SELECT * FROM system.information_schema.columns',
    f'WITH "memory.main.duckdb_views" AS {ONE} SELECT * FROM memory.main.duckdb_views',
    f"WITH duckdb_views AS {ONE} SELECT * FROM main.duckdb_views",
    f"WITH duckdb_logs AS {ONE} SELECT 1 UNION ALL SELECT 2",
    f"WITH PG_Settings AS {ONE} SELECT * FROM pg_settings",
    f'WITH "duc\u212adb_logs" AS {ONE} SELECT 1',
    f"WITH pg_settings AS {ONE} SELECT * FROM pg_settings",
    f"WITH sqlite_master AS {ONE} SELECT * FROM sqlite_master",
    f'WITH "a.b" AS {ONE} SELECT * FROM a.b',
    # Nor does it anywhere but in its scope.
    f"SELECT * FROM own, (WITH own AS {ONE} SELECT * FROM own)",
    f"SELECT (WITH own AS {ONE} SELECT a FROM own) FROM own",
    f"SELECT * FROM (WITH own AS {ONE} SELECT * FROM own) AS x JOIN own ON true",
    f"(WITH own AS {ONE} SELECT * FROM own) UNION ALL SELECT * FROM own",
    f"WITH first AS (SELECT * FROM second), second AS {ONE} SELECT * FROM first",
    "WITH own AS (SELECT * FROM own) SELECT * FROM own",
    "WITH RECURSIVE own AS (SELECT * FROM own UNION ALL SELECT * FROM own) SELECT * FROM own",
    f"WITH outer_one AS (WITH own AS {ONE} SELECT * FROM own) SELECT * FROM own",
    f"SELECT * FROM events, LATERAL (WITH own AS {ONE} SELECT * FROM own) AS x, LATERAL (SELECT * FROM own) AS y",
    f"SELECT list_transform([1], lambda x: (WITH own AS {ONE} SELECT a FROM own)), (SELECT a FROM own)",
    f"SELECT 1 ORDER BY (WITH own AS {ONE} SELECT a FROM own), (SELECT a FROM own)",
    f"SELECT * FROM events WHERE EXISTS (WITH own AS {ONE} FROM own) AND EXISTS (FROM own)",
    # Every spelling of the catalogues.
    "SELECT * FROM information_schema.tables",
    'SELECT * FROM "information_schema"."tables"',
    'SELECT * FROM "INFORMATION_SCHEMA"."Columns"',
    "SELECT * FROM memory.information_schema.tables",
    "SELECT * FROM tables",
    "FROM pg_catalog.pg_class",
    "FROM pg_class",
    "TABLE pg_settings",
    "FROM pg_settings USING SAMPLE 1",
    "FROM pg_settings TABLESAMPLE 10%",
    "FROM duckdb_tables PIVOT (count(*) FOR table_name IN ('a'))",
    "FROM duckdb_tables UNPIVOT (v FOR n IN (table_name))",
    "SELECT * FROM events SEMI JOIN pg_settings ON true",
    "SELECT * FROM events ASOF JOIN pg_settings ON events.occurred_at >= pg_settings.value",
    "SELECT * FROM (VALUES ((SELECT count(*) FROM pg_settings))) AS v",
    "SELECT COLUMNS(lambda c: c IN (SELECT name FROM pg_settings)) FROM events",
    "SELECT * EXCLUDE (site) REPLACE ((SELECT max(name) FROM pg_settings) AS event_id) FROM events",
    "SELECT site FROM events GROUP BY ALL HAVING (SELECT true FROM pg_settings)",
    "SELECT count(*) FILTER (WHERE (SELECT true FROM pg_settings)) FROM events",
    "SELECT sum(1) OVER (ROWS (SELECT count(*) FROM pg_settings) PRECEDING) FROM events",
    "SELECT site FROM events LIMIT (SELECT count(*) FROM pg_settings)",
    "SELECT ARRAY(SELECT name FROM pg_settings)",
    "SELECT CASE WHEN true THEN (SELECT max(name) FROM pg_settings) END",
    "SELECT * FROM events AT (TIMESTAMP => now())",
    "SELECT * FROM system.main.duckdb_settings()",
    "SELECT * FROM (SHOW ALL TABLES)",
    "PIVOT events ON event_name USING count(*)",
    "SELECT * FROM (PIVOT events ON event_name USING count(*))",
]
FUNCTIONS = [
    "SELECT json_serialize_plan('SELECT current_setting(''temp_directory'')', optimize := true)",
    "SELECT json_serialize_sql('SELECT 1')",
    "SELECT json_deserialize_sql('{}')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "FROM query('SELECT 1')",
    "FROM query_table(['pg_settings'])",
    "SELECT query('SELECT 1')",
    "SELECT current_setting('temp_directory')",
    "SELECT system.main.current_setting('temp_directory')",
    "SELECT 'temp_directory'.current_setting()",
    "SELECT ('temp_directory').\"Current_Setting\"()",
    "SELECT COLUMNS(lambda c: current_setting(c) = '') FROM events",
    "SELECT list_transform(['threads'], lambda x: current_setting(x))",
    "SELECT [current_setting(x) for x in ['threads']]",
    "SELECT sum(current_setting('threads')::INT) OVER () FROM events",
    "SELECT count(*) FILTER (WHERE current_setting('threads') = 2) FROM events",
    "SELECT string_agg(site ORDER BY current_setting('threads')) FROM events",
    "SELECT * FROM range(current_setting('threads')::INT)",
    "FROM events PIVOT (max(current_setting('threads')) FOR site IN ('a'))",
    "SELECT getenv('PATH')",
    "SELECT getvariable('x')",
    "SELECT get_block_size('memory')",
    "SELECT pg_catalog.pg_sleep(1000)",
    "SELECT sleep_ms(1000)",
    "SELECT version()",
    "SELECT current_query()",
    "SELECT current_connection_id(), txid_current()",
    "SELECT current_schemas(true)",
    "SELECT has_table_privilege('events', 'SELECT')",
    "SELECT pg_get_viewdef(1)",
    "SELECT inet_server_addr()",
    "SELECT nextval('s'), setseed(0.1)",
    "SELECT write_log('x')",
    "SELECT stats(site), vector_type(site) FROM events",
    "SELECT list_aggregate([1], 'sum')",
    "SELECT list_aggr([1], 'sum'), array_aggr([1], 'sum'), aggregate([1], 'sum')",
    "SELECT finalize(combine(1, 2))",
    "SELECT cast_to_type(1, NULL::VARCHAR)",
    "SELECT __internal_decompress_string(1::UBIGINT)",
    "SELECT a_function_of_tomorrow(1)",
    "SELECT a_window_of_tomorrow() OVER () FROM events",
    "FROM a_table_function_of_tomorrow()",
    "FROM repeat(1, 10)",
    "FROM pragma_version()",
    "FROM icu_calendar_names()",
    "FROM main.read_text('/etc/passwd')",
]
NONE: set[str] = set()
ALLOWED = {
    "WITH events AS (SELECT * FROM events) SELECT * FROM events": {"events"},
    f"WITH events AS {ONE} SELECT a FROM events": NONE,
    f"SELECT site, (WITH events AS {ONE} SELECT a FROM events) FROM events": {"events"},
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) FROM n": NONE,
    f"WITH a AS {ONE}, b AS (SELECT * FROM a) SELECT * FROM b, (WITH c AS (FROM b) FROM c)": NONE,
    f"WITH columns AS {ONE}, tables AS {ONE} SELECT * FROM columns, tables": NONE,
    f"WITH Own AS {ONE} SELECT a FROM OWN": NONE,
    "SELECT page_path.upper(), t.page_path.lower() FROM events AS t": {"events"},
    "SELECT properties->>'$.plan', properties->'$.plan', properties.plan FROM events": {"events"},
    "FROM events PIVOT (count(*) FOR event_name IN ('a', 'b'))": {"events"},
    "SELECT site, count(*), row_number() OVER (ORDER BY site) FROM failed_events GROUP BY ALL": {"failed_events"},
    "SELECT COLUMNS(lambda c: c LIKE 'page%') FROM events USING SAMPLE 10%": {"events"},
    "SELECT [x * 2 FOR x IN range(3) IF x > 1], {'a': 1}, MAP {'k': 1}, $1, CAST('1' AS INT), 'a' COLLATE NOCASE": NONE,
    "SELECT extract(year FROM occurred_at), occurred_at AT TIME ZONE 'UTC', INTERVAL 1 DAY, "
    "now() FROM events": {"events"},
    "SELECT trim(BOTH 'x' FROM 'xax'), substring('abc' FROM 2), position('a' IN 'ba'), "
    "overlay('a' PLACING 'b' FROM 1)": NONE,
    "SELECT a IN (1, 2), a BETWEEN 1 AND 2, a IS DISTINCT FROM 1, NOT a, a LIKE 'x', "
    "a ~ 'x' FROM (VALUES (1)) t(a)": NONE,
    "FROM events a ASOF JOIN pipeline_hours b ON a.occurred_at >= b.hour": {"events", "pipeline_hours"},
    "SELECT unnest([1]), r FROM range(3) AS t(r), unnest([1, 2])": NONE,
    "SELECT sum(1) OVER w, grouping(site), try(1 / 0), ifnull(1, 2), coalesce(1, "
    "2) FROM events GROUP BY site WINDOW w AS ()": {
        "events"
    },
    "SELECT current_date, current_timestamp, today(), user": NONE,
    "SELECT list_sum([1]), list_avg([1]), quantile_cont(1, 0.5), approx_count_distinct(1), mode(1)": NONE,
}  # fmt: skip


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = locked_connection(256, 256, str(tmp_path_factory.mktemp("spill")))
    yield connection
    connection.close()


@pytest.mark.parametrize("sql", [*CATALOGUE, *FUNCTIONS], ids=ascii)
def test_a_tenant_reaches_no_catalogue_and_no_function_beyond_the_list(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> None:
    with pytest.raises(InvalidRequest):
        checked_tables(connection, sql, TABLES)


@pytest.mark.parametrize(("sql", "tables"), [pytest.param(*pair, id=ascii(pair[0])) for pair in ALLOWED.items()])
def test_plain_sql_over_the_tables_is_allowed(
    connection: duckdb.DuckDBPyConnection, sql: str, tables: set[str]
) -> None:
    assert checked_tables(connection, sql, TABLES) == tables


def test_a_function_that_a_newer_engine_brings_is_refused_until_it_is_on_the_list() -> None:
    """Fails after an upgrade: decide on each new name, then write the list anew as sql_functions.py says."""
    assert FILE.read_text().split() == list(chosen_functions(duckdb.connect()))


def test_every_pattern_of_refused_functions_is_of_use() -> None:
    rows = duckdb.connect().execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()").fetchall()
    names = ["getenv", *(name for (name,) in rows)]  # the first is the command line's own
    patterns = [pattern for group in REFUSED.values() for pattern in group]
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, name) for name in names)] == []
    assert allowed_functions() >= TABLE_FUNCTIONS


def test_a_statement_finds_no_file_even_where_a_table_function_is_reached(tmp_path: Path) -> None:
    """The wall behind the list: the engine itself opens no file but below a folder whose name nobody can know."""
    (tmp_path / "secret").write_text("secret")
    connection = locked_connection(256, 256, str(tmp_path))
    for sql in (
        f"FROM read_text('{tmp_path}/secret')",
        f"FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/x'",
    ):
        with pytest.raises(duckdb.PermissionException):
            connection.execute(sql)
    ((folder,),) = connection.execute("SELECT current_setting('temp_directory')").fetchall()
    assert Path(folder).parent == tmp_path
    assert len(Path(folder).name) == 32
    connection.close()
