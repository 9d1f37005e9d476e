"""Members as rows of CSV, or as lines of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import pyarrow as pa

from clickstream.model.profile_tables import PROFILE_COLUMNS
from clickstream.sites.member_exports import TRAIT, MemberExport

TYPES = {column.name: column.type for column in PROFILE_COLUMNS}
# Columns of JSON objects.
MAPS = ("traits", "revenue")
# How a spreadsheet's formula begins.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class MemberValues:
    """Turns batches of members into batches of text. Counts the `ambiguous` values, which contain what joins a list."""

    def __init__(self, job: MemberExport, fields: Sequence[str]) -> None:
        self._job, self._fields = job, fields
        self.ambiguous = 0

    @property
    def schema(self) -> pa.Schema:
        """The fields as columns of CSV, or one column of lines."""
        if self._job.format == "ndjson":
            return pa.schema([("line", pa.string())])
        return pa.schema([(name, _type_of(name)) for name in self._fields])

    def of(self, members: pa.RecordBatch) -> pa.RecordBatch:
        """The members with what is exported of each."""
        rows = [self._row(member) for member in members.to_pylist()]
        if self._job.format == "ndjson":
            return pa.record_batch([pa.array([orjson.dumps(row).decode() for row in rows])], schema=self.schema)
        columns = [
            pa.array(
                [self._cell(row[field.name]) if pa.types.is_string(field.type) else row[field.name] for row in rows],
                field.type,
            )
            for field in self.schema
        ]
        return pa.record_batch(columns, schema=self.schema)

    def _row(self, member: Mapping[str, Any]) -> Mapping[str, Any]:
        values = {name: _plain(value) for name, value in member.items()}
        for name in MAPS:
            if values.get(name) is not None:
                values[name] = dict(sorted(orjson.loads(values[name]).items()))
        traits = values.get("traits") or {}
        return {
            name: traits.get(name.removeprefix(TRAIT)) if name.startswith(TRAIT) else values[name]
            for name in self._fields
        }

    def _cell(self, value: Any) -> str | None:
        if value is None:
            return None
        text = self._text(value)
        return f"'{text}" if self._job.spreadsheet_safe and text.startswith(FORMULA) else text

    def _text(self, value: Any) -> str:
        if isinstance(value, list):
            texts = [_scalar(item) for item in value]
            self.ambiguous += sum(self._job.join in text for text in texts)
            return self._job.join.join(texts)
        if isinstance(value, dict):
            return urlencode([(name, _scalar(item)) for name, item in sorted(value.items())])
        return _scalar(value)


def _type_of(name: str) -> pa.DataType:
    """The type of a column of CSV; what is neither a number nor a boolean is text."""
    kind = pa.bool_() if name == "is_known" else TYPES.get(name, pa.string())
    return kind if pa.types.is_boolean(kind) or pa.types.is_integer(kind) else pa.string()


def _plain(value: Any) -> Any:
    """Moments as RFC 3339 in UTC, with microseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


def _scalar(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
