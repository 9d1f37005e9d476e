"""Answers of the engine as values, and the documents that the routes answer with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.statement import Statement


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """Numbers of the other period for a group: its dimensions there, its metrics there, and the changes in percent."""

    dimensions: Sequence[str | None]
    metrics: Sequence[Any]
    change: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Group:
    """The values of a group's dimensions as texts, and its metrics."""

    dimensions: Sequence[str]
    metrics: Sequence[Any]
    comparison: ComparedGroup | None = None

    def document(self) -> dict[str, Any]:
        """The group in the document's `results`."""
        group: dict[str, Any] = {"dimensions": self.dimensions, "metrics": self.metrics}
        if (other := self.comparison) is not None:
            group["comparison"] = {"dimensions": other.dimensions, "metrics": other.metrics, "change": other.change}
        return group


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The answer of a query. `meta` has further keys of the document's `meta`; `others` are the groups of the other
    period, if they are included.
    """

    request: QueryRequest
    period: Period
    limit: int
    groups: Sequence[Group]
    complete_until: datetime | None
    statement: Statement
    meta: Mapping[str, Any]
    others: Sequence[Group] | None = None

    def document(self) -> dict[str, Any]:
        """The document that `POST /api/query` answers with."""
        others = {} if self.others is None else {"comparison_results": [group.document() for group in self.others]}
        return {
            "results": [group.document() for group in self.groups],
            **others,
            "meta": {
                "complete_until": self.complete_until and self.complete_until.isoformat(),
                **self._statement(),
                **self.meta,
            },
            "query": {
                **self.request.document,
                "date_range": self.period.texts,
                "pagination": {"limit": self.limit, "offset": self.request.pagination.offset},
            },
        }

    def _statement(self) -> dict[str, Any]:
        """The members of `meta` about the SQL: most of the document's length, so a caller can leave them out."""
        if not self.request.include.sql:
            return {}
        return {"sql": self.statement.sql, "parameters": self.statement.parameters}


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """The answer of a statement of SQL. `columns` have a name and a type each."""

    columns: Sequence[Mapping[str, str]]
    rows: list[list[Any]]
    complete_until: datetime | None

    def document(self) -> dict[str, Any]:
        """The document that `POST /api/sql` answers with."""
        return {
            "columns": self.columns,
            "rows": self.rows,
            "meta": {
                "complete_until": self.complete_until and self.complete_until.isoformat(),
                "row_count": len(self.rows),
            },
        }
