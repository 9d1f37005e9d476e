"""The report of a run of compaction, and its progress."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime

from clickstream.capture.chunk import Gap
from clickstream.capture.names import CaptureFile
from clickstream.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Counts of commits. captured = rows + failed + duplicates + erased.

    `bytes` is the size of the files. `spilled` is the part of `captured` from the spill. `redelivered` is the part of
    `duplicates` that is the same message, delivered again. `unsearched` counts events that may have a copy under a date
    that was not searched, see `clickstream.compacting.dedupe`. `dates_beyond` counts dates that needed a further
    commit, see `clickstream.compacting.committing`. `quarantined` has the paths of files that were put aside whole;
    `quarantined_records` counts records that were put aside from readable files.
    """

    files: int = 0
    bytes: int = 0
    captured: int = 0
    spilled: int = 0
    rows: int = 0
    failed: int = 0
    duplicates: int = 0
    redelivered: int = 0
    erased: int = 0
    unsearched: int = 0
    dates_beyond: int = 0
    quarantined: list[str] = field(default_factory=list)
    quarantined_records: int = 0
    gaps: list[Gap] = field(default_factory=list)

    def add(self, done: Counts) -> None:
        """Add the counts of one commit."""
        for each in fields(Counts):
            setattr(self, each.name, getattr(self, each.name) + getattr(done, each.name))


@dataclass(slots=True)
class Report(Counts):
    """Counts of one run. `errors` has the tracebacks of unexpected errors, by the work that failed.

    `finished` is False if files are left because the time was over.
    """

    seconds: float = 0.0
    complete_until: datetime | None = None
    finished: bool = True
    errors: dict[str, str] = field(default_factory=dict)


def note_error(report: Report, what: str, error: Exception) -> None:
    """Log an unexpected error, and add it to the report because a host may drop log lines of threads."""
    log.error("%s: unexpected error", what, exc_info=error)
    report.errors[what] = "".join(traceback.format_exception(error))


@contextmanager
def noted(report: Report, what: str) -> Iterator[None]:
    """Note an unexpected error and go on. Raise Unavailable."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        note_error(report, what, error)


@dataclass(slots=True)
class Run:
    """A run in progress: its counts so far and its deadline. `say` gets a line of progress after each chunk.

    `enqueued` is, by hub and partition, when the last compacted event was enqueued. `began_at` is monotonic, in
    seconds.
    """

    now: Callable[[], datetime]
    deadline: datetime
    say: Callable[[str], None]
    report: Report = field(default_factory=Report)
    enqueued: dict[tuple[str, str], datetime] = field(default_factory=dict)
    began_at: float = field(default_factory=time.monotonic)
    commits: int = 0

    def has_time(self, until: datetime | None = None) -> bool:
        """Whether another chunk may begin: before `until` (default: the deadline), or if nothing is committed yet."""
        return not self.commits or self.now() < (until or self.deadline)

    def add(self, done: Counts) -> None:
        """Add the counts of a commit."""
        self.report.add(done)
        self.commits += 1
        self.report.seconds = time.monotonic() - self.began_at

    def say_progress(self, waiting: Iterable[CaptureFile]) -> None:
        """Pass a line of progress to `say`. `waiting` are the files that are left."""
        self.say(self._line(list(waiting)))

    def _line(self, waiting: list[CaptureFile]) -> str:
        report = self.report
        rate = report.bytes / max(report.seconds, 1e-3)
        left = int(sum(file.size_bytes for file in waiting) / max(rate, 1))
        return (
            f"{report.files:,} files, {report.rows + report.failed:,} rows, {rate / 1e6:.1f} MB/s; "
            f"{len(waiting):,} files wait, {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
        )
