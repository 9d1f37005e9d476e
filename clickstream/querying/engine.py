"""The engine: duckdb over the Delta table, pruned by date and site."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.progress_file import read_progress
from clickstream.lake.schema import EVENT_COLUMNS, EVENT_PARTITION, EVENTS, arrow_schema
from clickstream.lake.storage import StorageAccount, table_uri
from clickstream.querying.answers import json_value
from clickstream.querying.request import QueryRequest, SqlRequest
from clickstream.querying.sandbox import run_sql
from clickstream.querying.statement import compile_query, dates_of
from clickstream.querying.time_ranges import parse_range
from clickstream.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found. Each row is its dimensions' values, then its metrics'."""

    rows: Sequence[tuple[Any, ...]]
    sql: str
    sql_parameters: Mapping[str, Any]
    complete_until: datetime | None
    total_rows: int | None


class QueryEngine:
    """Answers queries, one connection each; they share the handle on the table."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._account = account
        self._settings = settings
        self._now = now
        self._lake = account.container(settings.lake_container)
        self._table: DeltaTable | None = None
        self._opening = threading.Lock()

    def query(self, query: QueryRequest, time_zone: str) -> Answer:
        """Raise InvalidRequest for an impossible range, LimitExceeded, Unavailable. A missing table has no rows."""
        zone = ZoneInfo(time_zone)
        span = parse_range(query.date_range, zone, self._now())
        complete_until = read_progress(self._lake).complete_until
        table, held = self._snapshot()
        dates = dates_of(span, held)
        statement = compile_query(query, span, zone, dates, self._settings.query_max_rows)
        source = table if isinstance(table, pa.Table) else dataset_of(table, dates)
        rows = self._run(statement.sql, statement.parameters, source)
        total: int | None = None
        if query.total_rows:
            total = int(rows[0][-1]) if rows else 0
            rows = [row[:-1] for row in rows]
        parameters = {name: json_value(value) for name, value in statement.parameters.items()}
        return Answer(rows, statement.sql, parameters, complete_until, total)

    def sql(self, request: SqlRequest) -> tuple[Mapping[str, Any], datetime | None]:
        """Columns and rows of free SQL over the site's own rows, and up to when they are complete.

        Raise InvalidRequest for SQL that is wrong or not allowed, LimitExceeded, Unavailable.
        """
        complete_until = read_progress(self._lake).complete_until
        return run_sql(request, self._account, self._settings), complete_until

    def _snapshot(self) -> tuple[DeltaTable | pa.Table, tuple[date, date]]:
        """The newest version of the table, or an empty one; and the first and last date it holds."""
        today = self._now().date()
        with self._opening:
            try:
                if self._table is None:
                    uri = table_uri(self._settings.lake_container, EVENTS)
                    self._table = DeltaTable(uri, storage_options=self._account.delta_options())
                else:
                    self._table.update_incremental()
            except TableNotFoundError:
                return arrow_schema(EVENT_COLUMNS).empty_table(), (today, today)
            except (DeltaError, OSError) as error:
                self._table = None
                raise Unavailable(f"the table of events cannot be read: {error}") from error
            days = [date.fromisoformat(str(part[EVENT_PARTITION])) for part in self._table.partitions()]
            return self._table, (min(days, default=today), max(days, default=today))

    def _run(self, sql: str, parameters: Mapping[str, Any], source: object) -> list[tuple[Any, ...]]:
        settings = self._settings
        config = {
            "memory_limit": f"{settings.query_memory_mb}MB",
            "threads": "2",
            "python_enable_replacements": "false",
        }
        with duckdb.connect(config=config) as connection:
            connection.register("events", source)
            timer = threading.Timer(settings.query_timeout_seconds, connection.interrupt)
            timer.start()
            try:
                return connection.execute(sql, dict(parameters)).fetchall()
            except duckdb.InterruptException as error:
                seconds = settings.query_timeout_seconds
                raise LimitExceeded(f"the query ran longer than {seconds} s; ask for less") from error
            except duckdb.OutOfMemoryException as error:
                raise LimitExceeded(f"the query needs more than {settings.query_memory_mb} MB; ask for less") from error
            except duckdb.ConversionException as error:
                raise InvalidRequest(f"a value does not fit: {error}") from error
            finally:
                timer.cancel()


def dataset_of(table: DeltaTable, dates: tuple[date, date]) -> ds.Dataset:
    """The table's files as a dataset; only those of the dates where there are fewer."""
    first, last = dates
    return table.to_pyarrow_dataset(
        partitions=[(EVENT_PARTITION, ">=", first.isoformat()), (EVENT_PARTITION, "<=", last.isoformat())]
    )
