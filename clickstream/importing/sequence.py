"""The files of a sequence: ordered by the timestamp in their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from clickstream.sites.imports import STAMP, CsvImport, prefix_matcher
from clickstream.storage.blobs import ListedBlob

# Ten digits are an hour of the calendar in these years, and Unix seconds otherwise.
YEARS = range(1970, 2200)
# Characters of a regular expression that stand for themselves, and are not repeated.
_LITERAL = re.compile(r"(?:[A-Za-z0-9/_ -](?![*?{+]))*")
_FORMS = {4: "%Y", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True, slots=True, order=True)
class SequencedFile:
    """A file of a sequence, ordered by timestamp, then by path."""

    stamp: datetime
    path: str
    version: str
    size_bytes: int


def stamp_of(path: str) -> datetime | None:
    """The timestamp at the end of a path, as UTC; None if there is none."""
    match = STAMP.search(path)
    if match is None:
        return None
    digits = re.sub(r"\D", "", match["stamp"])
    if len(digits) in _FORMS and int(digits[:4]) in YEARS:
        try:
            return datetime.strptime(digits, _FORMS[len(digits)]).replace(tzinfo=UTC)
        except ValueError:
            pass
    if len(digits) in (10, 13):
        return datetime.fromtimestamp(int(digits) / (1000 if len(digits) == 13 else 1), UTC)
    return None


def folder_of(job: CsvImport) -> str:
    """The folder that has all files of the sequence, with a slash at its end; empty for the whole container."""
    if job.source.prefix is None:
        literal = job.source.file
    elif "|" in job.source.prefix:  # with alternatives no beginning is common to all paths
        literal = ""
    else:
        literal = _LITERAL.match(job.source.prefix)[0]  # type: ignore[index]
    folder, slash, _ = literal.rpartition("/")
    return folder + slash


def files_of(job: CsvImport, blobs: Iterable[ListedBlob]) -> Sequence[SequencedFile]:
    """The files of the job's sequence, in order."""
    first = STAMP.search(job.source.file)
    literal = job.source.file if first is None else job.source.file[: first.start()]
    matcher = None if job.source.prefix is None else prefix_matcher(job.source.prefix)
    files = []
    for blob in blobs:
        stamp, match = stamp_of(blob.path), STAMP.search(blob.path)
        if stamp is None or match is None:
            continue
        before = blob.path[: match.start()]
        if matcher is None:
            is_one = before == literal
        else:
            try:
                matcher.validate_python(before)
                is_one = True
            except ValidationError:
                is_one = False
        if is_one:
            files.append(SequencedFile(stamp, blob.path, blob.version, blob.size_bytes))
    return sorted(files)
