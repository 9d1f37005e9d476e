"""The query engine: reports and SQL over the lake's tables, within limits of time, memory and rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa

from clickstream.errors import InvalidRequest
from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE, TableSpec
from clickstream.lake.progress_file import read_progress
from clickstream.lake.storage import StorageAccount
from clickstream.querying.comparing import Beside, compared_period, compile_compared
from clickstream.querying.database import LakeDatabase
from clickstream.querying.dimensions import Kind
from clickstream.querying.formats import Answer, Format
from clickstream.querying.labels import dimension_texts, time_labels
from clickstream.querying.period import DateRange, Period, resolve
from clickstream.querying.request import Comparisons, QueryRequest, SqlRequest
from clickstream.querying.sandbox import Sandbox
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement, compile_count, compile_groups, compile_page, period_read
from clickstream.settings import Settings

# The clocks of a zone differ from UTC by less than a day, and visits are looked for from a day before.
PADDING = timedelta(days=2)


class QueryEngine:
    """Answers queries; safe to share between threads. All queries together keep to the memory of the settings."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._container = account.container(settings.lake_container)
        self._sandbox = Sandbox(account, settings)
        self._lake = LakeDatabase(account, settings, (EVENTS_TABLE, FAILED_TABLE, PIPELINE_TABLE))

    def query(self, request: QueryRequest, site: SiteScope) -> dict[str, Any]:
        """The document that `POST /api/query` answers with.

        Raise InvalidRequest, LimitExceeded when it takes too long or too much memory, Unavailable.
        """
        limit = self.limit(request.pagination.limit)
        zone = ZoneInfo(site.time_zone)
        include, width = request.include, len(request.dimensions)
        meta: dict[str, Any] = {}
        complete_until = self.complete_until()
        period = self.period(request.date_range, site)
        if include.time_labels:
            meta["time_labels"] = time_labels(request.dimensions, period, "/include/time_labels")
        groups = compile_groups(request, period, site)
        page = compile_page(request, groups, limit)
        statements = [page, *([compile_count(groups)] if include.total_rows else [])]
        answered, *counted = self._run(statements, site, period_read(request, period))
        if counted:
            meta["total_rows"] = counted[0]["total_rows"][0].as_py()
        results = [
            {"dimensions": dimension_texts(request.dimensions, row[:width], zone), "metrics": row[width:]}
            for row in _rows(answered)
        ]
        if include.comparisons is not None:
            meta |= self._compare(request, include.comparisons, site, period, results)
        return {
            "results": results,
            "meta": {
                "complete_until": complete_until and complete_until.isoformat(),
                "sql": page.sql,
                "parameters": page.parameters,
                **meta,
            },
            "query": {
                **request.asked,
                "date_range": period.texts,
                "pagination": {"limit": limit, "offset": request.pagination.offset},
            },
        }

    def _compare(
        self,
        request: QueryRequest,
        comparisons: Comparisons,
        site: SiteScope,
        period: Period,
        results: Sequence[dict[str, Any]],
    ) -> dict[str, Any]:
        """Put beside each result what the other period says. Returns what `meta` tells of that."""
        zone, pointer = ZoneInfo(site.time_zone), "/include/comparisons"
        try:
            other = compared_period(comparisons, period, zone, self._now())
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"{pointer}: {error}", code="invalid_query", pointer=pointer) from error
        labels: list[str] = []
        places: dict[str, str] = {}
        if request.include.comparison_time_labels or any(d.kind is not Kind.TEXT for d in request.dimensions):
            labels = time_labels(request.dimensions, other, pointer)
            places = dict(zip(time_labels(request.dimensions, period, pointer), labels, strict=False))
        groups = compile_groups(request, other, site)
        compared = compile_compared(groups, request.dimensions, [result["dimensions"] for result in results])
        rows = _rows(self._run([compared], site, period_read(request, other))[0])
        width = len(request.dimensions)
        beside = Beside(
            request, [[*dimension_texts(request.dimensions, row[:width], zone), *row[width:]] for row in rows], places
        )
        for result in results:
            result["comparison"] = beside.comparison(result["dimensions"], result["metrics"])
        told = {
            "comparison_date_range": other.texts,
            "comparison_sql": groups.sql,
            "comparison_parameters": groups.parameters,
        }
        return told | ({"comparison_time_labels": labels} if request.include.comparison_time_labels else {})

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
        return self._run([statement], site, period, table)[0]

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
        first = Statement("SELECT min(occurred_at) AS begin FROM events", {})
        days = self._lake.days(EVENTS_TABLE, site.site_id)
        begin, looked_at, most = None, 0, 1
        while begin is None and looked_at < len(days):
            few = days[looked_at : looked_at + most]
            begin = self._lake.run(EVENTS_TABLE, site.site_id, few[0], few[-1], first)[0]["begin"][0].as_py()
            looked_at, most = looked_at + most, most * 2
        zone = ZoneInfo(site.time_zone)
        return resolve("day", zone, begin or self._now()).to(all_time.end)

    def _run(
        self, statements: Sequence[Statement], site: SiteScope, period: Period, table: TableSpec = EVENTS_TABLE
    ) -> Sequence[pa.Table]:
        first, last = period.begin.date() - PADDING, period.end.date() + PADDING
        return self._lake.run(table, site.site_id, first, last, *statements)


def _rows(table: pa.Table) -> Sequence[list[Any]]:
    return [list(row.values()) for row in table.to_pylist()]
