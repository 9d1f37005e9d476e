"""The forms an answer's rows are given in, and how a caller chooses one."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from clickstream.errors import InvalidRequest, NotAcceptable

if TYPE_CHECKING:
    import pyarrow as pa

# What spreadsheets take for the beginning of a formula, with the wide forms that some of them fold:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001

# Numbers of more digits than JSON's come as texts.
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?")


class Format(StrEnum):
    """By the word in `?format=`."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """As in `Accept` and `Content-Type`, by https://www.iana.org/assignments/media-types/."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of an answer, and up to when it is complete where that is known."""

    body: bytes
    format: Format
    complete_until: datetime | None


def chosen_format(asked: str | None, accept: str | None) -> Format:
    """The one asked for by its word, else the one that `Accept` (RFC 9110) likes best; of equals the first here.

    Raise InvalidRequest for an unknown word, NotAcceptable where nothing that is accepted is here.
    """
    known = ", ".join(Format)
    if asked is not None:
        if asked not in tuple(Format):
            raise InvalidRequest(f"/format: must be one of {known}", code="invalid_query", pointer="/format")
        return Format(asked)
    if accept is None or not accept.strip():
        return Format.JSON
    liked = {format_: _quality(format_.media_type, accept) for format_ in Format}
    best = max(Format, key=lambda format_: liked[format_])
    if liked[best] <= 0:
        raise NotAcceptable(f"answers are given as {', '.join(format_.media_type for format_ in Format)}")
    return best


def _quality(media_type: str, accept: str) -> float:
    """How much the header likes it, by its most specific range that holds; 0 where none does."""
    wildcards = [media_type, f"{media_type.partition('/')[0]}/*", "*/*"]
    found: dict[str, float] = {}
    for item in accept.lower().split(","):
        range_, *parameters = (part.strip() for part in item.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        if range_ in wildcards:
            found[range_] = _weight(weights[0]) if weights else 1.0
    return next((found[wildcard] for wildcard in wildcards if wildcard in found), 0.0)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def as_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """RFC 4180 in UTF-8, with a line of names. No text begins as a formula does; numbers stay as they are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str | int | float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not _NEGATIVE.fullmatch(text) else text


def as_arrow(table: pa.Table) -> bytes:
    """A stream of Arrow's IPC format."""
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    """One Parquet file."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
