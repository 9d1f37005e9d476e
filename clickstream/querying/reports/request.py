"""Parse and check the query string of a report; an error lists every problem with its parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clickstream.errors import NotFound
from clickstream.filters.reader import FilterReader
from clickstream.problems import Problem, refusal
from clickstream.querying.period import DateRange
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.report import Parameter, Report, one_of, read_json, switch, whole_number
from clickstream.querying.request import INVALID, Comparisons, Include, Pagination, Places, QueryRequest, parse_range

DEFAULT_RANGE = "28d"
COMPARISONS = ("previous_period", "year_over_year")


def _range(text: str) -> DateRange:
    return parse_range(text.split(",") if "," in text else text)


def _filters(text: str) -> Any:
    return read_json(text, '[["is","event:page",["/"]]]')


EVERYWHERE: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter("site_id", "The site.", str, required=True),
        Parameter("format", "`json`, `csv`, `arrow` or `parquet`; without it the header `Accept` chooses.", str),
        Parameter("sql", "`1`: `meta` has the statement and its parameters.", switch, "0"),
    )
}
COMMON: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "date_range",
            "A named range, or two dates or moments separated by a comma: see [query.md](query.md).",
            _range,
            DEFAULT_RANGE,
        ),
        Parameter("filters", "Which events are counted: JSON, as in `POST /api/query`.", _filters),
        Parameter("limit", "Maximum number of rows; without it, `QUERY_MAX_ROWS`.", whole_number(1, 1_000_000_000)),
        Parameter("offset", "Number of rows to skip first.", whole_number(0, 1_000_000_000), "0"),
        Parameter("total_rows", "`1`: `meta` has the number of rows without `limit` and `offset`.", switch, "0"),
        Parameter(
            "compare",
            "`previous_period` or `year_over_year`: each metric is followed by its value in that period (`_before`) "
            "and by its change in percent (`_change`).",
            one_of(*COMPARISONS),
        ),
    )
}
PLACES = Places(limit="/limit", comparisons="/compare")


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A report and the values of its parameters.

    `query` has the values of the common parameters, and no metrics. `own` has the report's own parameters by name.
    `sql` says whether `meta` includes the statement.
    """

    report: Report
    query: QueryRequest
    own: Mapping[str, Any]
    sql: bool

    @property
    def site_id(self) -> str:
        """The site that the request is about."""
        return self.query.site_id


def parse_report(name: str, query_string: Mapping[str, str]) -> ReportRequest:
    """Parse the query string of `GET /api/reports/{name}`.

    Raise NotFound for an unknown name, InvalidRequest with the problems and the pointer of the first one: a parameter,
    or a place within its JSON.
    """
    report = REPORTS.get(name)
    if report is None:
        raise NotFound(f"there is no report {name[:100]!r}; known are {', '.join(REPORTS)}")
    parameters = parameters_of(report)
    problems = [
        Problem(f"/{other[:100]}", f"unknown parameter; known are {', '.join(parameters)}")
        for other in query_string
        if other not in parameters
    ]
    values: dict[str, Any] = {}
    for parameter in parameters.values():
        text = query_string.get(parameter.name, parameter.default)
        try:
            values[parameter.name] = None if text is None else parameter.read(_storable(text))
        except ValueError as error:
            problems.append(Problem(f"/{parameter.name}", str(error)))
        if text is None and parameter.required:
            problems.append(Problem(f"/{parameter.name}", "is required"))
    reader = FilterReader()
    filters = reader.read(values.get("filters") or [])
    if problems := [*problems, *reader.problems]:
        raise refusal(problems, INVALID)
    compare = values.get("compare")
    query = QueryRequest(
        values["site_id"],
        (),
        values.get("date_range", DEFAULT_RANGE),
        filters=filters,
        pagination=Pagination(limit=values.get("limit"), offset=values.get("offset", 0)),
        include=Include(total_rows=values.get("total_rows", False), comparisons=compare and Comparisons(mode=compare)),
        places=PLACES,
    )
    own = {parameter.name: values[parameter.name] for parameter in report.parameters}
    return ReportRequest(report, query, own, values["sql"])


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode: it contains an unpaired surrogate") from None
    return text


def parameters_of(report: Report) -> Mapping[str, Parameter]:
    """Every parameter that the report takes, by name."""
    common = {name: parameter for name, parameter in COMMON.items() if name in report.takes}
    return {**EVERYWHERE, **common, **{parameter.name: parameter for parameter in report.parameters}}
