"""Jobs that import a table of Azure SQL, in a site's document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StringConstraints, model_validator

from clickstream.problems import Place, refuse
from clickstream.sites.imports import Column, RowImport
from clickstream.sites.job_parts import Connection, Stream, Strict
from clickstream.sites.limits import Few
from clickstream.sites.zones import Zone

DEFAULT_SCHEMA = "dbo"
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _as_written(value: object) -> object:
    """YAML reads an unquoted moment as one."""
    return value.replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value


def _is_moment(text: str) -> str:
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        raise ValueError(f"{text!r} is no moment") from None
    return text


Since = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,7})?$"),
    BeforeValidator(_as_written),
    AfterValidator(_is_moment),
]


class TableSource(Strict):
    """The table, and how its rows are ordered and selected."""

    connection: Connection = Field(
        description="Name of the connection: the app's settings CONNECTION_<NAME> say how to reach the database."
    )
    table: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f.]{1,128}(\.[^\x00-\x1f\x7f.]{1,128})?$")] = (
        Field(description="The table or view, with its schema unless that is dbo, such as sales.orders.")
    )
    timestamp_column: Name = Field(
        description="Column that orders the rows and tells new and changed ones: datetime, datetime2, datetimeoffset, "
        "smalldatetime, date, or rowversion."
    )
    record_timestamp_column: Name | None = Field(
        default=None,
        description="Column with the time of each event; none: the timestamp column. Required with a rowversion.",
    )
    since: Since | None = Field(
        default=None,
        description="Only rows after this moment of UTC are imported, YYYY-MM-DD HH:MM:SS with up to seven digits of a "
        "second; none: all.",
    )
    key: Annotated[tuple[Name, ...], Few] = Field(
        default=(),
        description="Columns that name a row, such as the primary key. With the timestamp they make the id of an "
        "event; none: all imported columns do.",
    )
    column_time_zone: Zone = Field(
        default="UTC", description="IANA time zone of columns that have no offset of their own."
    )
    overlap_minutes: Annotated[StrictInt, Field(ge=0, le=10_080)] = Field(
        default=10,
        description="How long before the last row a run begins again, for rows whose transaction ended late; an hour "
        "more if the column's zone is not UTC.",
    )
    rows_per_pass: Annotated[StrictInt, Field(ge=1, le=5_000_000)] = Field(
        default=500_000, description="Rows that are copied to the temporary table at once."
    )
    query_timeout_minutes: Annotated[StrictInt, Field(ge=1, le=8)] = Field(
        default=5, description="How long one statement may take."
    )

    @property
    def names(self) -> tuple[str, str]:
        """Schema and table."""
        schema, _, table = self.table.rpartition(".")
        return schema or DEFAULT_SCHEMA, table


class SqlImport(RowImport):
    """Imports the rows of a table of Azure SQL or SQL Server as events of the site."""

    kind: ClassVar[str] = "import-sql"

    what: Literal["sql"] = Field(alias="import", description="What is imported.")
    source: TableSource = Field(alias="from", description="Where the rows are.")
    stream: Stream = Field(default="azuresql_activity", description="Stream of the events.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        yield from self.problems_of_rows()
        if len(set(self.source.key)) < len(self.source.key):
            yield ("from", "key"), "names a column twice"

    @property
    def connection(self) -> str:
        """The connection that the job uses."""
        return self.source.connection

    @property
    def columns(self) -> list[tuple[str, Column]]:
        """Each column that the job names, with the option."""
        source = self.source
        named = [("from/timestamp_column", source.timestamp_column)]
        named += [("from/record_timestamp_column", name) for name in (source.record_timestamp_column,) if name]
        named += [("from/key", name) for name in source.key]
        return [*named, *self.columns_of_rows]
