"""Members as rows of CSV, or as lines of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import pyarrow as pa

from clickstream.sites.member_exports import TRAIT, MemberExport

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
        return pa.schema([(name, pa.bool_() if name == "is_known" else pa.string()) for name in self._fields])

    def of(self, members: pa.RecordBatch) -> pa.RecordBatch:
        """The members with what is exported of each."""
        rows = [self._row(member) for member in members.to_pylist()]
        if self._job.format == "ndjson":
            return pa.record_batch([pa.array([orjson.dumps(row).decode() for row in rows])], schema=self.schema)
        columns = [
            pa.array(
                [row[field.name] if pa.types.is_boolean(field.type) else self._cell(row[field.name]) for row in rows],
                field.type,
            )
            for field in self.schema
        ]
        return pa.record_batch(columns, schema=self.schema)

    def _row(self, member: Mapping[str, Any]) -> Mapping[str, Any]:
        traits = orjson.loads(member.get("traits") or "{}")
        values = {**member, "traits": dict(sorted(traits.items()))}
        return {
            name: traits.get(name.removeprefix(TRAIT)) if name.startswith(TRAIT) else _plain(values[name])
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


def _plain(value: Any) -> Any:
    """Moments as RFC 3339 in UTC, with microseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


def _scalar(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
