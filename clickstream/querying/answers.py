"""Answers that are kept in memory for who asks the same again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import pyarrow as pa

from clickstream.querying.statement import Statement

# Of the room for all answers, what one of them may take.
LARGEST_SHARE = 8


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer follows from: a statement, and which rows of which version of a table it looks at."""

    table: str
    version: int
    rows: Hashable
    sql: str
    parameters: str

    @classmethod
    def of(cls, table: str, version: int, rows: Hashable, statement: Statement) -> Question:
        return cls(table, version, rows, statement.sql, repr(sorted(statement.parameters.items())))


class Answers:
    """Those last asked for, of `max_bytes` together at most. Safe to share between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Question, pa.Table] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, question: Question) -> pa.Table | None:
        """The answer, where it is kept."""
        with self._lock:
            if (answer := self._kept.get(question)) is not None:
                self._kept.move_to_end(question)
            return answer

    def put(self, question: Question, answer: pa.Table) -> None:
        """Keep an answer, and let go of those longest not asked for."""
        size = _size(question, answer)
        with self._lock:
            if size * LARGEST_SHARE > self._max_bytes or question in self._kept:
                return
            self._kept[question] = answer
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._bytes -= _size(*self._kept.popitem(last=False))

    def forget_other_versions(self, table: str, version: int) -> None:
        """Let go of what was said of other versions of a table: they may hold what is erased."""
        with self._lock:
            for question in [known for known in self._kept if known.table == table and known.version != version]:
                self._bytes -= _size(question, self._kept.pop(question))


def _size(question: Question, answer: pa.Table) -> int:
    return int(answer.nbytes) + len(question.sql) + len(question.parameters)
