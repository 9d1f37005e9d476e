"""Compacts files from quarantine again, after a new version or a repair that can read them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial

from clickstream.capture.decode import Captured, Content, Unreadable, decode_file
from clickstream.capture.names import CaptureFile, HubPartition, Watermark
from clickstream.capture.narrowing import failing_records
from clickstream.capture.quarantine import Note
from clickstream.capture.spill import PARTITION, SpillFiles
from clickstream.compacting.committing import Commits
from clickstream.compacting.file_queue import Tools
from clickstream.compacting.putting_aside import place_of, some_records
from clickstream.compacting.report import Counts
from clickstream.errors import Conflict, Unavailable
from clickstream.retrying import retry_on_conflict
from clickstream.storage.blobs import Blob
from clickstream.table.specs import TableSpec
from clickstream.table.watermarks import read_watermark, versions


@dataclass(frozen=True, slots=True)
class Retried:
    """The result for one file. `problem` is why some or all of it stays in quarantine; None if nothing does."""

    path: str
    done: Counts
    problem: str | None = None


class Retrier:
    """Takes files from quarantine into the tables.

    Copies are recognised by id, as for spilled files, so a crash at any step adds no row twice. A file is removed from
    quarantine after its commit.
    """

    def __init__(self, tools: Tools, spill: SpillFiles, missing: Callable[[HubPartition], int]) -> None:
        """`missing` returns how many sequence numbers of a partition are counted as missing."""
        self._tools = tools
        self._spill = spill
        self._missing = missing

    def run(self, hub: str, spec: TableSpec, paths: Collection[str]) -> Iterator[Retried]:
        """Compact a hub's files one by one: those of `paths`, or all if it is empty. Raise Unavailable."""
        for file in self._tools.quarantine.list(hub):
            if not paths or file.path in paths:
                yield retry_on_conflict(partial(self._retry, file, spec), spec.name)

    def _retry(self, file: CaptureFile, spec: TableSpec) -> Retried:
        blob = self._tools.quarantine.read(file.path)
        if blob is None:
            return Retried(file.path, Counts(), "another retry was first")
        if self._waits(file, spec):
            return Retried(file.path, Counts(), "the next compaction reads it once more before it is left aside")
        return self._retry_once(file, spec, blob)

    def _waits(self, file: CaptureFile, spec: TableSpec) -> bool:
        """Whether the next compaction reads the file again, because the process ended before the commit without it."""
        if file.source.partition == PARTITION:
            return self._spill.has(file.path)
        return not read_watermark(self._tools.open_table(spec), file.source).covers(file)

    def _retry_once(self, file: CaptureFile, spec: TableSpec, blob: Blob) -> Retried:
        try:
            captured = decode_file(blob.data)
        except Unreadable as problem:
            return Retried(file.path, Counts(), f"it still cannot be read: {problem}")
        note = self._tools.quarantine.note(file.path)

        def check(left_out: Collection[int]) -> None:
            self._prepare(file, spec, blob.data, captured, note, left_out).check()

        failure: Exception | None = None
        places: Collection[int] = ()
        try:
            check(())
        except (Conflict, Unavailable):
            raise
        except Exception as error:
            failure = error
            try:
                places = failing_records(len(captured.sequence_numbers), check, lambda: True)
            except (Conflict, Unavailable):
                raise
            except Exception as again:
                return Retried(file.path, Counts(), place_of(again))
        commits = self._prepare(file, spec, blob.data, captured, note, places)
        for append in (*commits.failures, *commits.rows):
            append.run()
        if not places or failure is None:
            self._tools.quarantine.remove(file.path)
            return Retried(file.path, commits.done)
        left = some_records(file, blob.data, places, place_of(failure), self._tools.now())
        self._tools.quarantine.put(left.data, left.note)
        return Retried(file.path, commits.done, f"{len(places)} records still cannot be compacted: {left.note.reason}")

    def _prepare(
        self,
        file: CaptureFile,
        spec: TableSpec,
        content: Content,
        captured: Captured,
        note: Note,
        left_out: Collection[int],
    ) -> Commits:
        table = self._tools.open_table(spec)
        read = self._tools.read(spec, lambda files: [(file, content)], [file], {file.path: left_out})
        commits = self._tools.committer.prepare(table, file.source.hub, read, None, newly_aside=False)
        if note.records is not None or file.source.partition == PARTITION or not len(captured.sequence_numbers):
            return commits
        # The sequence numbers of a file that could not be read are not counted yet.
        *others, last = commits.rows
        mark = read_watermark(table, file.source)
        if mark.file_started_at == file.started_at:
            reached = Watermark(mark.file_started_at, max(mark.sequence_number, int(captured.sequence_numbers[-1])))
            last = replace(last, versions=versions({file.source: reached}))
        else:
            new = commits.done.captured - commits.done.redelivered
            last.ledger.add_missing(file, -min(new, self._missing(file.source)))
        return replace(commits, rows=[*others, last])
