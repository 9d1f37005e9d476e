"""LRU cache of results in memory. A result that is asked for while it is computed is computed once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from clickstream.querying.statement import Statement

# One result may take at most this fraction (1 / 8) of the cache.
LARGEST_SHARE = 8


@dataclass(frozen=True, slots=True)
class Question:
    """Cache key: a statement with its parameters, and which rows of which table versions it reads."""

    versions: tuple[tuple[str, int], ...]
    """Every table by its name, with its version."""
    rows: Hashable
    sql: str
    parameters: str

    @classmethod
    def of(cls, versions: Mapping[str, int], rows: Hashable, statement: Statement) -> Question:
        return cls(tuple(versions.items()), rows, statement.sql, repr(sorted(statement.parameters.items())))


class Sharing:
    """What a caller gets of the questions that it asked `Answers.sharing`.

    `known` are cached results; `own` are questions that the caller computes and puts; others compute the rest.
    """

    def __init__(
        self,
        known: Mapping[Question, pa.Table],
        own: Mapping[Question, Future[pa.Table | None]],
        pending: Mapping[Question, Future[pa.Table | None]],
    ) -> None:
        self.known = known
        self.own = list(own)
        self._futures = own
        self._pending = pending

    def put(self, question: Question, answer: pa.Table) -> None:
        """Give a result of `own` to all who wait for it."""
        self._futures[question].set_result(answer)

    def of_others(self, seconds: float) -> Mapping[Question, pa.Table]:
        """The results that others have computed within so many seconds, except those that failed.

        Call it after the context has ended: who waits computes nothing that others wait for.
        """
        wait(self._pending.values(), seconds)
        results = {question: future.result() for question, future in self._pending.items() if future.done()}
        return {question: answer for question, answer in results.items() if answer is not None}


class Answers:
    """The results used last, at most `max_bytes` in total. Safe to share between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._tables: OrderedDict[Question, pa.Table] = OrderedDict()
        self._bytes = 0
        self._computing: dict[Question, Future[pa.Table | None]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def sharing(self, questions: Sequence[Question]) -> Iterator[Sharing]:
        """The known results, and which of the others nobody computes yet. These are the caller's, until the context
        ends: those without a result by then have failed.
        """
        known: dict[Question, pa.Table] = {}
        own: dict[Question, Future[pa.Table | None]] = {}
        pending: dict[Question, Future[pa.Table | None]] = {}
        for question in questions:
            if (answer := self.get(question)) is not None:
                known[question] = answer
                continue
            with self._lock:
                if (future := self._computing.get(question)) is not None:
                    pending[question] = future
                else:
                    self._computing[question] = own[question] = Future()
        try:
            yield Sharing(known, own, pending)
        finally:
            with self._lock:
                for question, future in own.items():
                    del self._computing[question]
                    if not future.done():
                        future.set_result(None)

    def get(self, question: Question) -> pa.Table | None:
        """The cached result, or None."""
        with self._lock:
            if (answer := self._tables.get(question)) is not None:
                self._tables.move_to_end(question)
            return answer

    def put(self, question: Question, answer: pa.Table) -> None:
        """Add a result and evict the least recently used ones. A result over 1 / `LARGEST_SHARE` of `max_bytes` is not
        cached.
        """
        size = _size(question, answer)
        with self._lock:
            if size * LARGEST_SHARE > self._max_bytes or question in self._tables:
                return
            self._tables[question] = answer
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._bytes -= _size(*self._tables.popitem(last=False))

    def forget_other_versions(self, table: str, version: int) -> None:
        """Evict the results of other versions of a table: they may contain erased rows."""
        with self._lock:
            for question in [other for other in self._tables if dict(other.versions).get(table, version) != version]:
                self._bytes -= _size(question, self._tables.pop(question))


def _size(question: Question, answer: pa.Table) -> int:
    return int(answer.nbytes) + len(question.sql) + len(question.parameters)
