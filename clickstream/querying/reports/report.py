"""What a report is: a name, the parameters it takes, the columns it answers, and how it finds its rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from clickstream.querying.dimensions import DIMENSIONS, GOAL, PROPERTY, Dimension, Kind, dimension_named
from clickstream.querying.period import Period
from clickstream.querying.request import QueryRequest, parse_query
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement
from clickstream.sites.document import Site

if TYPE_CHECKING:
    from clickstream.querying.engine import QueryEngine


MAX_JSON_CHARACTERS = 65_536


class ColumnType(StrEnum):
    """What a column's cells are. A moment is ISO 8601 in JSON and CSV, a timestamp in UTC in Arrow and Parquet."""

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
    """One parameter of the query string. `read` takes its text, or the default's, and raises ValueError with what is
    wrong; where there is neither, the value is None.
    """

    name: str
    description: str
    read: Callable[[str], Any]
    default: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """What a report found. `meta` is told beside what every answer tells."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    statement: Statement | None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about a site, and the engine that knows.

    `common` is the part of a query's body that all reports are asked alike. `own` are the values of the report's own
    parameters. `period` is the range that it says; `complete_until` was read before any row.
    """

    engine: QueryEngine
    site: Site
    scope: SiteScope
    common: Mapping[str, Any]
    own: Mapping[str, Any]
    period: Period
    complete_until: datetime | None
    now: datetime

    def query(self, metrics: Sequence[str] = ("events",), **more: Any) -> QueryRequest:
        """What is asked alike, as a query for these metrics; `more` are further keys of its body."""
        return parse_query(orjson.dumps({**self.common, "metrics": list(metrics), **more}))


@dataclass(frozen=True, slots=True)
class Report:
    """`takes` names the common parameters that mean something to it, beside the site and the form.

    `run` raises InvalidRequest, LimitExceeded, Unavailable. What is `personal` tells of single visits or events; it is
    nothing for who may see sums alone.
    """

    name: str
    description: str
    columns: Sequence[Column]
    run: Callable[[Asked], Rows]
    takes: frozenset[str]
    parameters: Sequence[Parameter] = ()
    personal: bool = False


def text_dimension(text: str) -> Dimension:
    """Reads the name of a dimension whose values are texts, one for each event."""
    dimension = dimension_named(text)
    if dimension is None or dimension.kind is not Kind.TEXT or dimension.name == GOAL:
        known = ", ".join(name for name, found in DIMENSIONS.items() if found.kind is Kind.TEXT and name != GOAL)
        raise ValueError(f"unknown dimension {text[:100]!r}; known are {known}, {PROPERTY}<name>")
    return dimension


def one_of(*choices: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return read


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number within bounds, both included."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def read_json(text: str, example: str) -> Any:
    """Reads JSON of a length that a query string may have."""
    if len(text) > MAX_JSON_CHARACTERS:
        raise ValueError(f"has more than {MAX_JSON_CHARACTERS} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"must be JSON, such as {example}") from None


def switch(text: str) -> bool:
    """Reads `1` and `0`, `true` and `false`."""
    if text not in ("0", "1", "false", "true"):
        raise ValueError("must be 1 or 0")
    return text in ("1", "true")


def short_text(text: str) -> str:
    """Reads any text that is there and not of unreasonable length."""
    if not 1 <= len(text) <= 2000:
        raise ValueError("must be a text of 1 to 2000 characters")
    return text
