"""Parse and check the bodies of queries; an error lists every problem with its JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from clickstream.filters.dimensions import DIMENSION_NAMES, GOAL, Dimension, dimension_named
from clickstream.filters.reader import FilterReader
from clickstream.filters.tree import Filter, GoalComparison, leaves
from clickstream.problems import Problem, parse_body, refusal
from clickstream.querying.metrics import METRICS, Metric, Need
from clickstream.querying.period import NAMED_RANGES, DateRange, parse_pair

MAX_BODY_BYTES = 65_536
INVALID = "invalid_query"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _one_of(what: str, names: Sequence[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"unknown {what} {name[:100]!r}; known are {', '.join(names)}")
        return name

    return AfterValidator(check)


def _check_dimension(name: str) -> str:
    if dimension_named(name) is None:
        raise ValueError(f"unknown dimension {name[:100]!r}; known are {DIMENSION_NAMES}")
    return name


def _not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    # A `min_length` of the field would count only the valid names.
    if not names:
        raise ValueError("needs at least one")
    return names


def _no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    if len({name.casefold() for name in names}) < len(names):  # column names are case-insensitive in SQL
        raise ValueError("names one twice")
    return names


def parse_range(value: Any) -> DateRange:
    """The range of a name, or of a list of two dates or two moments. Raise ValueError."""
    if isinstance(value, str) and value in NAMED_RANGES:
        return value
    if isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value):
        pair = (value[0], value[1])
        parse_pair(pair, ZoneInfo("UTC"))
        return pair
    raise ValueError(f"must be a pair of dates or of moments, or one of {', '.join(NAMED_RANGES)}")


class Pagination(_Strict):
    """Which of the ordered groups to return; without a limit, as many as a query may return."""

    limit: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    offset: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0


class Comparisons(_Strict):
    """The period to compare with, besides the one of the query."""

    mode: Literal["previous_period", "year_over_year", "custom"]
    date_range: Annotated[Any, PlainValidator(parse_range)] = None
    match_day_of_week: bool = False

    @model_validator(mode="after")
    def _say_the_range(self) -> Comparisons:
        if (self.mode == "custom") is (self.date_range is None):
            raise ValueError("`date_range` goes with the mode custom, and only with it")
        if self.mode == "custom" and self.match_day_of_week:
            raise ValueError("`match_day_of_week` does not go with the mode custom")
        return self


class Include(_Strict):
    """Optional parts of the answer."""

    total_rows: bool = False
    time_labels: bool = False
    comparisons: Comparisons | None = None
    comparison_time_labels: bool = False
    comparison_results: bool = False
    sql: bool = True

    @model_validator(mode="after")
    def _labels_of_something(self) -> Include:
        for name in ("comparison_time_labels", "comparison_results"):
            if getattr(self, name) and self.comparisons is None:
                raise ValueError(f"`{name}` needs `comparisons`")
        return self


class _QueryBody(_Strict):
    site_id: str
    metrics: Annotated[
        tuple[Annotated[str, _one_of("metric", tuple(METRICS))], ...],
        AfterValidator(_not_empty),
        AfterValidator(_no_repeats),
    ]
    date_range: Annotated[Any, PlainValidator(parse_range)]
    dimensions: Annotated[
        tuple[Annotated[str, AfterValidator(_check_dimension)], ...], AfterValidator(_no_repeats)
    ] = ()
    filters: Any = Field(default_factory=list)
    order_by: tuple[tuple[str, Literal["asc", "desc"]], ...] = ()
    pagination: Pagination = Pagination()
    include: Include = Include()


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key of the groups."""

    by: Metric | Dimension
    descending: bool


@dataclass(frozen=True, slots=True)
class Places:
    """JSON pointers, or names of parameters, of the values that only the engine can check."""

    limit: str = "/pagination/limit"
    comparisons: str = "/include/comparisons"


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A parsed query: these metrics for each group of the dimensions' values.

    `document` is the body with its defaults as JSON values, without `date_range`; the answer's `query` repeats it.
    `places` are where errors about the request point to.
    """

    site_id: str
    metrics: tuple[Metric, ...]
    date_range: DateRange
    dimensions: tuple[Dimension, ...] = ()
    filters: tuple[Filter, ...] = ()
    order_by: tuple[Order, ...] = ()
    pagination: Pagination = Pagination()
    include: Include = Include()
    document: Mapping[str, Any] = field(default_factory=dict)
    places: Places = Places()

    def grouped(self, metrics: Sequence[str], dimensions: Sequence[str] = ()) -> QueryRequest:
        """The same query for these metrics and dimensions, in their usual order."""
        measures, groups = tuple(METRICS[name] for name in metrics), tuple(map(_dimension, dimensions))
        return replace(self, metrics=measures, dimensions=groups, order_by=_order((), measures, groups))


def _bindable(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("a whole number beyond 64 bits; send it as a text")
    return value


SqlValue = Annotated[str | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None, BeforeValidator(_bindable)]


class SqlRequest(_Strict):
    """One SELECT statement over the site's rows, and the values of its parameters."""

    site_id: str
    sql: Annotated[str, StringConstraints(min_length=1, max_length=50_000)]
    parameters: tuple[SqlValue, ...] | dict[str, SqlValue] = ()


def query_schema() -> Mapping[str, Any]:
    """The JSON Schema of the body of `POST /api/query`."""
    return _QueryBody.model_json_schema()


def parse_query(body: bytes) -> QueryRequest:
    """Parse the body of `POST /api/query`. Raise InvalidRequest with the problems, RequestTooLarge."""
    query = parse_body(body, _QueryBody, MAX_BODY_BYTES, INVALID)
    reader = FilterReader()
    filters = reader.read(query.filters)
    metrics, dimensions = tuple(METRICS[name] for name in query.metrics), tuple(map(_dimension, query.dimensions))
    if problems := [*reader.problems, *_unknown_orders(query), *_without_goal(query, filters)]:
        raise refusal(problems, INVALID)
    return QueryRequest(
        query.site_id,
        metrics,
        query.date_range,
        dimensions,
        filters,
        _order(query.order_by, metrics, dimensions),
        query.pagination,
        query.include,
        query.model_dump(mode="json", exclude={"date_range"}),  # the answer has the resolved one
    )


def parse_sql(body: bytes) -> SqlRequest:
    """Parse the body of `POST /api/sql`. Raise InvalidRequest with the problems, RequestTooLarge."""
    return parse_body(body, SqlRequest, MAX_BODY_BYTES, INVALID)


def _order(
    order_by: Sequence[tuple[str, str]], metrics: Sequence[Metric], dimensions: Sequence[Dimension]
) -> tuple[Order, ...]:
    """The requested order, or by time and then by the first metric; the other dimensions make it total."""
    names: dict[str, Metric | Dimension] = {metric.name: metric for metric in metrics}
    names |= {dimension.name: dimension for dimension in dimensions}
    times = [(dimension.name, "asc") for dimension in dimensions if dimension.name.startswith("time:")]
    chosen = {name: Order(names[name], way == "desc") for name, way in order_by or (*times, (metrics[0].name, "desc"))}
    rest = [Order(dimension, False) for dimension in dimensions if dimension.name not in chosen]
    return (*chosen.values(), *rest)


def _unknown_orders(query: _QueryBody) -> Iterator[Problem]:
    for index, (name, _) in enumerate(query.order_by):
        if name not in (*query.metrics, *query.dimensions):
            yield Problem(f"/order_by/{index}/0", f"{name[:100]!r} is none of the query's metrics and dimensions")


def _without_goal(query: _QueryBody, filters: tuple[Filter, ...]) -> Iterator[Problem]:
    """A problem for each metric that needs a goal, if the query names none."""
    if GOAL in query.dimensions or any(isinstance(item, GoalComparison) for item in leaves(filters)):
        return
    for index, name in enumerate(query.metrics):
        if METRICS[name].needs & {Need.GOAL, Need.GOAL_OF_GROUP}:
            yield Problem(f"/metrics/{index}", f"{name} needs a filter or the dimension {GOAL}")


def _dimension(name: str) -> Dimension:
    dimension = dimension_named(name)
    assert dimension is not None, name
    return dimension
