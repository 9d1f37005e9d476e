"""The query engine: reports and SQL over the lake's tables, within limits of time, memory and rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import Kind
from clickstream.filters.tree import Filter
from clickstream.querying.bots import compile_bots, compile_query_bots
from clickstream.querying.comparing import ComparisonRows, compared_period, compile_compared
from clickstream.querying.currencies import MONEY_META_KEYS, currency_codes, currency_meta, same_currency
from clickstream.querying.database import LakeDatabase
from clickstream.querying.documents import Group, QueryAnswer, SqlAnswer
from clickstream.querying.formats import Answer, Format
from clickstream.querying.labels import dimension_texts, partial_time_labels, time_labels
from clickstream.querying.period import DateRange, Period, resolve
from clickstream.querying.request import Comparisons, QueryRequest, SqlRequest
from clickstream.querying.revenue import looks_at_orders
from clickstream.querying.sandbox import Sandbox
from clickstream.querying.scope import SiteScope
from clickstream.querying.sharing import check_shared, must_withhold
from clickstream.querying.statement import (
    Statement,
    compile_count,
    compile_groups,
    compile_page,
    compile_withheld,
    period_read,
    with_history,
)
from clickstream.querying.together import Lake, Together
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import read_progress
from clickstream.table.specs import ALL_TABLES, EVENTS_TABLE, TableSpec

# A zone's clock differs from UTC by less than a day, and visits are searched from a day before the period.
PADDING = timedelta(days=2)
Result = TypeVar("Result")


class QueryEngine:
    """Answers queries; safe to share between threads. All queries share the memory limit of the settings."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._container = account.container(settings.lake_container)
        # For the work around a child process: one thread for each child that may run.
        self._threads = ThreadPoolExecutor(settings.sql_concurrency, thread_name_prefix="sql")
        self._sandbox = Sandbox(account, settings, self._threads)
        self._database = LakeDatabase(account, settings, ALL_TABLES)
        self._lake: Lake = self._database
        self._until: datetime | None = None  # fixed for questions that are answered together
        self._is_fixed = False

    def query_answer(self, request: QueryRequest, site: SiteScope) -> Answer:
        """The bytes that `POST /api/query` answers with. Raise as `query` does."""
        answer = self.query(request, site)
        return Answer(orjson.dumps(answer.document()), Format.JSON, answer.complete_until)

    def query(self, request: QueryRequest, site: SiteScope) -> QueryAnswer:
        """Run a query. Raise InvalidRequest, Forbidden if a share key does not open the request, LimitExceeded if the
        query takes too long or too much memory, Unavailable.
        """
        limit = self.limit(request)
        zone = ZoneInfo(site.time_zone)
        if site.sharing is not None:
            check_shared(request, site.sharing)
        include, width = request.include, len(request.dimensions)
        end = width + len(request.metrics)
        meta: dict[str, Any] = {}
        complete_until = self.complete_until()
        period = self.period(request.date_range, site)
        if include.time_labels:
            meta["time_labels"] = time_labels(request.dimensions, period, "/include/time_labels")
            meta["partial_time_labels"] = partial_time_labels(request.dimensions, period, complete_until)
        all_groups = compile_groups(request, period, site)
        page = compile_page(request, all_groups, limit)
        statements = [page, compile_count(all_groups)] if include.total_rows else [page]
        if (bots := compile_query_bots(request, period, site)) is not None:
            statements.append(bots)
        tables, sharing_meta = self._disclosed(statements, request, site, period)
        if include.total_rows:
            meta["total_rows"] = tables[1]["total_rows"][0].as_py()
        rows = _rows(tables[0])
        currencies = currency_codes(request, rows)
        groups = [Group(dimension_texts(request.dimensions, row[:width], zone), row[width:end]) for row in rows]
        if currencies is not None:
            by_currency = any(dimension.of_money for dimension in request.dimensions)
            meta |= currency_meta(currencies, site, by_currency=by_currency)
        if bots is not None:
            withheld = sharing_meta is not None and sharing_meta["withheld"]
            meta["bots_left_out"] = None if withheld else tables[len(statements) - 1]["events"][0].as_py()
        if sharing_meta is not None:
            meta["sharing"] = sharing_meta
            if sharing_meta["withheld"]:
                groups, meta = [], {name: value for name, value in meta.items() if name not in MONEY_META_KEYS}
                meta |= {"total_rows": 0} if include.total_rows else {}
        answer = QueryAnswer(request, period, limit, groups, complete_until, page, meta)
        return answer if include.comparisons is None else self._compared(answer, include.comparisons, site, currencies)

    def _disclosed(
        self, statements: Sequence[Statement], request: QueryRequest, site: SiteScope, period: Period
    ) -> tuple[Sequence[pa.Table], dict[str, Any] | None]:
        """Run the statements. For a share key, also return the answer's `meta.sharing`, from the same table version."""
        read = period_read(request, period, site)
        if (sharing := site.sharing) is None:
            return self._run(statements, site, read), None
        *tables, checked = self._run([*statements, compile_withheld(request, period, site)], site, read)
        rows = checked.to_pylist()
        by_time = any(dimension.kind is not Kind.TEXT for dimension in request.dimensions)
        return tables, {
            "smallest_group": sharing.smallest_group,
            "withheld": must_withhold(rows, sharing),
            "small_groups": ("left_out" if by_time else "folded") if rows[0]["has_small"] else "none",
        }

    def _compared(
        self, answer: QueryAnswer, comparisons: Comparisons, site: SiteScope, currencies: Sequence[str] | None
    ) -> QueryAnswer:
        """The answer with the numbers of the other period in each group."""
        request, period = answer.request, answer.period
        zone, pointer = ZoneInfo(site.time_zone), request.places.comparisons
        try:
            other = compared_period(comparisons, period, zone, self._now(), answer.complete_until)
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"{pointer}: {error}", code="invalid_query", pointer=pointer) from error
        labels: list[str] = []
        places: dict[str, str] = {}
        if request.include.comparison_time_labels or any(d.kind is not Kind.TEXT for d in request.dimensions):
            labels = time_labels(request.dimensions, other, pointer)
            places = dict(zip(time_labels(request.dimensions, period, pointer), labels, strict=False))
        all_groups = compile_groups(request, other, site)
        compared = compile_compared(all_groups, request.dimensions, [group.dimensions for group in answer.groups])
        tables, sharing_meta = self._disclosed([compared], request, site, other)
        rows = _rows(tables[0])
        width = len(request.dimensions)
        end = width + len(request.metrics)
        texts = [[*dimension_texts(request.dimensions, row[:width], zone), *row[width:end]] for row in rows]
        if sharing_meta is not None and site.sharing is not None:
            # The folded group of small ones combines different groups in each period.
            texts = [] if sharing_meta["withheld"] else [row for row in texts if site.sharing.label not in row[:width]]
        alike = same_currency(currencies, currency_codes(request, rows), request, site)
        other_rows = ComparisonRows(
            request, texts, places, absent_is_zero=sharing_meta is None, money_is_comparable=alike
        )
        meta = {**answer.meta, "comparison_date_range": other.texts}
        if request.include.sql:
            meta |= {"comparison_sql": all_groups.sql, "comparison_parameters": all_groups.parameters}
        if request.include.comparison_time_labels:
            meta["comparison_time_labels"] = labels
        groups = [replace(group, comparison=other_rows.comparison(group)) for group in answer.groups]
        others = [Group(row[:width], row[width:]) for row in texts] if request.include.comparison_results else None
        return replace(answer, groups=groups, meta=meta, others=others)

    def together(self, questions: Sequence[Callable[[QueryEngine], Result]]) -> Sequence[Future[Result]]:
        """Call each question with an engine over one version of the tables; returns their finished futures.

        What their statements have in common is computed once. Raise Unavailable.
        """
        together, engine = Together(self._database), copy(self)
        engine._lake, engine._until, engine._is_fixed = together, self.complete_until(), True
        return together.answers([partial(question, engine) for question in questions])

    async def sql(self, request: SqlRequest, site: SiteScope) -> SqlAnswer:
        """Run a statement in the sandbox. Raise as `query` does."""
        complete_until = await self._in_thread(self.complete_until)
        answer, _ = await self._sandbox.run(request, site.site_id)
        return SqlAnswer(answer["columns"], answer["rows"], complete_until)

    async def sql_in(self, format_: Format, request: SqlRequest, site: SiteScope) -> Answer:
        """The answer of `POST /api/sql` in any format. Raise as `query` does."""
        if format_ is Format.JSON:
            answer = await self.sql(request, site)
            body = await self._in_thread(lambda: orjson.dumps(answer.document()))
            return Answer(body, format_, answer.complete_until)
        complete_until = await self._in_thread(self.complete_until)
        _, body = await self._sandbox.run(request, site.site_id, format_)
        return Answer(body, format_, complete_until)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def run(self, statement: Statement, site: SiteScope, period: Period, table: TableSpec = EVENTS_TABLE) -> pa.Table:
        """The rows of a statement over one table: the site's rows, from at least a day before the period to its end.

        The statement itself must select rows by their moments. Raise LimitExceeded if it takes too long or too much
        memory, Unavailable.
        """
        return self._run([statement], site, period, table)[0]

    def run_over_all(self, statement: Statement, site: SiteScope, table: TableSpec) -> pa.Table:
        """The rows of a statement over all of the site's rows of a table. Raise as `run` does."""
        return self._lake.run(table, site.site_id, date.min, date.max, statement)[0]

    def bots_left_out(self, filters: tuple[Filter, ...], site: SiteScope, period: Period) -> int | None:
        """How many events of bots a report with these filters leaves out; None if the filters use `event:bot`. Raise as
        `run` does.
        """
        statement = compile_bots(filters, period, site)
        if statement is None:
            return None
        read = with_history(period) if looks_at_orders(statement.sql) else period
        count: int | None = self.run(statement, site, read)["events"][0].as_py()
        return count

    def period(self, date_range: DateRange, site: SiteScope) -> Period:
        """Resolve a range by the site's clock; `all` begins with the day of the site's first event.

        Raise InvalidRequest, LimitExceeded, Unavailable.
        """
        try:
            period = resolve(date_range, ZoneInfo(site.time_zone), self._now())
        except ValueError as error:
            raise InvalidRequest(f"/date_range: {error}", code="invalid_query", pointer="/date_range") from error
        return self._since_first_event(site, period) if date_range == "all" else period

    def complete_until(self) -> datetime | None:
        """The moment up to which the table is complete; None if it is unknown. Raise Unavailable.

        Read it before the rows: then the table is complete at least up to this moment.
        """
        return self._until if self._is_fixed else read_progress(self._container).complete_until

    def limit(self, request: QueryRequest) -> int:
        """The requested number of rows, else the maximum. Raise InvalidRequest if it is above the maximum."""
        most, requested = self._settings.query_max_rows, request.pagination.limit
        if requested is not None and requested > most:
            pointer = request.places.limit
            raise InvalidRequest(f"{pointer}: at most {most} rows", code="invalid_query", pointer=pointer)
        return requested or most

    def _since_first_event(self, site: SiteScope, all_time: Period) -> Period:
        """From the day of the site's first event on; today alone if there is none."""
        first = Statement("SELECT min(occurred_at) AS begin FROM events", {})
        days = self._lake.days(EVENTS_TABLE, site.site_id)
        begin, start, size = None, 0, 1
        while begin is None and start < len(days):
            chunk = days[start : start + size]
            begin = self._lake.run(EVENTS_TABLE, site.site_id, chunk[0], chunk[-1], first)[0]["begin"][0].as_py()
            start, size = start + size, size * 2
        zone = ZoneInfo(site.time_zone)
        return resolve("day", zone, begin or self._now()).to(all_time.end)

    def _run(
        self, statements: Sequence[Statement], site: SiteScope, period: Period, table: TableSpec = EVENTS_TABLE
    ) -> Sequence[pa.Table]:
        first, last = period.begin.date() - PADDING, period.end.date() + PADDING
        return self._lake.run(table, site.site_id, first, last, *statements)


def _rows(table: pa.Table) -> Sequence[list[Any]]:
    return [list(row.values()) for row in table.to_pylist()]
