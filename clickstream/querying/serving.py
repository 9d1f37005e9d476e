"""Run queries from outside, each in its turn: reports in a thread pool of their own, SQL in child processes, so that
they occupy no thread that other work of the process waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Answer, Format
from clickstream.querying.request import SqlRequest
from clickstream.querying.scope import SiteScope
from clickstream.querying.turns import Asker, Limits, Turns
from clickstream.settings import Settings

Result = TypeVar("Result")


class QueryServing:
    """Serves one event loop. A site may run half of the reports and one of the statements at once."""

    def __init__(self, engine: QueryEngine, settings: Settings) -> None:
        self._engine = engine
        seconds = settings.query_timeout_seconds
        reports, statements = settings.query_concurrency, settings.sql_concurrency
        self._reports = Turns(Limits(reports, max(1, reports // 2), settings.query_waiting_per_site, seconds))
        self._statements = Turns(Limits(statements, 1, settings.sql_waiting_per_site, seconds))
        # One thread for each turn, so that work with a turn never waits for a thread.
        self._threads = ThreadPoolExecutor(reports, thread_name_prefix="report")

    async def answer(self, asker: Asker, work: Callable[[], Result]) -> Result:
        """Run the work in a thread and return its result. Raise what the work raises, and as `Turns.take` does."""
        turn = await self._reports.take(asker)
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # The turn ends with the work, even if the caller is gone: until then the thread is occupied.
        working.add_done_callback(lambda _: turn.end())
        return await asyncio.shield(working)

    async def sql(self, asker: Asker, format_: Format, request: SqlRequest, scope: SiteScope) -> Answer:
        """`QueryEngine.sql_in` in a turn. Raise as that and `Turns.take` do."""
        turn = await self._statements.take(asker)
        try:
            return await self._engine.sql_in(format_, request, scope)
        finally:
            turn.end()
