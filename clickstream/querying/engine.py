"""The query engine: reports and SQL over the lake's tables, within limits of time, memory and rows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE, TableSpec
from clickstream.lake.progress_file import read_progress
from clickstream.lake.reading import TableReader
from clickstream.lake.storage import StorageAccount
from clickstream.querying.deadline import deadline
from clickstream.querying.dimensions import Kind
from clickstream.querying.formats import Answer, Format
from clickstream.querying.period import DateRange, Period, resolve
from clickstream.querying.request import QueryRequest, SiteScope, SqlRequest
from clickstream.querying.sandbox import Sandbox
from clickstream.querying.statement import Statement, compile_count, compile_groups, compile_page
from clickstream.settings import Settings

# The clocks of a zone differ from UTC by less than a day, and visits are looked for from a day before.
PADDING = timedelta(days=2)
MAX_TIME_LABELS = 10_000
SPILL_LIMIT = "1GB"


class QueryEngine:
    """Answers queries; safe to share between threads. All queries together keep to the memory of the settings."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._container = account.container(settings.lake_container)
        self._tables = {
            spec.name: TableReader(spec, account, settings.lake_container)
            for spec in (EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE)
        }
        self._sandbox = Sandbox(account, settings)
        self._database = duckdb.connect(
            config={
                "memory_limit": f"{settings.query_memory_mb}MB",
                "temp_directory": str(Path(tempfile.gettempdir()) / f"clickstream-reports-{os.getpid()}"),
                "max_temp_directory_size": SPILL_LIMIT,
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")

    def query(self, request: QueryRequest, site: SiteScope) -> dict[str, Any]:
        """The document that `POST /api/query` answers with.

        Raise InvalidRequest, LimitExceeded when it takes too long or too much memory, Unavailable.
        """
        limit = self.limit(request.pagination.limit)
        zone = ZoneInfo(site.time_zone)
        meta: dict[str, Any] = {}
        request = replace(request, site_id=site.site_id)
        complete_until = self.complete_until()
        period = self.period(request.date_range, site)
        if request.include.time_labels:
            meta["time_labels"] = _time_labels(request, period)
        groups = compile_groups(request, period, site.time_zone)
        page = compile_page(request, groups, limit)
        with self._over(site, period) as connection:
            rows = _rows(connection, page)
            if request.include.total_rows:
                meta["total_rows"] = _rows(connection, compile_count(groups))[0][0]
        width = len(request.dimensions)
        return {
            "results": [
                {"dimensions": _dimensions(request, row[:width], zone), "metrics": row[width:]} for row in rows
            ],
            "meta": {
                "complete_until": complete_until and complete_until.isoformat(),
                "sql": page.sql,
                "parameters": page.parameters,
                **meta,
            },
            "query": {
                **request.asked,
                "date_range": [period.begin.isoformat(), period.last.isoformat()],
                "pagination": {"limit": limit, "offset": request.pagination.offset},
            },
        }

    def sql(self, request: SqlRequest, site: SiteScope) -> dict[str, Any]:
        """The document that `POST /api/sql` answers with. Raise as `query` does."""
        complete_until = self.complete_until()
        answer, _ = self._sandbox.run(request, site.site_id)
        return {
            "columns": answer["columns"],
            "rows": answer["rows"],
            "meta": {"complete_until": complete_until and complete_until.isoformat(), "row_count": len(answer["rows"])},
        }

    def sql_in(self, format_: Format, request: SqlRequest, site: SiteScope) -> Answer:
        """The answer of `POST /api/sql` in any form. Raise as `query` does."""
        if format_ is Format.JSON:
            document = self.sql(request, site)
            told = document["meta"]["complete_until"]
            return Answer(orjson.dumps(document), format_, told and datetime.fromisoformat(told))
        complete_until = self.complete_until()
        return Answer(self._sandbox.run(request, site.site_id, format_)[1], format_, complete_until)

    def run(self, statement: Statement, site: SiteScope, period: Period, table: TableSpec = EVENTS_TABLE) -> pa.Table:
        """The rows of a statement over one table: the site's rows, from at least a day before the period to its end.

        The statement itself must hold the rows to the moments it means. Raise LimitExceeded when it takes too long or
        too much memory, Unavailable.
        """
        with self._over(site, period, table) as connection:
            return _table(connection, statement)

    def period(self, date_range: DateRange, site: SiteScope) -> Period:
        """The period of a range by the site's clock; `all` begins with the day of the site's first event.

        Raise InvalidRequest, LimitExceeded, Unavailable.
        """
        try:
            period = resolve(date_range, ZoneInfo(site.time_zone), self._now())
        except ValueError as error:
            raise InvalidRequest(f"/date_range: {error}", code="invalid_query", pointer="/date_range") from error
        return self._since_first_event(site, period) if date_range == "all" else period

    def complete_until(self) -> datetime | None:
        """Up to when the table is complete; None where it is not known. Raise Unavailable.

        Ask before the rows: what it says then is in the table already.
        """
        return read_progress(self._container).complete_until

    def limit(self, asked: int | None) -> int:
        """How many rows may be answered where so many are asked for. Raise InvalidRequest for too many."""
        most = self._settings.query_max_rows
        if asked is not None and asked > most:
            pointer = "/pagination/limit"
            raise InvalidRequest(f"{pointer}: at most {most} rows", code="invalid_query", pointer=pointer)
        return asked or most

    def _since_first_event(self, site: SiteScope, all_time: Period) -> Period:
        """From the day of the site's first event on; today alone where there is none."""
        first = Statement("SELECT min(occurred_at) FROM events WHERE site = $site", {"site": site.site_id})
        with self._over(site, all_time) as connection:
            begin = _rows(connection, first)[0][0]
        zone = ZoneInfo(site.time_zone)
        return resolve("day", zone, begin or self._now()).to(all_time.end)

    @contextmanager
    def _over(
        self, site: SiteScope, period: Period, table: TableSpec = EVENTS_TABLE
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees the site's rows of the period by the table's name; it is interrupted at its time."""
        first, last = period.begin.date() - PADDING, period.end.date() + PADDING
        own = self._tables[table.name].dataset(first, last).filter(pc.field("site") == pa.scalar(site.site_id))
        seconds = self._settings.query_timeout_seconds
        connection = self._database.cursor()
        try:
            connection.register(table.name, own)
            with deadline(connection, seconds):
                yield connection
        except duckdb.InterruptException as error:
            raise LimitExceeded(f"the query ran longer than {seconds} s; ask for less time or fewer groups") from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise LimitExceeded("the query needed too much memory; ask for less time or fewer groups") from error
        except (duckdb.Error, OSError) as error:
            raise Unavailable(f"the table {table.name} cannot be read: {error}") from error
        finally:
            connection.close()


def _rows(connection: duckdb.DuckDBPyConnection, statement: Statement) -> Sequence[list[Any]]:
    return [list(row.values()) for row in _table(connection, statement).to_pylist()]


def _table(connection: duckdb.DuckDBPyConnection, statement: Statement) -> pa.Table:
    return connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_table()


def _dimensions(request: QueryRequest, values: Sequence[Any], zone: ZoneInfo) -> list[str]:
    return [
        value if dimension.kind is Kind.TEXT else _label(value, zone)
        for dimension, value in zip(request.dimensions, values, strict=True)
    ]


def _label(value: Any, zone: ZoneInfo) -> str:
    """A date as it is; a moment by the clock of the zone, with its offset."""
    return str((value.astimezone(zone) if isinstance(value, datetime) else value).isoformat())


def _time_labels(request: QueryRequest, period: Period) -> list[str]:
    """Every value the time dimension could have in the period, in order."""
    kinds = [dimension.kind for dimension in request.dimensions if dimension.kind is not Kind.TEXT]
    pointer = "/include/time_labels"
    if len(kinds) != 1:
        raise InvalidRequest(f"{pointer}: needs one time dimension", code="invalid_query", pointer=pointer)
    size = (period.end - period.begin) / (timedelta(days=1) if kinds[0] is Kind.DAY else timedelta(hours=1))
    if size > MAX_TIME_LABELS:
        raise InvalidRequest(
            f"{pointer}: more than {MAX_TIME_LABELS} labels; choose a shorter range",
            code="invalid_query",
            pointer=pointer,
        )
    labels = period.days() if kinds[0] is Kind.DAY else period.hours()
    return [label.isoformat() for label in labels]
