"""Formats of an answer's rows, and content negotiation."""

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

# Characters that start a formula in spreadsheets, with the full-width forms that some of them normalise:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001

# Numbers with more digits than JSON's are texts; the sign of a negative one starts no formula.
_NEGATIVE = re.compile(r"-[0-9]+(\.[0-9]+)?")


class Format(StrEnum):
    """The values of `?format=`."""

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
    """The bytes of an answer, and the moment up to which it is complete; None if that is unknown."""

    body: bytes
    format: Format
    complete_until: datetime | None


def chosen_format(name: str | None, accept: str | None) -> Format:
    """The format of `?format=`, else the one with the highest quality in `Accept` (RFC 9110); of equals the first of
    `Format`.

    Raise InvalidRequest for an unknown name, NotAcceptable if `Accept` allows none of the formats.
    """
    names = ", ".join(Format)
    if name is not None:
        if name not in tuple(Format):
            raise InvalidRequest(f"/format: must be one of {names}", code="invalid_query", pointer="/format")
        return Format(name)
    if accept is None or not accept.strip():
        return Format.JSON
    qualities = {format_: _quality(format_.media_type, accept) for format_ in Format}
    best = max(Format, key=lambda format_: qualities[format_])
    if qualities[best] <= 0:
        raise NotAcceptable(f"answers are given as {', '.join(format_.media_type for format_ in Format)}")
    return best


def _quality(media_type: str, accept: str) -> float:
    """The quality value of the most specific media range that matches; 0 if none matches."""
    wildcards = [media_type, f"{media_type.partition('/')[0]}/*", "*/*"]
    qualities: dict[str, float] = {}
    for item in accept.lower().split(","):
        range_, *parameters = (part.strip() for part in item.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        if range_ in wildcards:
            qualities[range_] = _weight(weights[0]) if weights else 1.0
    return next((qualities[wildcard] for wildcard in wildcards if wildcard in qualities), 0.0)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def as_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """CSV (RFC 4180) in UTF-8, with a header line. A text that would start a formula gets a leading apostrophe."""
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
