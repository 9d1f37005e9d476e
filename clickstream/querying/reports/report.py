"""What a report is: a name, its parameters, its columns, and the function that returns its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from clickstream.filters.dimensions import DIMENSIONS, GOAL, PROPERTY, Dimension, Kind, dimension_named
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement

if TYPE_CHECKING:
    from clickstream.querying.engine import QueryEngine


MAX_JSON_CHARACTERS = 65_536


class ColumnType(StrEnum):
    """Type of a column's cells. A moment is ISO 8601 in JSON and CSV, a timestamp in UTC in Arrow and Parquet."""

    TEXT = "text"
    TEXTS = "texts"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an answer."""

    name: str
    type: ColumnType
    description: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query string. `read` parses its text, or the default, and raises ValueError with what is
    wrong. Without a text and a default, the value is None.
    """

    name: str
    description: str
    read: Callable[[str], Any]
    default: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Result of a report. `meta` is added to the keys that every answer's `meta` has."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    statement: Statement | None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What a report runs with: the engine, the site, and the values of the parameters.

    `query` has the values of the common parameters, and no metrics. `own` has those of the report's own parameters by
    name. `period` is the query's `date_range`, resolved; `complete_until` was read before any row.
    """

    engine: QueryEngine
    site: SiteScope
    query: QueryRequest
    own: Mapping[str, Any]
    period: Period
    complete_until: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """`takes` names the common parameters that apply to it, besides the site and the format.

    `run` raises InvalidRequest, LimitExceeded, Unavailable. The rows of a `personal` report describe single visits or
    events. A `shared` report is open to share keys, too: its numbers cover groups that are large enough.
    """

    name: str
    description: str
    columns: Sequence[Column]
    run: Callable[[ReportContext], Rows]
    takes: frozenset[str]
    parameters: Sequence[Parameter] = ()
    personal: bool = False
    shared: bool = False


def text_dimension(text: str) -> Dimension:
    """Parse the name of a dimension whose values are texts, one for each event. Raise ValueError for any other."""
    dimension = dimension_named(text)
    if dimension is None or dimension.kind is not Kind.TEXT or dimension.name == GOAL:
        names = ", ".join(name for name, other in DIMENSIONS.items() if other.kind is Kind.TEXT and name != GOAL)
        raise ValueError(f"unknown dimension {text[:100]!r}; known are {names}, {PROPERTY}<name>")
    return dimension


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader that accepts one of these words; it raises ValueError for any other."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return read


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers within bounds, both included; it raises ValueError for anything else."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def read_json(text: str, example: str) -> Any:
    """Parse JSON of at most `MAX_JSON_CHARACTERS`. Raise ValueError for anything else, for infinities and for NaN."""
    if len(text) > MAX_JSON_CHARACTERS:
        raise ValueError(f"has more than {MAX_JSON_CHARACTERS} characters")
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise ValueError(f"must be JSON, such as {example}") from None


def switch(text: str) -> bool:
    """Parse `1` and `0`, `true` and `false`. Raise ValueError for anything else."""
    if text not in ("0", "1", "false", "true"):
        raise ValueError("must be 1 or 0")
    return text in ("1", "true")


def short_text(text: str) -> str:
    """Return a text of 1 to 2000 characters. Raise ValueError for any other."""
    if not 1 <= len(text) <= 2000:
        raise ValueError("must be a text of 1 to 2000 characters")
    return text
