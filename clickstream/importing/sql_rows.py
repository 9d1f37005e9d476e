"""Turns rows of a table into events, with ids that follow from the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from clickstream.importing.mapping import DOCUMENTS, BadRow, check_columns, json_object, packed, uuid8
from clickstream.importing.sql_statements import ORDERED, ROWVERSION, TEXT, TIMES, UNREADABLE, SqlColumn
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.sites.table_imports import SqlImport

if TYPE_CHECKING:
    import pyarrow as pa

# Greater integers are no exact numbers in JSON as most programs read it.
EXACT = 2**53


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row on its way: its event, or the problem for which it is none. `text` is that of its timestamp."""

    text: str | None
    event: Mapping[str, Any] | None
    problem: str | None
    original: bytes
    failed_id: str


def selected_columns(job: SqlImport, columns: Sequence[SqlColumn]) -> list[str]:
    """The columns that the job imports, in the table's order. Raise JobFailed if an option does not fit the table."""
    source = job.source
    if not columns:
        message = f"there is no table {source.table} in the database, or its user may not see it"
        raise JobFailed(Actor.OTHER_SIDE, "no_table", message)
    names, kinds = [column.name for column in columns], {column.name: column.kind for column in columns}
    check_columns(job.columns, names, source.table)
    named = {name for option, name in job.columns if option != "fields"}
    wanted = named | set(job.fields or names)
    record = source.record_timestamp_column
    problems = []
    if kinds[source.timestamp_column] not in ORDERED:
        problems.append(f"from/timestamp_column: its type is none of {', '.join((*TIMES, 'rowversion'))}")
    if record is not None and kinds[record] not in TIMES:
        problems.append(f"from/record_timestamp_column: its type is none of {', '.join(TIMES)}")
    if kinds[source.timestamp_column] in ROWVERSION and record is None:
        problems.append("from/record_timestamp_column: is required, because a rowversion is no time")
    if unread := [column.name for column in columns if column.name in wanted and column.kind in UNREADABLE]:
        problems.append(f"fields: {', '.join(unread)} cannot be imported; name `fields` without them")
    if problems:
        raise JobFailed(Actor.AUTHOR, "job_definition", "; ".join(problems))
    return [name for name in names if name in wanted]


class TableMapper:
    """Maps the rows of one table. `at` is the time of the import, which rows without a timestamp have."""

    def __init__(self, job: SqlImport, site: str, columns: Sequence[SqlColumn], at: datetime) -> None:
        self._job, self._at = job, at
        self._selected = selected_columns(job, columns)
        kinds = {column.name: column.kind for column in columns}
        source = job.source
        self._zone = ZoneInfo(source.column_time_zone)
        self._times = [name for name in (source.record_timestamp_column, source.timestamp_column) if name]
        self._times = [name for name in self._times if kinds[name] in TIMES]
        used = {name for option, name in job.columns if option not in ("fields", "from/key")}
        self._properties = [name for name in self._selected if (name in job.fields if job.fields else name not in used)]
        self._of_table = packed([site, job.name, ".".join(source.names)])
        self._alike: Counter[bytes] = Counter()
        self._text: str | None = None

    @property
    def selected(self) -> Sequence[str]:
        """The columns that are imported."""
        return self._selected

    def rows(self, batch: pa.RecordBatch) -> Iterator[TableRow]:
        """The rows of a batch, in order. Batches of one pass come one after another."""
        import pyarrow as pa

        columns = {
            name: (column.cast(pa.string()) if pa.types.is_time(column.type) else column).to_pylist()
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        texts = columns.pop(TEXT)
        for index, text in enumerate(texts):
            yield self._row({name: values[index] for name, values in columns.items()}, text)

    def _row(self, values: Mapping[str, object], text: str | None) -> TableRow:
        identity = self._identity(values, text)
        failed_id = uuid8(packed(["failed"]) + identity)
        original = orjson.dumps({name: _plain(value) for name, value in values.items()})
        try:
            return TableRow(text, self._event(values, uuid8(identity)), None, original, failed_id)
        except BadRow as bad:
            return TableRow(text, None, str(bad), original, failed_id)

    def _identity(self, values: Mapping[str, object], text: str | None) -> bytes:
        """What names a version of a row: the key and the timestamp, else all of it and its number among equal rows."""
        names = self._job.source.key or self._selected
        content = self._of_table + packed([text or "", *(_identifying(values[name]) for name in names)])
        if self._job.source.key:
            return content
        if text != self._text:  # equal rows have one timestamp
            self._text, self._alike = text, Counter()
        self._alike[content] += 1
        return content + packed([str(self._alike[content])])

    def _event(self, values: Mapping[str, object], event_id: str) -> Mapping[str, Any]:
        job = self._job
        name: object = job.event or job.stream
        if job.event_field is not None:
            name = text_of(values[job.event_field]) or ""
        event: dict[str, Any] = {"name": name, "event_id": event_id, "created_at": self._moment(values).isoformat()}
        properties = {name: _plain(values[name]) for name in self._properties if values[name] not in (None, "")}
        for field, column in job.map.items():
            if (text := text_of(values[column])) in (None, ""):
                continue
            assert text is not None
            if field in DOCUMENTS:
                document = json_object(column, text)
                event[field] = {**document, **properties} if field == "properties" else document
            else:
                event[field] = text
        event.setdefault("properties", properties)
        return event

    def _moment(self, values: Mapping[str, object]) -> datetime:
        """The time of a row's event: of the first of its columns that has one. Raise BadRow."""
        for name in self._times:
            value = values[name]
            if isinstance(value, date) and not isinstance(value, datetime):
                value = datetime.combine(value, time())
            if isinstance(value, datetime):
                try:
                    return (value if value.tzinfo else value.replace(tzinfo=self._zone)).astimezone(UTC)
                except OverflowError:
                    raise BadRow(f"{name}: is no time of an event") from None
        if self._job.source.timestamp_column not in self._times:  # the import's time differs by run, and so would rows
            raise BadRow(f"{self._job.source.record_timestamp_column}: has no time")
        return self._at


def text_of(value: object) -> str | None:
    """A value as text; None if there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return f"0x{value.hex().upper()}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _plain(value: object) -> object:
    """A value as JSON has it: numbers only if JSON's are as exact."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else format(value, "f")
    return text_of(value)


def _identifying(value: object) -> str:
    """A text that no other value has; the empty one is no value's."""
    text = text_of(value)
    return "" if text is None else f"={text}"
