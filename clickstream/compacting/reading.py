"""Reads and types a chunk's files part by part. Prefetches the next part, and frees the bytes of each finished part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from clickstream.capture.body_columns import Parser
from clickstream.capture.chunk import Chunk, Rows, event_rows, failed_event_rows
from clickstream.capture.decode import JOINED_BYTES, Content, decode_files
from clickstream.capture.marks import Marks
from clickstream.capture.names import CaptureFile, grouped
from clickstream.prefetch import prefetch

Fetch = Callable[[Sequence[CaptureFile]], Sequence[tuple[CaptureFile, Content]]]
Places = Mapping[str, Collection[int]]
"""Places of records, counted from 0, by the path of their file."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that cannot be decoded: its bytes, and why."""

    file: CaptureFile
    content: Content
    problem: str


@dataclass(frozen=True, slots=True)
class Read:
    """Decoded files: a `chunk` without bodies, and the rows of all records except those `left_out`.

    A damaged file is part of the chunk, without records.
    """

    chunk: Chunk
    rows: Rows
    damaged: Sequence[Damaged] = ()
    left_out: Places | None = None

    @property
    def count(self) -> int:
        """The number of records that became rows or are marks of erasures."""
        return self.chunk.event_count - sum(map(len, (self.left_out or {}).values()))


def read_events(fetch: Fetch, files: Sequence[CaptureFile], marks: Marks, left_out: Places | None = None) -> Read:
    """Read files of the hub of events. `fetch` may leave some out. Raise Unavailable."""
    with Parser() as parser:
        return _read(fetch, files, left_out, lambda chunk: event_rows(chunk, marks, parser.parse))


def read_failed_events(
    fetch: Fetch, files: Sequence[CaptureFile], marks: Marks, left_out: Places | None = None
) -> Read:
    """Read files of the hub of failed events. `fetch` may leave some out. Raise Unavailable."""
    return _read(fetch, files, left_out, lambda chunk: failed_event_rows(chunk, marks))


def _read(
    fetch: Fetch, files: Sequence[CaptureFile], left_out: Places | None, to_rows: Callable[[Chunk], Rows]
) -> Read:
    chunks: list[Chunk] = []
    rows: list[Rows] = [to_rows(Chunk())]
    damaged: list[Damaged] = []
    # In parts of about the size that is decoded at once.
    for chunk, unreadable in prefetch(_read_part(fetch(part)) for part in grouped(files, JOINED_BYTES, len(files))):
        rows.append(to_rows(chunk.without(left_out) if left_out else chunk))
        chunks.append(chunk.without_bodies())
        damaged += unreadable
        del chunk
    return Read(Chunk.joined(chunks), Rows.joined(rows), damaged, left_out)


def _read_part(files: Sequence[tuple[CaptureFile, Content]]) -> tuple[Chunk, Sequence[Damaged]]:
    captured = decode_files([content for _, content in files])
    damaged = [Damaged(*files[index], problem) for index, problem in captured.unreadable.items()]
    return Chunk([file for file, _ in files], captured), damaged
