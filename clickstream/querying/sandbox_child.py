"""SQL from outside, run in a child process that can be ended: the child. One job on stdin, one answer on stdout.

What holds the statement in: it is one SELECT; it names no table but the site's own and no table function but harmless
ones; the connection has no files, no network, no extensions and no changeable settings; the process has a limit on its
address space and a clock that ends it.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE
from clickstream.lake.reading import TableReader
from clickstream.lake.storage import StorageAccount
from clickstream.querying.deadline import deadline
from clickstream.querying.formats import Format, as_arrow, as_csv, as_parquet
from clickstream.querying.json_rows import json_rows
from clickstream.terminal import leave

TABLES = {spec.name: spec for spec in (EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE)}
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
# Those that tell of the machine or of files, reach past the statement, or do nothing but wait.
REFUSED_FUNCTIONS = frozenset(
    {
        "current_setting", "getvariable", "getenv", "query", "query_table", "stats", "write_log", "sleep_ms", "setseed",
        "nextval", "currval", "setval",
    }
)  # fmt: skip
QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})

# Arrow reads ahead outside of duckdb's own accounting, and every thread reserves its stack.
ADDRESS_SPACE_BEYOND_MB = 1024
SPILL_LIMIT = "1GB"
BATCH_ROWS = 2048
MAX_ANSWER_BYTES = 16_777_216
MESSAGE_CHARACTERS = 1000


def main() -> None:
    """Answer the job on stdin: a line of JSON, then the bytes of any other form that was asked for.

    The line holds `columns` and `rows` where JSON was asked for, or `error` (a kind) and `message`.
    """
    rest = b""
    job = orjson.loads(sys.stdin.buffer.read())
    # The last resort where neither an interrupt nor the parent ends it: the signal's default action.
    signal.alarm(job["seconds"] + 2)
    try:
        answer: Mapping[str, Any]
        answer, rest = run(job)
    except MemoryError:
        answer = {"error": "limit", "message": "the statement needed too much memory"}
    except InvalidRequest as error:
        answer = {"error": "invalid", "message": error.message}
    except LimitExceeded as error:
        answer = {"error": "limit", "message": error.message}
    except Unavailable as error:
        answer = {"error": "unavailable", "message": error.message}
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n" + rest)


def run(job: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
    """The line and the bytes behind it. Raise InvalidRequest, LimitExceeded, Unavailable."""
    limit_address_space(job["memory_mb"])
    connection = locked_connection(job["memory_mb"], job["folder"])
    try:
        with deadline(connection, job["seconds"]):
            return answer_of(connection, job)
    except duckdb.InterruptException:
        raise LimitExceeded(f"the statement ran longer than {job['seconds']} s") from None
    except (duckdb.OutOfMemoryException, MemoryError, RecursionError):
        raise LimitExceeded("the statement needed too much memory") from None
    except (duckdb.IOException, OSError) as error:
        # Storage that fails while rows are read reaches this side as whichever library was reading puts it.
        raise Unavailable(f"the tables cannot be read: {error}") from None
    except (duckdb.Error, pa.ArrowException, TypeError, ValueError) as error:
        raise InvalidRequest(str(error)[:MESSAGE_CHARACTERS]) from None


def answer_of(connection: duckdb.DuckDBPyConnection, job: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
    """The line and the bytes behind it. Raise as `run` does, and what the engine raises."""
    tables = checked_tables(connection, job["sql"])
    account = StorageAccount(**job["account"])
    for name in sorted(tables):
        rows = TableReader(TABLES[name], account, job["container"]).dataset()
        connection.register(name, rows.filter(pc.field("site") == pa.scalar(job["site_id"])))
    relation = connection.sql(job["sql"], params=job["parameters"] or None)
    if relation is None:
        raise InvalidRequest("must be one SELECT statement")
    names, types = list(relation.columns), [str(type_) for type_ in relation.types]
    table = first_rows(relation.to_arrow_reader(BATCH_ROWS), job["max_rows"])
    if job["format"] == Format.ARROW:
        return {}, as_arrow(table)
    if job["format"] == Format.PARQUET:
        return {}, as_parquet(table)
    rows = json_rows(table, types)
    if job["format"] == Format.CSV:
        return {}, as_csv(names, rows)
    return {"columns": [{"name": n, "type": t} for n, t in zip(names, types, strict=True)], "rows": rows}, b""


def limit_address_space(memory_mb: int) -> None:
    """Let the process grow by the statement's memory and what the libraries take beyond it, and no further.

    On Linux, which is what the functions run on; elsewhere the engine's own limit has to do.
    """
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (memory_mb + ADDRESS_SPACE_BEYOND_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def locked_connection(memory_mb: int, folder: str) -> duckdb.DuckDBPyConnection:
    """A connection from which no file, network, extension or setting can be reached."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": folder,
            "max_temp_directory_size": SPILL_LIMIT,
            "threads": 2,
            "arrow_lossless_conversion": True,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def checked_tables(connection: duckdb.DuckDBPyConnection, sql: str) -> frozenset[str]:
    """Which of the site's tables the statement reads. Raise InvalidRequest for all that is no plain SELECT."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or not _is_select(statements[0]):
        raise InvalidRequest("must be one SELECT statement")
    ((text,),) = connection.execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise InvalidRequest(f"cannot be checked: {tree.get('error_message', 'no SELECT')}")
    nodes = list(_nodes(tree["statements"]))
    named = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
    read = frozenset(_table(node) for node in nodes if node.get("type") == "BASE_TABLE")
    if unknown := sorted(read - named - TABLES.keys()):
        raise InvalidRequest(f"unknown table {unknown[0]!r}; known are {', '.join(sorted(TABLES))}")
    for node in nodes:
        _check(node)
    return read & TABLES.keys()


def _is_select(statement: duckdb.Statement) -> bool:
    try:
        return statement.type is duckdb.StatementType.SELECT
    except ValueError:  # a kind that the engine knows and its Python side has no name for
        return False


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _table(node: Mapping[str, Any]) -> str:
    parts = (node.get("catalog_name"), node.get("schema_name"), node["table_name"])
    return ".".join(part for part in parts if part).lower()


def _check(node: Mapping[str, Any]) -> None:
    kind = node.get("type")
    if kind == "SHOW_REF":
        raise InvalidRequest("SHOW, DESCRIBE and SUMMARIZE are not taken; the columns are in the documentation")
    if isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERY_NODES:
        raise InvalidRequest("must be one SELECT statement that changes nothing")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name")).lower()
        if name not in TABLE_FUNCTIONS:
            raise InvalidRequest(f"the table function {name!r} is not taken")
    elif kind == "FUNCTION" and str(node.get("function_name")).lower() in REFUSED_FUNCTIONS:
        raise InvalidRequest(f"the function {node['function_name']!r} is not taken")


def first_rows(reader: pa.RecordBatchReader, most: int) -> pa.Table:
    """All rows of the result. Raise LimitExceeded where they are more than `most`, or too many bytes."""
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows > most:
            raise LimitExceeded(f"the statement returns more than {most} rows; add a LIMIT")
        if size > MAX_ANSWER_BYTES:
            raise LimitExceeded(f"the statement returns more than {MAX_ANSWER_BYTES} bytes; select fewer columns")
    return pa.Table.from_batches(batches, reader.schema)


if __name__ == "__main__":
    main()
    leave(0)
