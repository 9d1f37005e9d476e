"""Turns a row into an event as a client would send it, with an id that follows from the row."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from clickstream.jobs.failing import Actor, JobFailed
from clickstream.sites.imports import CsvImport
from clickstream.sites.job_parts import parsed

DOCUMENTS = ("context", "properties")
# Digits of Unix seconds and milliseconds since 2001; other numbers are dates without separators.
SECONDS_DIGITS, MILLISECONDS_DIGITS = 10, 13
# What no name of a column has: control characters but tabs and ends of lines, and bytes that are no text.
_NO_TEXT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ENCRYPTED = "-----BEGIN PGP"


class BadRow(Exception):
    """A row is no event; the message says why, without its values."""


def checked_header(job: CsvImport, header: Sequence[str], path: str) -> None:
    """Raise JobFailed for a header that is no text, names no column, one twice, or not all that the job needs."""
    problems = []
    if any(map(_NO_TEXT.search, header)) or header[0].startswith(_ENCRYPTED):
        problems.append("the header is no text; the file is compressed, encrypted, or has another encoding")
    if empty := [str(index + 1) for index, name in enumerate(header) if not name.strip()]:
        problems.append(f"the columns {', '.join(empty)} have no name")
    if double := [name for name, count in Counter(header).items() if count > 1]:
        problems.append(f"the header names {', '.join(double[:5])} twice")
    if problems:
        raise JobFailed(Actor.OTHER_SIDE, "bad_header", f"{path}: {'; '.join(problems)}")
    check_columns(needed_columns(job), header, path)


def check_columns(needed: Iterable[tuple[str, str]], columns: Sequence[str], place: str) -> None:
    """Raise JobFailed if an option needs a column that is not there."""
    problems = []
    for option, name in needed:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, 1, 0.5)
            meant = f" (is {near[0]!r} meant?)" if near else ""
            problems.append(f"{option}: {name!r} is no column of {place}{meant}")
    if problems:
        raise JobFailed(Actor.AUTHOR, "job_definition", "; ".join(problems))


def needed_columns(job: CsvImport) -> list[tuple[str, str]]:
    """Each column that the job names, with the option."""
    named = [("timestamp_field", name) for name in (job.timestamp_field,) if name is not None]
    return [*named, *(("event_id", name) for name in job.event_id), *job.columns_of_rows]


class RowMapper:
    """Maps the rows of one file."""

    def __init__(
        self, job: CsvImport, site: str, header: Sequence[str], path: str, zone: ZoneInfo, at: datetime
    ) -> None:
        """`at` is the time of the import."""
        self._job, self._header, self._zone, self._at = job, header, zone, at
        used = {name for option, name in needed_columns(job) if option not in ("fields", "event_id")}
        self._properties = [
            (name, index)
            for index, name in enumerate(header)
            if (name in job.fields if job.fields else name not in used)
        ]
        self._fields = [(field, header.index(column)) for field, column in job.map.items()]
        self._name = None if job.event_field is None else header.index(job.event_field)
        self._time = None if job.timestamp_field is None else header.index(job.timestamp_field)
        self._identity = [header.index(name) for name in job.event_id]
        self._of_job = packed([site, job.name])
        self._of_file = packed([site, job.name, path])
        # A change in a column that nothing uses is none.
        self._compared = sorted(
            {index for _, index in (*self._properties, *self._fields)}
            | {index for index in (self._name, self._time, *self._identity) if index is not None},
            key=lambda index: header[index],
        )

    @property
    def compared_columns(self) -> list[str]:
        """The columns that are compared with the last file."""
        return [self._header[index] for index in self._compared]

    def event(self, values: Sequence[str], line: int) -> Mapping[str, Any]:
        """The event of a row. Raise BadRow."""
        try:
            "".join(values).encode()
        except UnicodeEncodeError:
            raise BadRow("has bytes that are no text in the file's encoding") from None
        if len(values) != len(self._header):
            raise BadRow(f"{len(values)} columns, the header has {len(self._header)}")
        event: dict[str, Any] = {
            "name": self._job.event or self._job.stream if self._name is None else values[self._name],
            "event_id": self.id(values, line),
            "created_at": (self._at if self._time is None else self._moment(values[self._time])).isoformat(),
        }
        properties = {name: values[index] for name, index in self._properties if values[index] != ""}
        for field, index in self._fields:
            if (text := values[index]) == "":
                continue
            if field in DOCUMENTS:
                document = json_object(self._header[index], text)
                event[field] = {**document, **properties} if field == "properties" else document
            else:
                event[field] = text
        event.setdefault("properties", properties)
        return event

    def id(self, values: Sequence[str], line: int) -> str:
        """The id of a row's event: by the columns of `event_id`, else by the file and the line."""
        if self._identity:
            return uuid8(self._of_job + packed([values[index] for index in self._identity]))
        return uuid8(self._of_file + packed([str(line)]))

    def failed_id(self, line: int) -> str:
        """The id of a failed event of a row."""
        return uuid8(self._of_file + packed(["failed", str(line)]))

    def compared(self, values: Sequence[str]) -> bytes:
        """What is compared with the rows of the last file."""
        return packed([values[index] for index in self._compared])

    def _moment(self, text: str) -> datetime:
        try:
            if self._job.timestamp_format is not None:
                moment = parsed(text, self._job.timestamp_format)
            elif text.isascii() and text.isdecimal() and len(text) in (SECONDS_DIGITS, MILLISECONDS_DIGITS):
                moment = datetime.fromtimestamp(int(text) / (1000 if len(text) == MILLISECONDS_DIGITS else 1), UTC)
            else:
                moment = datetime.fromisoformat(text)
            return (moment.replace(tzinfo=self._zone) if moment.tzinfo is None else moment).astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadRow(f"{self._job.timestamp_field}: is no time") from None


def json_object(column: str, text: str) -> dict[str, Any]:
    """The object that a column has as text. Raise BadRow."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise BadRow(f"{column}: is no JSON object")
    return document


def packed(texts: Sequence[str]) -> bytes:
    """Texts as bytes that no other texts have."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def uuid8(content: bytes) -> str:
    """A UUIDv8 (RFC 9562) that follows from the content."""
    value = int.from_bytes(blake2b(content, digest_size=16).digest(), "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
