"""Jobs that import rows, in a site's document: what all of them have, and those of CSV files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StringConstraints,
    TypeAdapter,
    model_validator,
)
from pydantic_core import SchemaError

from clickstream.problems import Place, refuse
from clickstream.sites.job_parts import (
    AnyJob,
    Connection,
    Container,
    Delimiter,
    Stream,
    Strict,
    TimestampFormat,
    first_character,
)
from clickstream.sites.limits import Few

# The forms of a timestamp at the end of a file's name, before its extension.
STAMP = re.compile(
    r"(?P<stamp>\d{4}(?:-\d\d-\d\d|\d{4})(?:[-_T]?\d\d(?:[-:]?\d\d(?:[-:]?\d\d)?)?)?|\d{13}|\d{10})\.csv(?:\.gz)?$"
)
# Fields of an event that columns can be mapped to; `properties` and `context` take a column of JSON objects.
MAPPED = (
    "anonymous_id", "consent", "context", "currency", "group_id", "ip", "language", "order_id", "page_title",
    "page_url", "previous_id", "properties", "referrer", "revenue", "session_id", "type", "user_agent", "user_id",
    "utm_campaign", "utm_content", "utm_medium", "utm_source", "utm_term",
)  # fmt: skip
Encoding = Literal["utf-8", "utf-16", "latin-1", "cp1252"]
Column = Annotated[str, StringConstraints(min_length=1, max_length=500)]


def _is_pattern(text: str) -> str:
    try:
        prefix_matcher(text)
    except SchemaError:
        raise ValueError(f"{text!r} is no regular expression of RE2") from None
    return text


def prefix_matcher(prefix: str) -> TypeAdapter[str]:
    """Validates the part of a path before the timestamp. Rust's regular expressions take linear time."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{prefix})$")])


class Source(Strict):
    """The blob container, and the file or files, that an import reads."""

    connection: Connection = Field(
        description="Name of the connection: the app's settings CONNECTION_<NAME> say how to reach the account."
    )
    container: Container = Field(description="The container.")
    file: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        description="Path of the file, or of the first one of a sequence; compressed if it ends in .gz."
    )
    prefix: Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_is_pattern)] | None = Field(
        default=None,
        description="Regular expression of RE2 that matches a path up to its timestamp; none: what the path of `file` "
        "has before it.",
    )
    delimiter: Annotated[Delimiter, BeforeValidator(first_character)] = Field(
        default=",", description="What separates columns: the first character; t is a tab."
    )
    encoding: Encoding | None = Field(
        default=None,
        description="utf-8, utf-16, latin-1 or cp1252, unless the file has a byte order mark of another one; none: "
        "utf-16 if the first character shows it, else utf-8.",
    )


class RowImport(AnyJob):
    """What rows of any source become."""

    event: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None, description="Name of the events; none: the stream."
    )
    event_field: Column | None = Field(default=None, description="Column with the name of each event.")
    fields: Annotated[tuple[Column, ...], Few] = Field(
        default=(), description="Columns that become properties; none: all that nothing else uses."
    )
    map: dict[Literal[MAPPED], Column] = Field(  # type: ignore[valid-type]
        default_factory=dict, description="Columns of other fields of an event, such as `user_id: customer_no`."
    )
    max_bad_rows: Annotated[StrictFloat, Field(ge=0, le=1)] = Field(
        default=0.01, description="Share of rows that cannot be read at which a run fails, from the hundredth on."
    )

    def problems_of_rows(self) -> Iterator[tuple[Place, str]]:
        """Options of rows that do not fit one another."""
        if self.event is not None and self.event_field is not None:
            yield ("event",), "excludes `event_field`"
        if len(set(self.fields)) < len(self.fields):
            yield ("fields",), "names a column twice"

    @property
    def columns_of_rows(self) -> list[tuple[str, Column]]:
        """Each column that these options name, with the option."""
        named = [("event_field", name) for name in (self.event_field,) if name is not None]
        named += [("fields", name) for name in self.fields]
        return named + [(f"map/{field}", column) for field, column in self.map.items()]


class CsvImport(RowImport):
    """Imports the rows of CSV files as events of the site."""

    kind: ClassVar[str] = "import-csv"

    what: Literal["csv"] = Field(alias="import", description="What is imported.")
    source: Source = Field(alias="from", description="Where the files are.")
    stream: Stream = Field(description="Stream of the events.")
    timestamp_field: Column | None = Field(
        default=None, description="Column with the time of each event; none: the time of the import."
    )
    timestamp_format: TimestampFormat | None = Field(
        default=None,
        description="Format of these times: yyyy, MM, dd, HH, mm, ss, with - _ . T between them; none: ISO 8601, or "
        "Unix seconds (10 digits) or milliseconds (13). Times without an offset are of the job's time zone.",
    )
    event_id: Annotated[tuple[Column, ...], Few] = Field(
        default=(),
        description="Columns whose values make the id of an event, so that the same values are one event in all files; "
        "none: the file and the line.",
    )
    diff: StrictBool = Field(
        default=False, description="Whether only rows are imported that the last complete file did not have."
    )
    when_missing: Literal["stop", "wait"] = Field(
        default="stop", description="What a run does that finds no further file: stops the job, or waits."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        yield from self.problems_of_rows()
        if self.keep_updated is not None and STAMP.search(self.source.file) is None:
            yield (
                ("from", "file"),
                "needs a timestamp before .csv, such as 20260301 or 2026-03-01T06:00:00: it orders the files",
            )
        if self.timestamp_format is not None and self.timestamp_field is None:
            yield ("timestamp_format",), "needs `timestamp_field`"
        if self.diff and self.keep_updated is None:
            yield ("diff",), "needs `keep_updated`: one file has nothing to be compared with"
        if len(set(self.event_id)) < len(self.event_id):
            yield ("event_id",), "names a column twice"

    @property
    def connection(self) -> str:
        """The connection that the job uses."""
        return self.source.connection
