"""What a run of compaction did, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from clickstream.compacting.chunk import Gap
from clickstream.compacting.files import CaptureFile


@dataclass(slots=True)
class Counts:
    """What commits did; captured = rows + failed + duplicates + erased.

    `bytes` are the files'; `spilled` are those of the captured events that the spill held. Of events that are
    `unsearched` a copy may stand under a date that was left out, see `clickstream.compacting.dedupe`.
    """

    files: int = 0
    bytes: int = 0
    captured: int = 0
    spilled: int = 0
    rows: int = 0
    failed: int = 0
    duplicates: int = 0
    erased: int = 0
    unsearched: int = 0
    quarantined: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def add(self, done: Counts) -> None:
        """Add what one commit did."""
        for each in fields(Counts):
            setattr(self, each.name, getattr(self, each.name) + getattr(done, each.name))


@dataclass(slots=True)
class Report(Counts):
    """What one run did."""

    seconds: float = 0.0
    complete_until: datetime | None = None
    finished: bool = True


@dataclass(slots=True)
class Run:
    """What a run has done so far, and whether it has time for more. Its first chunk it takes in any case.

    `say` is told after each chunk how far the run is, in one line.
    """

    has_time: Callable[[], bool]
    say: Callable[[str], None]
    report: Report = field(default_factory=Report)
    enqueued: dict[tuple[str, str], datetime] = field(default_factory=dict)
    began_at: float = field(default_factory=time.monotonic)
    _files_waiting: int = 0
    _bytes_waiting: int = 0
    _began: bool = False

    def found(self, chunks: Sequence[Sequence[CaptureFile]]) -> None:
        """So many chunks wait now."""
        self._files_waiting = sum(len(files) for files in chunks)
        self._bytes_waiting = sum(file.size_bytes for files in chunks for file in files)

    def add(self, done: Counts) -> None:
        """A chunk is committed."""
        self.report.add(done)
        self._began = True
        self._files_waiting -= done.files
        self._bytes_waiting -= done.bytes
        self.report.seconds = time.monotonic() - self.began_at
        self.say(self._line())

    def goes_on(self) -> bool:
        """Whether another chunk may be begun; once not, never again."""
        self.report.finished = self.report.finished and (not self._began or self.has_time())
        return self.report.finished

    def _line(self) -> str:
        report = self.report
        rate = report.bytes / max(report.seconds, 1e-3)
        left = int(max(self._bytes_waiting, 0) / max(rate, 1))
        return (
            f"{report.files:,} files, {report.rows + report.failed:,} rows, {rate / 1e6:.1f} MB/s; "
            f"{max(self._files_waiting, 0):,} files wait, {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
        )
