"""Run reports and serialise their rows in the requested format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from clickstream.errors import Forbidden
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Answer, Format, as_arrow, as_csv, as_parquet
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import Column, ColumnType, ReportContext, Rows
from clickstream.querying.reports.request import ReportRequest, parameters_of
from clickstream.querying.scope import SiteScope

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

    def answer(self, request: ReportRequest, site: SiteScope, format_: Format) -> Answer:
        """Run the report and serialise its rows.

        Raise InvalidRequest, Forbidden if a share key does not open the report, LimitExceeded if it takes too long or
        too much memory, Unavailable.
        """
        if site.sharing is not None and not request.report.shared:
            opened = ", ".join(report.name for report in REPORTS.values() if report.shared)
            raise Forbidden(f"a share key does not open the report {request.report.name}; it opens {opened}")
        until = self._engine.complete_until()
        period = self._engine.period(request.query.date_range, site)
        result = request.report.run(
            ReportContext(self._engine, site, request.query, request.own, period, until, self._now())
        )
        meta: dict[str, Any] = {
            "complete_until": until and until.isoformat(),
            "date_range": period.texts,
            **result.meta,
        }
        if request.sql and result.statement is not None:
            meta |= {"sql": result.statement.sql, "parameters": dict(result.statement.parameters)}
        return Answer(_body(request.report.name, result, meta, format_), format_, until)


def described_reports() -> Sequence[Mapping[str, Any]]:
    """Every report with its parameters and columns: the `reports` that `GET /api/reports` answers."""
    return [
        {
            "name": report.name,
            "description": report.description,
            "personal": report.personal,
            "shared": report.shared,
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


def _body(name: str, result: Rows, meta: Mapping[str, Any], format_: Format) -> bytes:
    if format_ is Format.CSV:
        return as_csv([column.name for column in result.columns], result.rows)
    if format_ is Format.JSON:
        columns = [asdict(column) for column in result.columns]
        document = {"report": name, "columns": columns, "rows": result.rows, "meta": meta}
        return orjson.dumps(document, option=orjson.OPT_UTC_Z)
    table = _table(result.columns, result.rows).replace_schema_metadata({"meta": orjson.dumps(meta)})
    return as_arrow(table) if format_ is Format.ARROW else as_parquet(table)


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> pa.Table:
    cells = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [pa.array(values, ARROW_TYPES[column.type]) for column, values in zip(columns, cells, strict=True)]
    return pa.Table.from_arrays(arrays, [column.name for column in columns])
