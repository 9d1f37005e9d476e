"""Answers reports: runs them, and gives their rows the form that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from clickstream.errors import InvalidRequest
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Answer, Format, as_arrow, as_csv, as_parquet
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import Asked, Column, ColumnType, Rows
from clickstream.querying.reports.request import ReportRequest, parameters_of, placed
from clickstream.querying.request import parse_query
from clickstream.querying.scope import SiteScope
from clickstream.sites.document import Site

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    ColumnType.TEXT: pa.string(),
    ColumnType.TEXTS: pa.list_(pa.string()),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.MOMENT: pa.timestamp("us", "UTC"),
}


class Reports:
    """Answers reports. Safe to share between threads."""

    def __init__(self, engine: QueryEngine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def answer(self, request: ReportRequest, site: Site, scope: SiteScope, format_: Format) -> Answer:
        """Raise InvalidRequest, LimitExceeded when it takes too long or too much memory, Unavailable."""
        until = self._engine.complete_until()
        range_ = parse_query(orjson.dumps({**request.query, "metrics": ["events"]})).date_range
        try:
            period = self._engine.period(range_, scope)
            asked = Asked(self._engine, site, scope, request.query, request.own, period, until, self._now())
            found = request.report.run(asked)
        except InvalidRequest as error:
            raise placed(error) from error
        meta: dict[str, Any] = {
            "complete_until": until and until.isoformat(),
            "date_range": [period.begin.isoformat(), period.last.isoformat()],
            **found.meta,
        }
        if request.sql and found.statement is not None:
            meta |= {"sql": found.statement.sql, "parameters": dict(found.statement.parameters)}
        return Answer(_body(request.report.name, found, meta, format_), format_, until)


def described_reports() -> Sequence[Mapping[str, Any]]:
    """Every report with its parameters and columns, as `GET /api/reports` tells."""
    return [
        {
            "name": report.name,
            "description": report.description,
            "personal": report.personal,
            "parameters": [
                {
                    "name": parameter.name,
                    "description": parameter.description,
                    "required": parameter.required,
                    "default": parameter.default,
                }
                for parameter in parameters_of(report).values()
            ],
            "columns": [asdict(column) for column in report.columns],
        }
        for report in REPORTS.values()
    ]


def _body(name: str, found: Rows, meta: Mapping[str, Any], format_: Format) -> bytes:
    if format_ is Format.CSV:
        return as_csv([column.name for column in found.columns], found.rows)
    if format_ is Format.JSON:
        columns = [asdict(column) for column in found.columns]
        document = {"report": name, "columns": columns, "rows": found.rows, "meta": meta}
        return orjson.dumps(document, option=orjson.OPT_UTC_Z)
    table = _table(found.columns, found.rows).replace_schema_metadata({"meta": orjson.dumps(meta)})
    return as_arrow(table) if format_ is Format.ARROW else as_parquet(table)


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> pa.Table:
    cells = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(values, ARROW_TYPES[column.type]) for column, values in zip(columns, cells, strict=True)]
    return pa.Table.from_arrays(arrays, [column.name for column in columns])
