"""The two sources of files for compaction, and how each source takes every file in once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from typing import Protocol

from clickstream.capture.decode import Content
from clickstream.capture.names import CaptureFile, HubPartition, Watermark, prefixes_to_list
from clickstream.capture.spill import SpillFiles
from clickstream.capture.store import CaptureFiles
from clickstream.errors import Conflict
from clickstream.table.delta import Table
from clickstream.table.watermarks import read_watermark


class Source(Protocol):
    """Waiting files of one hub. Every method raises Unavailable if storage fails."""

    name: str
    hub: str

    def waiting(self, table: Table) -> Sequence[CaptureFile]:
        """List the files that are not in the table yet."""

    def marks(self, table: Table, files: Sequence[CaptureFile]) -> Mapping[HubPartition, Watermark] | None:
        """The watermarks of the files' partitions, which the files' commit moves; None if the source has no watermarks.

        Without watermarks, events that are in the table already are recognised by their ids. Raise Conflict if another
        compactor has moved a watermark since the files were listed.
        """

    def fetch(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        """The files and their bytes, in order, without files that another compactor has taken in and deleted."""

    def committed(self, files: Sequence[CaptureFile], reached: Mapping[HubPartition, Watermark]) -> None:
        """Note that the files are committed and the watermarks have moved to `reached`."""

    def lane(self, file: CaptureFile) -> Hashable:
        """The lane of a file. Files of one lane must be taken in in order."""


class CapturedFiles:
    """Captured files. Those up to their partition's watermark are in the table."""

    name = "captured"

    def __init__(self, files: CaptureFiles, hub: str, today: Callable[[], date]) -> None:
        self.hub = hub
        self._files = files
        self._today = today
        self._marks: dict[HubPartition, Watermark] = {}

    def waiting(self, table: Table) -> Sequence[CaptureFile]:
        self._marks = {source: read_watermark(table, source) for source in self._files.sources(self.hub)}
        return [
            file
            for source, mark in self._marks.items()
            for prefix in prefixes_to_list(source, mark, self._today())
            for file in self._files.list(prefix)
            if not mark.covers(file)
        ]

    def marks(self, table: Table, files: Sequence[CaptureFile]) -> Mapping[HubPartition, Watermark]:
        for source in {file.source for file in files}:
            if read_watermark(table, source) != self._marks[source]:
                raise Conflict(f"{source.prefix} is further than it was when files were listed")
        return self._marks

    def fetch(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        return self._files.fetch(files)

    def committed(self, files: Sequence[CaptureFile], reached: Mapping[HubPartition, Watermark]) -> None:
        self._marks |= reached

    def lane(self, file: CaptureFile) -> Hashable:
        return file.source


class SpilledFiles:
    """Spilled blobs. Each is deleted after its commit."""

    name = "spilled"

    def __init__(self, files: SpillFiles, hub: str) -> None:
        self.hub = hub
        self._files = files

    def waiting(self, table: Table) -> Sequence[CaptureFile]:
        return self._files.list(self.hub)

    def marks(self, table: Table, files: Sequence[CaptureFile]) -> None:
        return None

    def fetch(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        return self._files.read(files)

    def committed(self, files: Sequence[CaptureFile], reached: Mapping[HubPartition, Watermark]) -> None:
        self._files.delete(files)

    def lane(self, file: CaptureFile) -> Hashable:
        return file.path
