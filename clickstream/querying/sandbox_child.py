"""The child process that runs SQL from outside. One job on stdin, one answer on stdout.

What confines the statement: it is one SELECT that uses only what sql_checking.py allows; the connection has no files,
no network, no extensions and no changeable settings; the process has a limit on its address space and an alarm that
ends it.
"""

from __future__ import annotations

import os
import resource
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.querying.deadline import deadline
from clickstream.querying.formats import Format, as_arrow, as_csv, as_parquet
from clickstream.querying.json_rows import json_rows
from clickstream.querying.sql_checking import checked_tables
from clickstream.storage.account import StorageAccount
from clickstream.table.reading import TableReader
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    AUDIENCE_CHANGES_TABLE,
    EVENTS_TABLE,
    FAILED_TABLE,
    IDENTITIES_TABLE,
    PIPELINE_TABLE,
    PROFILES_TABLE,
    TRAITS_TABLE,
)
from clickstream.terminal import leave

TABLES = {
    spec.name: spec
    for spec in (
        *(EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE, IDENTITIES_TABLE),
        *(ACTIVITY_TABLE, TRAITS_TABLE, PROFILES_TABLE, AUDIENCE_CHANGES_TABLE),
    )
}

# Collecting and compaction in the same instance have priority.
NICENESS = 10
# Arrow reads ahead outside of DuckDB's memory accounting, and every thread reserves its stack.
ADDRESS_SPACE_BEYOND_MB = 1024
BATCH_ROWS = 2048
MAX_ANSWER_BYTES = 16_777_216
MESSAGE_CHARACTERS = 1000
# Part of the engine's message if the source of an Arrow stream fails; the class of the error is that of invalid input.
BROKEN_STREAM = "reading the stream registered as"


def main() -> None:
    """Answer the job on stdin: a line of JSON, then the bytes of the answer in any other format.

    The line has `columns` and `rows` if the format is JSON, or `error` (a kind) and `message`.
    """
    rest = b""
    job = orjson.loads(sys.stdin.buffer.read())
    os.nice(NICENESS)
    # The last resort if neither an interrupt nor the parent ends it: the signal's default action.
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
    """The line of JSON, as a mapping, and the bytes after it. Raise InvalidRequest, LimitExceeded, Unavailable."""
    limit_address_space(job["memory_mb"])
    connection = locked_connection(job["memory_mb"], job["spill_mb"], job["folder"])
    try:
        with deadline(connection, job["seconds"]):
            return answer_of(connection, job)
    except duckdb.InterruptException:
        raise LimitExceeded(f"the statement ran longer than {job['seconds']} s") from None
    except (duckdb.OutOfMemoryException, MemoryError, RecursionError):
        raise LimitExceeded("the statement needed too much memory") from None
    except (duckdb.IOException, OSError) as error:
        raise _unreadable(error) from None
    except (duckdb.Error, pa.ArrowException, TypeError, ValueError) as error:
        if BROKEN_STREAM in str(error):
            raise _unreadable(error) from None
        raise InvalidRequest(str(error)[:MESSAGE_CHARACTERS]) from None


def _unreadable(error: Exception) -> Unavailable:
    """Storage failed while rows were read. The error's message names files and addresses, so only the log gets it."""
    sys.stderr.write(f"{error}\n")
    return Unavailable("the tables cannot be read")


def answer_of(connection: duckdb.DuckDBPyConnection, job: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
    """The line of JSON, as a mapping, and the bytes after it. Raise as `run` does, and what the engine raises."""
    tables = checked_tables(connection, job["sql"], TABLES)
    account = StorageAccount(**job["account"])
    for name in sorted(tables):
        connection.register(name, rows_of_site(TableReader(TABLES[name], account, job["container"]), job["site_id"]))
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


def rows_of_site(reader: TableReader, site_id: str) -> ds.Dataset:
    """The site's rows of the newest version. Only files that may contain rows of the site are opened.

    A condition on the column of dates skips files of other dates, too. Raise Unavailable.
    """
    return reader.dataset_of(reader.snapshot().of_site(site_id)).filter(pc.field("site") == pa.scalar(site_id))


def limit_address_space(memory_mb: int) -> None:
    """Limit the address space to its current size, the statement's memory, and what the libraries take beyond it.

    On Linux, which the functions run on; elsewhere only the engine's own limit applies.
    """
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (memory_mb + ADDRESS_SPACE_BEYOND_MB) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def locked_connection(memory_mb: int, spill_mb: int, folder: str) -> duckdb.DuckDBPyConnection:
    """A connection that cannot reach any file, network, extension or setting.

    The engine lets statements read the folder that it spills to. So that folder is one below `folder` with a secret,
    random name, and it contains only what the statement itself spills.
    """
    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(Path(folder) / secrets.token_hex(16)),
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
    # Not in `config`: the engine reports that value but resets it when it creates the directory.
    connection.execute(f"SET max_temp_directory_size = '{spill_mb}MB'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def first_rows(reader: pa.RecordBatchReader, most: int) -> pa.Table:
    """All rows of the result. Raise LimitExceeded above `most` rows or `MAX_ANSWER_BYTES`."""
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
