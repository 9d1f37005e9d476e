"""Capture's files: what their names say, and which of them wait."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

MAX_DAYS_LISTED = 31
# A backlog of tiny files is read at some hundreds a second; a chunk has to end before its function is stopped.
MAX_FILES = 4096
_NAME = re.compile(
    r"(?P<namespace>[^/]+)/(?P<hub>[^/]+)/(?P<partition>[^/]+)/(\d{4})/(\d\d)/(\d\d)/(\d\d)/(\d\d)/(\d\d)\.avro"
)


@dataclass(frozen=True, slots=True, order=True)
class HubPartition:
    """One partition of one hub."""

    namespace: str
    hub: str
    partition: str

    @property
    def prefix(self) -> str:
        """Where Capture puts its files."""
        return f"{self.namespace}/{self.hub}/{self.partition}"


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """One captured file; `started_at` is the start of its window, which names it, in whole seconds."""

    path: str
    source: HubPartition
    started_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a partition is compacted: all files up to this one, the last of whose events had this number."""

    file_started_at: datetime | None = None
    sequence_number: int = -1

    def covers(self, file: CaptureFile) -> bool:
        """Whether the file is compacted already."""
        return self.file_started_at is not None and file.started_at <= self.file_started_at


def parse_name(path: str, size_bytes: int) -> CaptureFile | None:
    """The file of a path `{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}.avro`.

    None for any other path.
    """
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    try:
        started_at = datetime(*(int(part) for part in found.groups()[3:]), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return CaptureFile(path, HubPartition(found["namespace"], found["hub"], found["partition"]), started_at, size_bytes)


def prefixes_to_list(source: HubPartition, watermark: Watermark, today: date) -> Sequence[str]:
    """What to list to find every file that may wait: the days since the watermark, or all where there is none yet.

    Where many days passed, whole months are listed.
    """
    if watermark.file_started_at is None:
        return [f"{source.prefix}/"]
    first = watermark.file_started_at.date()
    # A day more than today: the machine that names files may be ahead of us.
    days = [first + timedelta(day) for day in range(max((today - first).days, 0) + 2)]
    form = "%Y/%m/%d" if len(days) <= MAX_DAYS_LISTED else "%Y/%m"
    return list(dict.fromkeys(f"{source.prefix}/{day:{form}}/" for day in days))


def plan(
    files: Sequence[CaptureFile], watermarks: Mapping[HubPartition, Watermark], max_bytes: int
) -> Iterator[Sequence[CaptureFile]]:
    """The waiting files in chunks of about `max_bytes` and MAX_FILES, each partition's in order of time.

    A file over the limit is a chunk of its own.
    """
    waiting = sorted(
        (file for file in files if not watermarks.get(file.source, Watermark()).covers(file)),
        key=lambda file: (file.started_at, file.source),
    )
    chunk: list[CaptureFile] = []
    size = 0
    for file in waiting:
        if chunk and (size + file.size_bytes > max_bytes or len(chunk) == MAX_FILES):
            yield chunk
            chunk, size = [], 0
        chunk.append(file)
        size += file.size_bytes
    if chunk:
        yield chunk
