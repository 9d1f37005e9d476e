"""Answer several questions over one version of the tables, so that their statements share what they have in common.

Each question runs in a thread of its own, by the same code as alone, over a `Together` in place of the lake. There its
statements wait until no question can go on without an answer. Then those that begin with the same relations run as one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from traceback import clear_frames
from typing import Protocol, TypeVar

import pyarrow as pa

from clickstream.querying.database import LakeDatabase
from clickstream.querying.materialising import beginning_of
from clickstream.querying.statement import Statement
from clickstream.table.reading import Snapshot
from clickstream.table.specs import TableSpec

Result = TypeVar("Result")


class Lake(Protocol):
    """What runs statements over a site's rows: see `LakeDatabase`."""

    def days(self, table: TableSpec, site_id: str) -> Sequence[date]: ...

    def run(
        self, table: TableSpec, site_id: str, first: date, last: date, *statements: Statement
    ) -> Sequence[pa.Table]: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """Statements of a question that wait for their answers."""

    table: TableSpec
    site_id: str
    dates: tuple[date, date]
    statements: tuple[Statement, ...]
    answer: Future[Sequence[pa.Table]] = field(default_factory=Future)

    @property
    def common(self) -> object:
        """Calls for which this is equal share what their statements begin with; None: with no other."""
        beginnings = filter(None, map(beginning_of, self.statements))
        return next(((self.table.name, self.site_id, beginning.of) for beginning in beginnings), None)


class Together:
    """A lake for several questions at once. Safe to share between their threads."""

    def __init__(self, lake: LakeDatabase) -> None:
        self._lake = lake
        self._changed = threading.Condition()
        self._running = 0
        self._waiting: list[_Call] = []
        self._reading = threading.Lock()
        self._snapshots: dict[str, Snapshot] = {}

    def answers(self, questions: Sequence[Callable[[], Result]]) -> Sequence[Future[Result]]:
        """The finished future of each question. They run at once, and call `run` of this lake."""
        self._running = len(questions)
        with ThreadPoolExecutor(max(1, len(questions)), thread_name_prefix="question") as threads:
            futures = [threads.submit(self._ending, question) for question in questions]
            while calls := self._next():
                self._execute(calls)
            wait(futures)
        return futures

    def days(self, table: TableSpec, site_id: str) -> Sequence[date]:
        """As that of the lake. Raise Unavailable."""
        return self._snapshot(table).days(site_id)

    def run(
        self, table: TableSpec, site_id: str, first: date, last: date, *statements: Statement
    ) -> Sequence[pa.Table]:
        """As that of the lake, but all questions read the same version of a table."""
        call = _Call(table, site_id, (first, last), statements)
        with self._changed:
            self._waiting.append(call)
            self._running -= 1
            self._changed.notify_all()
        try:
            return call.answer.result()
        finally:
            del call  # an exception holds this frame, and the call holds the exception

    def _ending(self, question: Callable[[], Result]) -> Result:
        try:
            return question()
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _next(self) -> Sequence[_Call]:
        """The calls to execute next, once every question waits or has ended; none if all have ended.

        These are the most that have something in common: their questions may then ask for what others wait for, too.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
            groups: dict[object, list[_Call]] = {}
            for call in self._waiting:
                groups.setdefault(call if call.common is None else call.common, []).append(call)
            calls = max(groups.values(), key=len, default=[])
            self._waiting = [call for call in self._waiting if call not in calls]
            self._running += len(calls)
            return calls

    def _execute(self, calls: Sequence[_Call]) -> None:
        """Answer the calls. If they cannot be answered together, each runs by itself, so that it fails only by its own
        fault.
        """
        if len(calls) > 1:
            with suppress(Exception):
                self._answer(calls)
                return
        for call in calls:
            self._answer_alone(call)

    def _answer_alone(self, call: _Call) -> None:
        try:
            self._answer([call])
        except BaseException as error:
            clear_frames(error.__traceback__)  # they hold the call
            call.answer.set_exception(error)
        finally:
            del call

    def _answer(self, calls: Sequence[_Call]) -> None:
        first = calls[0]
        dates = min(call.dates[0] for call in calls), max(call.dates[1] for call in calls)
        statements = [statement for call in calls for statement in call.statements]
        snapshot = self._snapshot(first.table)
        answers = iter(self._lake.run_at(snapshot, first.table, first.site_id, dates, statements, questions=len(calls)))
        for call in calls:
            call.answer.set_result(list(islice(answers, len(call.statements))))

    def _snapshot(self, table: TableSpec) -> Snapshot:
        with self._reading:
            if table.name not in self._snapshots:
                self._snapshots[table.name] = self._lake.newest(table.name)
            return self._snapshots[table.name]
