"""The T-SQL of an import of a table: pure text, golden in tests.

No statement has parameters: the server runs one with parameters as a procedure of its own, and a temporary table that
is made in a procedure ends with it. So literals are written here, of checked forms only, and names are quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from clickstream.sites.table_imports import TableSource

# The column with the exact text of the timestamp, which Python's and Arrow's times, of microseconds, do not hold.
TEXT = "__t"
ROWVERSION = ("timestamp", "rowversion")
# Digits of a fraction of a second, by type.
_DIGITS = {"datetime": 3, "smalldatetime": 0, "datetime2": 7, "datetimeoffset": 7, "date": 0}
TIMES = tuple(_DIGITS)
ORDERED = (*TIMES, *ROWVERSION)
# What has no form as a value of an event.
UNREADABLE = ("sql_variant", "hierarchyid", "geography", "geometry", "image", "xml", "json", "vector")
LOCK_TIMEOUT_MS = 30_000
PREPARE = f"SET LOCK_TIMEOUT {LOCK_TIMEOUT_MS}; SET NOCOUNT ON;"
NOW = "SELECT CONVERT(nvarchar(27), SYSUTCDATETIME(), 121) AS [now];"
LEAST_OPEN = "SELECT CONVERT(nvarchar(18), MIN_ACTIVE_ROWVERSION(), 1) AS [now];"


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column and its type, as INFORMATION_SCHEMA names it."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """The rows of one pass. `upper` is the server's time or row version at the beginning of the run, as text.

    `after` is the text of the last row before the pass, None at the beginning of the table. With `overlaps` the pass
    has rows of the overlap before it, too.
    """

    upper: str
    after: str | None = None
    overlaps: bool = False


def quoted(name: str) -> str:
    """A name of a table or column."""
    return f"[{name.replace(']', ']]')}]"


def literal(text: str) -> str:
    """A text."""
    return "N'" + text.replace("'", "''") + "'"


def columns_of(source: TableSource) -> str:
    """Asks for the table's columns, in order."""
    schema, table = source.names
    return (
        "SELECT COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS "
        f"WHERE TABLE_SCHEMA = {literal(schema)} AND TABLE_NAME = {literal(table)} ORDER BY ORDINAL_POSITION;"
    )


class TableStatements:
    """The statements of one run."""

    def __init__(self, source: TableSource, columns: Sequence[SqlColumn], selected: Sequence[str], name: str) -> None:
        """`columns` are the table's, `selected` those that are imported; `name` is the temporary table's."""
        kinds = {column.name: column.kind for column in columns}
        self._source, self._selected, self._name = source, selected, name
        self._order = source.timestamp_column
        self._kind = kinds[self._order]
        self._zone = ZoneInfo(source.column_time_zone)
        self._table = ".".join(map(quoted, source.names))
        self._time = source.timestamp_column if self._kind not in ROWVERSION else source.record_timestamp_column
        self._time_kind = kinds[self._time] if self._time is not None else None

    @property
    def is_rowversion(self) -> bool:
        """Whether rows are ordered by a row version, which follows the order of commits."""
        return self._kind in ROWVERSION

    @property
    def now(self) -> str:
        """Asks for the upper bound of a run."""
        return LEAST_OPEN if self.is_rowversion else NOW

    def counts(self, upper: str) -> str:
        """Asks how many rows have no timestamp, and how many have one after the upper bound."""
        order = quoted(self._order)
        return (
            f"SELECT (SELECT COUNT_BIG(*) FROM {self._table} WHERE {order} IS NULL) AS [undated], "
            f"(SELECT COUNT_BIG(*) FROM {self._table} WHERE {order} > {self._upper(upper)}) AS [later];"
        )

    def undated(self) -> str:
        """Copies rows without a timestamp to the temporary table, at most those of one pass."""
        return (
            f"SELECT TOP ({self._source.rows_per_pass}) {self._list}, CONVERT(nvarchar(40), NULL) AS {quoted(TEXT)} "
            f"INTO {self._name} FROM {self._table} WHERE {quoted(self._order)} IS NULL;"
        )

    def dated(self, bounds: Bounds) -> str:
        """Copies the rows of a pass to the temporary table: the oldest, and all that have the time of the last one.

        One statement selects and orders, so it sees one state of the table.
        """
        order = quoted(self._order)
        text = f"CONVERT(nvarchar(40), {order}, 121)"
        if self.is_rowversion:
            text = f"CONVERT(nvarchar(18), {order}, 1)"
        elif self._kind == "datetimeoffset":  # equal times have equal texts
            text = f"CONVERT(nvarchar(40), SWITCHOFFSET({order}, N'+00:00'), 121)"
        return (
            f"SELECT TOP ({self._source.rows_per_pass}) WITH TIES {self._list}, "
            f"{text} AS {quoted(TEXT)} INTO {self._name} FROM {self._table} "
            f"WHERE {' AND '.join(self._conditions(bounds))} ORDER BY {order};"
        )

    def rows(self) -> str:
        """Reads the temporary table, oldest first."""
        orders = [self._order, *(name for name in self._source.key if name != self._order)]
        return f"SELECT {self._list}, {quoted(TEXT)} FROM {self._name} ORDER BY {', '.join(map(quoted, orders))};"

    def drop(self) -> str:
        """Ends the temporary table."""
        return f"DROP TABLE {self._name};"

    @property
    def _list(self) -> str:
        return ", ".join(map(quoted, self._selected))

    def _conditions(self, bounds: Bounds) -> list[str]:
        order = quoted(self._order)
        found = []
        if self._source.since is not None and self._time is not None and self._time_kind is not None:
            since = self._moment(self._source.since, self._time_kind, 7)
            found.append(f"{quoted(self._time)} > {since}")
        if bounds.after is not None:
            value = bounds.after if self.is_rowversion else self._converted(bounds.after, self._kind)
            if bounds.overlaps and not self.is_rowversion:
                found.append(f"{order} >= {self._before(value)}")
            else:
                found.append(f"{order} > {value}")
        found.append(f"{order} {'<' if self.is_rowversion else '<='} {self._upper(bounds.upper)}")
        return found

    def _before(self, value: str) -> str:
        """A time and the overlap before it. Clocks of a zone that is not UTC may show an hour twice."""
        minutes = self._source.overlap_minutes + (0 if self._source.column_time_zone == "UTC" else 60)
        if self._kind == "date":
            return f"DATEADD(day, -{-(-minutes // 1440)}, {value})"
        return f"DATEADD(minute, -{minutes}, {value})"

    def _upper(self, text: str) -> str:
        return text if self.is_rowversion else self._moment(text, self._kind, _DIGITS[self._kind])

    def _moment(self, utc: str, kind: str, digits: int) -> str:
        """A time of UTC, on the column's clocks and with so many digits, as a value to compare the column with."""
        whole, _, fraction = utc.partition(".")
        local = datetime.fromisoformat(whole).replace(tzinfo=UTC)
        if kind == "datetimeoffset":
            return self._converted(f"{whole}.{fraction:0<7} +00:00", kind)
        text = f"{local.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        if kind == "date" and digits == 0:
            return self._converted(text[:10], kind)
        if digits == 7:  # finer than the column's own type may be
            return self._converted(f"{text}.{fraction:0<7}", "datetime2")
        return self._converted(text if digits == 0 else f"{text}.{fraction[:digits]:0<{digits}}", kind)

    @staticmethod
    def _converted(text: str, kind: str) -> str:
        precise = f"{kind}(7)" if kind in ("datetime2", "datetimeoffset") else kind
        return f"CONVERT({precise}, {literal(text)}, 121)"
