"""A query as it is asked, checked: in the shape that users know from Plausible's Stats API v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clickstream.collecting.json_values import bounded, escape
from clickstream.errors import InvalidRequest
from clickstream.querying.semantics import DIMENSIONS, METRICS

MAX_FILTER_DEPTH = 8
MAX_CLAUSES = 100
OPERATORS = ("is", "is_not", "contains", "contains_not")


@dataclass(frozen=True, slots=True)
class Clause:
    """A dimension compared with values."""

    operator: str
    dimension: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Filters joined: `and`, `or`, or one negated by `not`."""

    operator: str
    filters: tuple[Filter, ...]


Filter = Clause | Group


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Pagination(_Strict):
    limit: Annotated[int, Field(ge=1)] | None = None
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0


class Include(_Strict):
    total_rows: bool = False


M = TypeVar("M", bound=BaseModel)
Text = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(_Strict):
    site_id: Text
    metrics: Annotated[list[Text], Field(min_length=1, max_length=20)]
    date_range: Text | Annotated[list[Text], Field(min_length=2, max_length=2)] = "all"
    dimensions: Annotated[list[Text], Field(max_length=8)] = Field(default_factory=list)
    filters: Annotated[list[Any], Field(max_length=MAX_CLAUSES)] = Field(default_factory=list)
    order_by: Annotated[list[list[Text]], Field(max_length=20)] = Field(default_factory=list)
    pagination: Pagination = Pagination()
    include: Include = Include()


class SqlRequest(_Strict):
    """Free SQL over one site's rows."""

    site_id: Text
    sql: Annotated[str, Field(min_length=1, max_length=20_000)]
    parameters: list[str | int | float | bool | None] | dict[str, str | int | float | bool | None] | None = None


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A query that can be answered: every name in it is known."""

    site_id: str
    metrics: tuple[str, ...]
    date_range: str | tuple[str, ...]
    dimensions: tuple[str, ...]
    filters: tuple[Filter, ...]
    order_by: tuple[tuple[str, Literal["asc", "desc"]], ...]
    limit: int | None
    offset: int
    total_rows: bool


def parse_query(body: object) -> QueryRequest:
    """Raise InvalidRequest with the pointer to the first problem, and all of them in the message."""
    checked = _validated(_Body, body)
    _known("metrics", checked.metrics, METRICS)
    _known("dimensions", checked.dimensions, DIMENSIONS)
    counter = [0]
    filters = tuple(_filter(item, f"/filters/{index}", 1, counter) for index, item in enumerate(checked.filters))
    return QueryRequest(
        site_id=checked.site_id,
        metrics=tuple(checked.metrics),
        date_range=checked.date_range if isinstance(checked.date_range, str) else tuple(checked.date_range),
        dimensions=tuple(checked.dimensions),
        filters=filters,
        order_by=tuple(_order(item, index, checked) for index, item in enumerate(checked.order_by)),
        limit=checked.pagination.limit,
        offset=checked.pagination.offset,
        total_rows=checked.include.total_rows,
    )


def parse_sql(body: object) -> SqlRequest:
    """Raise InvalidRequest with the pointer to the first problem, and all of them in the message."""
    return _validated(SqlRequest, body)


def _validated(model: type[M], body: object) -> M:
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be an object", pointer="")
    bounded(body)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        told = "; ".join(f"{'/'.join(map(str, p['loc'])) or 'body'}: {p['msg']}" for p in problems[:10])
        pointer = "".join(f"/{escape(str(step))}" for step in problems[0]["loc"])
        raise InvalidRequest(told, pointer=pointer) from None


def _known(field: str, names: Sequence[str], known: Mapping[str, object]) -> None:
    for index, name in enumerate(names):
        if name not in known:
            message = f"{field}: {name!r} is not known; known: {', '.join(known)}"
            raise InvalidRequest(message, pointer=f"/{field}/{index}")


def _filter(item: object, pointer: str, depth: int, counter: list[int]) -> Filter:
    counter[0] += 1
    if depth > MAX_FILTER_DEPTH or counter[0] > MAX_CLAUSES:
        raise InvalidRequest(f"filters: at most {MAX_CLAUSES}, {MAX_FILTER_DEPTH} deep", pointer=pointer)
    match item:
        case ["and" | "or" as operator, list() as inner] if inner:
            filters = tuple(_filter(each, f"{pointer}/1/{i}", depth + 1, counter) for i, each in enumerate(inner))
            return Group(operator, filters)
        case ["not", inner]:
            return Group("not", (_filter(inner, f"{pointer}/1", depth + 1, counter),))
        case [str() as operator, str() as name, list() as values]:
            return _clause(operator, name, values, pointer)
    raise InvalidRequest(
        'filters: a filter is [operator, dimension, [values]], ["and" or "or", [filters]] or ["not", filter]',
        pointer=pointer,
    )


def _clause(operator: str, name: str, values: Sequence[object], pointer: str) -> Clause:
    if operator not in OPERATORS:
        raise InvalidRequest(
            f"filters: {operator!r} is no operator; known: {', '.join(OPERATORS)}, and, or, not", pointer=f"{pointer}/0"
        )
    known = [dimension.name for dimension in DIMENSIONS.values() if dimension.filterable]
    if name not in known:
        raise InvalidRequest(f"filters: {name!r} cannot be filtered; known: {', '.join(known)}", pointer=f"{pointer}/1")
    if not values or not all(isinstance(value, str) for value in values):
        raise InvalidRequest("filters: values are one or more strings", pointer=f"{pointer}/2")
    return Clause(operator, name, tuple(str(value) for value in values))


def _order(item: Sequence[str], index: int, body: _Body) -> tuple[str, Literal["asc", "desc"]]:
    asked = [*body.metrics, *body.dimensions]
    match item:
        case [name, "asc" | "desc" as direction] if name in asked:
            return name, direction
    raise InvalidRequest(
        f'order_by: an order is [name, "asc" or "desc"] of what is asked: {", ".join(asked)}',
        pointer=f"/order_by/{index}",
    )
