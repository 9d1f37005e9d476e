"""Marks: what replaces an erased record in a captured file or a spilled blob, so that its number and counts remain.

A client can send any content, so a mark is not recognised by its content alone. It has a code (HMAC) that only the
operator's secret can compute, over the file's path and the record's number. A mark that somebody else wrote, or that
was moved to another record, is a body like any other.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pyarrow as pa

PREFIX = b'{"erased":'
MAX_BYTES = 1_024
COLUMNS = ("site", "hub_partition", "received_at")
"""The columns by which `pipeline_hours` counts rows and marks."""
_LABEL = b"clickstream/mark/v1"
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CODE = "code"


@dataclass(frozen=True, slots=True)
class Mark:
    """What `pipeline_hours` needs of an erased record. `received_at` is a whole hour, in UTC."""

    site: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Split:
    """`remaining` rows are compacted; `erased` rows are only counted."""

    remaining: pa.Table
    erased: pa.Table


@dataclass(frozen=True, slots=True)
class Marks:
    """Writes and reads marks with one key."""

    key: bytes = field(repr=False)

    def write(self, mark: Mark, path: str, number: int) -> bytes:
        """The mark as the body of the record of this number in the file of this path."""
        content = {"site": mark.site, "received_at": mark.received_at.isoformat()}
        return orjson.dumps({"erased": content, _CODE: self._code(content, path, number)})

    def read(self, body: bytes, path: str, number: int) -> Mark | None:
        """The mark that this body is; None for any other body, also for one that only looks like a mark."""
        if not body.startswith(PREFIX) or len(body) > MAX_BYTES:
            return None
        try:
            mark = _mark(orjson.loads(body)["erased"])
        except (ValueError, TypeError, LookupError, OverflowError):
            return None
        # There is only one way to write a mark, so the body must be the same bytes when written again.
        return mark if hmac.compare_digest(self.write(mark, path, number), body) else None

    def of_rows(self, rows: pa.Table) -> dict[int, bytes]:
        """The marks that replace these rows' records, by sequence number. All rows must be of one file."""
        columns = [rows[name].to_pylist() for name in ("capture_file", "sequence_number", *COLUMNS)]
        return {
            number: self.write(Mark(_site(site), hour(received_at)), path, number)
            for path, number, site, _, received_at in zip(*columns, strict=True)
        }

    def _code(self, content: Mapping[str, object], path: str, number: int) -> str:
        message = b"\0".join([_LABEL, path.encode(), b"%d" % number, orjson.dumps(content)])
        return hmac.digest(self.key, message, sha256).hex()


def _mark(content: object) -> Mark:
    """Raise ValueError, TypeError or LookupError unless every field is of its type and in its range."""
    if not isinstance(content, dict):
        raise TypeError("not an object")
    site, received_at = content["site"], datetime.fromisoformat(content["received_at"])
    if site is not None and _site(site) is None:
        raise ValueError("no name of a site")
    if received_at.tzinfo is None or received_at != hour(received_at):
        raise ValueError("no hour")
    return Mark(site, received_at)


def _site(name: str | None) -> str | None:
    return name if name is not None and _SITE.fullmatch(name) else None


def hour(moment: datetime) -> datetime:
    """The moment rounded down to a whole hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
