"""The child: opens the site's rows, locks the engine down, runs one statement, prints the answer.

What the SQL can reach: the two registered datasets, which hold the site's rows alone. Not files, not the network, not
settings: all are refused by the engine (external access off, configuration locked), and only one SELECT or EXPLAIN is
let through in the first place. Memory is bounded by the engine, and by the operating system where the engine is blind.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from clickstream.lake.schema import EVENTS_AND_FAILED, arrow_schema
from clickstream.lake.storage import table_uri
from clickstream.querying.answers import json_value

ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
# Read-ahead of the datasets and the engine's own allowance for what it does not count.
EXTRA_MB = 768


def answer(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, or `{"error", "message"}`."""
    config = {
        "memory_limit": f"{task['memory_mb']}MB",
        "threads": "2",
        "python_enable_replacements": "false",
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "enable_external_access": "false",
        "temp_directory": "",
    }
    try:
        tables = {name: _rows_of_site(name, columns, task) for name, columns in EVENTS_AND_FAILED.items()}
    except (DeltaError, OSError) as error:
        return {"error": "unavailable", "message": f"the tables cannot be read: {error}"}
    with duckdb.connect(config=config) as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        connection.execute("SET lock_configuration = true")
        _limit_memory(task["memory_mb"])
        timer = threading.Timer(task["timeout_seconds"], connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            return _run(connection, task)
        except duckdb.InterruptException:
            seconds = task["timeout_seconds"]
            return {"error": "limit", "message": f"the query ran longer than {seconds} s; ask for less"}
        except (duckdb.OutOfMemoryException, MemoryError):
            return {"error": "limit", "message": f"the query needs more than {task['memory_mb']} MB; ask for less"}
        except duckdb.Error as error:
            return {"error": "invalid", "message": f"sql: {error}"}
        finally:
            timer.cancel()


def _run(connection: duckdb.DuckDBPyConnection, task: Mapping[str, Any]) -> Mapping[str, Any]:
    statements = connection.extract_statements(task["sql"])
    if len(statements) != 1 or statements[0].type not in ALLOWED:
        return {"error": "invalid", "message": "sql: exactly one SELECT or EXPLAIN is allowed"}
    result = connection.execute(task["sql"], task["parameters"] or [])
    columns = [{"name": name, "type": str(kind)} for name, kind, *_ in result.description or ()]
    rows = result.fetchmany(task["max_rows"] + 1)
    if len(rows) > task["max_rows"]:
        return {"error": "limit", "message": f"more than {task['max_rows']} rows; add a LIMIT or group"}
    return {"columns": columns, "rows": [[json_value(value) for value in row] for row in rows]}


def _rows_of_site(name: str, columns: Any, task: Mapping[str, Any]) -> ds.Dataset:
    try:
        table = DeltaTable(table_uri(task["container"], name), storage_options=task["storage_options"])
        rows = table.to_pyarrow_dataset()
    except TableNotFoundError:
        rows = ds.dataset(arrow_schema(columns).empty_table())
    return rows.filter(ds.field("site") == task["site"])


def _limit_memory(memory_mb: int) -> None:
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = held + (memory_mb + EXTRA_MB) * 1_048_576
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
