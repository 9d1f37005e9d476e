"""The names of captured files, watermarks, and the plan of which files to compact together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, TypeVar

MAX_DAYS_LISTED = 31
# Some hundreds of tiny files are read per second, and a chunk must end before the host stops its function.
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
        """The path below which Capture writes its files."""
        return f"{self.namespace}/{self.hub}/{self.partition}"


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """One captured file. `started_at` is the start of its window, in whole seconds, as in its name."""

    path: str
    source: HubPartition
    started_at: datetime
    size_bytes: int


class Sized(Protocol):
    """Anything of a known number of bytes."""

    @property
    def size_bytes(self) -> int: ...


File = TypeVar("File", bound=Sized)


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a partition is compacted: all files up to the one of `file_started_at`, None for no file.

    `sequence_number` is that of the last event in them; -1 if there was none.
    """

    file_started_at: datetime | None = None
    sequence_number: int = -1

    def covers(self, file: CaptureFile) -> bool:
        """Whether the file is compacted already."""
        return self.file_started_at is not None and file.started_at <= self.file_started_at


def parse_name(path: str, size_bytes: int) -> CaptureFile | None:
    """The file of a path `{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}.avro`.

    None for any other path.
    """
    match = _NAME.fullmatch(path)
    if match is None:
        return None
    try:
        started_at = datetime(*(int(part) for part in match.groups()[3:]), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return CaptureFile(path, HubPartition(match["namespace"], match["hub"], match["partition"]), started_at, size_bytes)


def prefixes_to_list(source: HubPartition, watermark: Watermark, today: date) -> Sequence[str]:
    """The prefixes to list for every file that may wait: one per day since the watermark, or per month if many days.

    Without a watermark it is the partition's whole folder.
    """
    if watermark.file_started_at is None:
        return [f"{source.prefix}/"]
    first = watermark.file_started_at.date()
    # One day more than today, because the clock of the machine that names files may be ahead.
    days = [first + timedelta(day) for day in range(max((today - first).days, 0) + 2)]
    form = "%Y/%m/%d" if len(days) <= MAX_DAYS_LISTED else "%Y/%m"
    return list(dict.fromkeys(f"{source.prefix}/{day:{form}}/" for day in days))


def plan(
    files: Sequence[CaptureFile],
    watermarks: Mapping[HubPartition, Watermark],
    max_bytes: int,
    max_files: int = MAX_FILES,
) -> Iterator[Sequence[CaptureFile]]:
    """The waiting files in chunks of at most `max_bytes` and `max_files`, in order of time.

    A file larger than `max_bytes` is a chunk of its own.
    """
    waiting = sorted(
        (file for file in files if not watermarks.get(file.source, Watermark()).covers(file)),
        key=lambda file: (file.started_at, file.source),
    )
    return grouped(waiting, max_bytes, max_files)


def grouped(files: Iterable[File], max_bytes: int, max_files: int = MAX_FILES) -> Iterator[Sequence[File]]:
    """The files in order, in groups of at most `max_bytes` and `max_files`; a larger file is a group of its own."""
    group: list[File] = []
    size = 0
    for file in files:
        if group and (size + file.size_bytes > max_bytes or len(group) == max_files):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if group:
        yield group
