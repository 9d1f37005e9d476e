"""What a caller may ask of a report, checked at the border: every problem at once, each with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from clickstream.errors import InvalidRequest, NotFound
from clickstream.querying.filters import Problem
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import Parameter, Report, one_of, read_json, switch, whole_number
from clickstream.querying.request import parse_query

DEFAULT_RANGE = "28d"
COMPARISONS = ("previous_period", "year_over_year")


def _range(text: str) -> str | list[str]:
    """A name, or two dates or moments with a comma between them; which ones, the query's own reader knows."""
    return text.split(",") if "," in text else text


def _filters(text: str) -> Any:
    return read_json(text, '[["is","event:page",["/"]]]')


EVERYWHERE: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter("site_id", "The site.", str, required=True),
        Parameter("format", "`json`, `csv`, `arrow` or `parquet`; without it the header `Accept` chooses.", str),
        Parameter("sql", "`1`: `meta` tells the statement and its parameters.", switch, "0"),
    )
}
COMMON: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "date_range",
            "A range by its name, or two dates or moments with a comma between them: see [query.md](query.md).",
            _range,
            DEFAULT_RANGE,
        ),
        Parameter("filters", "Which events are counted: JSON, as in `POST /api/query`.", _filters),
        Parameter("limit", "How many rows at most; without it, `QUERY_MAX_ROWS`.", whole_number(1, 1_000_000_000)),
        Parameter("offset", "How many rows to leave out before.", whole_number(0, 1_000_000_000), "0"),
        Parameter("total_rows", "`1`: `meta` tells how many rows there are without `limit` and `offset`.", switch, "0"),
        Parameter(
            "compare",
            "`previous_period` or `year_over_year`: each metric is followed by its value then (`_before`) and by how "
            "many percent it has changed (`_change`).",
            one_of(*COMPARISONS),
        ),
    )
}
# Where a query has what a parameter says.
_PLACES = {"/pagination/limit": "/limit", "/pagination/offset": "/offset", "/include/comparisons": "/compare"}
SHOWN_PROBLEMS = 10


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A report, asked with these values. `query` is the part of a query's body that all reports are asked alike."""

    report: Report
    site_id: str
    query: Mapping[str, Any]
    own: Mapping[str, Any]
    sql: bool


def is_personal(name: str) -> bool:
    """Whether it is a report that tells of single persons."""
    report = REPORTS.get(name)
    return report is not None and report.personal


def parse_report(name: str, asked: Mapping[str, str]) -> ReportRequest:
    """Read the query string of `GET /api/reports/{name}`.

    Raise NotFound for an unknown name, InvalidRequest with every problem.
    """
    report = REPORTS.get(name)
    if report is None:
        raise NotFound(f"no report {name[:100]!r}; known are {', '.join(REPORTS)}")
    known = parameters_of(report)
    problems = [
        Problem(f"/{other[:100]}", f"unknown parameter; known are {', '.join(known)}")
        for other in asked
        if other not in known
    ]
    values: dict[str, Any] = {}
    for parameter in known.values():
        text = asked.get(parameter.name, parameter.default)
        try:
            values[parameter.name] = None if text is None else parameter.read(text)
        except ValueError as error:
            values[parameter.name] = parameter.default and parameter.read(parameter.default)
            problems.append(Problem(f"/{parameter.name}", str(error)))
        if text is None and parameter.required:
            problems.append(Problem(f"/{parameter.name}", "is required"))
    query = _query(values)
    refusals = [f"{problem.pointer}: {problem.message}" for problem in problems[:SHOWN_PROBLEMS]]
    pointers = [problem.pointer for problem in problems]
    try:
        parse_query(orjson.dumps({**query, "metrics": ["events"]}))
    except InvalidRequest as error:
        told = placed(error)
        refusals.append(told.message)
        pointers.append(told.pointer or "")
    if refusals:
        raise InvalidRequest("; ".join(refusals), code="invalid_query", pointer=pointers[0])
    own = {parameter.name: values[parameter.name] for parameter in report.parameters}
    return ReportRequest(report, values["site_id"], query, own, values["sql"])


def parameters_of(report: Report) -> Mapping[str, Parameter]:
    """Everything it may be asked with, by name."""
    common = {name: parameter for name, parameter in COMMON.items() if name in report.takes}
    return {**EVERYWHERE, **common, **{parameter.name: parameter for parameter in report.parameters}}


def placed(error: InvalidRequest) -> InvalidRequest:
    """What is wrong with the query that was made of the parameters, told of the parameters."""
    message, pointer = error.message, error.pointer
    for place, parameter in _PLACES.items():
        message = message.replace(place, parameter)
        pointer = pointer and pointer.replace(place, parameter)
    return InvalidRequest(message, code=error.code, pointer=pointer)


def _query(values: Mapping[str, Any]) -> Mapping[str, Any]:
    limit, compare = values.get("limit"), values.get("compare")
    return {
        "site_id": values["site_id"] or "",
        "date_range": values.get("date_range", DEFAULT_RANGE),
        "filters": values.get("filters") or [],
        "pagination": {"offset": values.get("offset", 0)} | ({"limit": limit} if limit else {}),
        "include": {"total_rows": values.get("total_rows", False)}
        | ({"comparisons": {"mode": compare}} if compare else {}),
    }
