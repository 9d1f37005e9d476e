"""What callers may ask, checked at the border: every problem at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    model_validator,
)

from clickstream.errors import InvalidRequest, RequestTooLarge
from clickstream.querying.dimensions import GOAL, KNOWN, Dimension, dimension_named
from clickstream.querying.filters import Filter, FilterReader, GoalComparison, Problem, leaves
from clickstream.querying.metrics import METRICS, Metric, Need
from clickstream.querying.period import NAMED_RANGES, DateRange, parse_pair

MAX_BODY_BYTES = 65_536
SHOWN_PROBLEMS = 10


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _known(what: str, names: Sequence[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"unknown {what} {name[:100]!r}; known are {', '.join(names)}")
        return name

    return AfterValidator(check)


def _known_dimension(name: str) -> str:
    if dimension_named(name) is None:
        raise ValueError(f"unknown dimension {name[:100]!r}; known are {KNOWN}")
    return name


def _not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    # Not a length of the field: that would count only the names that are known.
    if not names:
        raise ValueError("needs at least one")
    return names


def _no_repeats(names: tuple[str, ...]) -> tuple[str, ...]:
    if len({name.casefold() for name in names}) < len(names):  # SQL does not tell properties apart by case
        raise ValueError("names one twice")
    return names


def _date_range(value: Any) -> DateRange:
    if isinstance(value, str) and value in NAMED_RANGES:
        return value
    if isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) for text in value):
        pair = (value[0], value[1])
        parse_pair(pair, ZoneInfo("UTC"))
        return pair
    raise ValueError(f"must be a pair of dates or of moments, or one of {', '.join(NAMED_RANGES)}")


class Pagination(_Strict):
    """Which of the ordered groups are answered; without a limit, as many as a query may return."""

    limit: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    offset: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0


class Comparisons(_Strict):
    """Which other period is told beside the one that is asked for."""

    mode: Literal["previous_period", "year_over_year", "custom"]
    date_range: Annotated[Any, PlainValidator(_date_range)] = None

    @model_validator(mode="after")
    def _say_the_range(self) -> Comparisons:
        if (self.mode == "custom") is (self.date_range is None):
            raise ValueError("`date_range` goes with the mode custom, and only with it")
        return self


class Include(_Strict):
    """What is told on request."""

    total_rows: bool = False
    time_labels: bool = False
    comparisons: Comparisons | None = None
    comparison_time_labels: bool = False

    @model_validator(mode="after")
    def _labels_of_something(self) -> Include:
        if self.comparison_time_labels and self.comparisons is None:
            raise ValueError("`comparison_time_labels` needs `comparisons`")
        return self


class _QueryBody(_Strict):
    site_id: str
    metrics: Annotated[
        tuple[Annotated[str, _known("metric", tuple(METRICS))], ...],
        AfterValidator(_not_empty),
        AfterValidator(_no_repeats),
    ]
    date_range: Annotated[Any, PlainValidator(_date_range)]
    dimensions: Annotated[
        tuple[Annotated[str, AfterValidator(_known_dimension)], ...], AfterValidator(_no_repeats)
    ] = ()
    filters: Any = Field(default_factory=list)
    order_by: tuple[tuple[str, Literal["asc", "desc"]], ...] = ()
    pagination: Pagination = Pagination()
    include: Include = Include()


@dataclass(frozen=True, slots=True)
class Order:
    """One step of the order of the groups."""

    by: Metric | Dimension
    descending: bool


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A report: these metrics, for each group of the dimensions' values."""

    site_id: str
    metrics: tuple[Metric, ...]
    date_range: DateRange
    dimensions: tuple[Dimension, ...]
    filters: tuple[Filter, ...]
    order_by: tuple[Order, ...]
    pagination: Pagination
    include: Include
    asked: Mapping[str, Any]


def _bindable(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("a whole number beyond 64 bits; send it as a text")
    return value


SqlValue = Annotated[str | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None, BeforeValidator(_bindable)]


class SqlRequest(_Strict):
    """One SELECT statement over the site's own rows, and the values of its parameters."""

    site_id: str
    sql: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    parameters: tuple[SqlValue, ...] | dict[str, SqlValue] = ()


def query_schema() -> Mapping[str, Any]:
    """The JSON Schema of the body of `POST /api/query`."""
    return _QueryBody.model_json_schema()


Body = TypeVar("Body", bound=BaseModel)


def parse_query(body: bytes) -> QueryRequest:
    """Read the body of `POST /api/query`. Raise InvalidRequest with every problem, RequestTooLarge."""
    reader = FilterReader()
    asked, problems = _validate(_QueryBody, body)
    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    if asked is not None:
        filters = reader.read(asked.filters)
        problems.extend(reader.problems)
        order, wrong = _order(asked)
        problems.extend(wrong)
        problems.extend(_without_goal(asked, filters))
    if asked is None or problems:
        raise _refusal(problems)
    return QueryRequest(
        asked.site_id,
        tuple(METRICS[name] for name in asked.metrics),
        asked.date_range,
        tuple(map(_dimension, asked.dimensions)),
        filters,
        order,
        asked.pagination,
        asked.include,
        asked.model_dump(mode="json", exclude={"date_range"}),  # the answer tells the resolved one
    )


def parse_sql(body: bytes) -> SqlRequest:
    """Read the body of `POST /api/sql`. Raise InvalidRequest with every problem, RequestTooLarge."""
    asked, problems = _validate(SqlRequest, body)
    if asked is None:
        raise _refusal(problems)
    return asked


def _validate(model: type[Body], body: bytes) -> tuple[Body | None, list[Problem]]:
    if len(body) > MAX_BODY_BYTES:
        raise RequestTooLarge(f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        return model.model_validate_json(body), []
    except ValidationError as error:
        return None, [
            Problem(
                "".join(f"/{_escaped(part)}" for part in problem["loc"]), problem["msg"].removeprefix("Value error, ")
            )
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]


def _order(asked: _QueryBody) -> tuple[tuple[Order, ...], list[Problem]]:
    """The order asked for, else by time and then by the first metric; made total by the other dimensions."""
    chosen: dict[str, Order] = {}
    problems: list[Problem] = []
    times = [name for name in asked.dimensions if name.startswith("time:")]
    default = (*((name, "asc") for name in times), (asked.metrics[0], "desc"))
    for index, (name, direction) in enumerate(asked.order_by or default):
        if name in asked.metrics:
            chosen[name] = Order(METRICS[name], direction == "desc")
        elif name in asked.dimensions:
            chosen[name] = Order(_dimension(name), direction == "desc")
        else:
            problems.append(
                Problem(f"/order_by/{index}/0", f"{name[:100]!r} is none of the query's metrics and dimensions")
            )
    rest = [Order(_dimension(name), False) for name in asked.dimensions if name not in chosen]
    return (*chosen.values(), *rest), problems


def _without_goal(asked: _QueryBody, filters: tuple[Filter, ...]) -> Iterator[Problem]:
    """Metrics of a goal, where the query names none."""
    if GOAL in asked.dimensions or any(isinstance(item, GoalComparison) for item in leaves(filters)):
        return
    for index, name in enumerate(asked.metrics):
        if METRICS[name].needs & {Need.GOAL, Need.GOAL_OF_GROUP}:
            yield Problem(f"/metrics/{index}", f"{name} needs a filter or the dimension {GOAL}")


def _dimension(name: str) -> Dimension:
    dimension = dimension_named(name)
    assert dimension is not None, name
    return dimension


def _refusal(problems: Sequence[Problem]) -> InvalidRequest:
    told = [f"{problem.pointer or '/'}: {problem.message}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        told.append(f"and {len(problems) - SHOWN_PROBLEMS} more problems")
    return InvalidRequest("; ".join(told), code="invalid_query", pointer=problems[0].pointer)


def _escaped(part: int | str) -> str:
    """A token of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
