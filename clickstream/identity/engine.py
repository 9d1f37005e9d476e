"""The SQL engine that reads evidence from rows: one database in memory for the process.

Opening a database takes longer than reading the evidence of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import duckdb
import pyarrow as pa


@contextmanager
def engine(**relations: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with these relations, in UTC. Connections of several threads may be open at once."""
    with _database().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, rows in relations.items():
            connection.register(name, rows)
        yield connection


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
