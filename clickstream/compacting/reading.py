"""A chunk's files read and typed part by part: the next one is read meanwhile, and bytes are let go with their part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from clickstream.ahead import ahead
from clickstream.compacting.chunk import Chunk, Rows, event_rows, failed_event_rows
from clickstream.compacting.decode import JOINED_BYTES, Content, decode_files
from clickstream.compacting.files import CaptureFile
from clickstream.compacting.parsing import Parser
from clickstream.lake.capture_files import CaptureFiles

log = logging.getLogger(__name__)
Fetch = Callable[[Sequence[CaptureFile]], Sequence[tuple[CaptureFile, Content]]]


@dataclass(frozen=True, slots=True)
class Read:
    """What files became: all of them as a `chunk` without bodies, and their rows; `quarantined` were put aside."""

    chunk: Chunk
    rows: Rows
    quarantined: Sequence[CaptureFile]


def read_events(capture: CaptureFiles, fetch: Fetch, files: Sequence[CaptureFile]) -> Read:
    """Read files of the hub of events by `fetch`, which may leave some out. Raise Unavailable."""
    with Parser() as parser:
        return _read(capture, fetch, files, lambda chunk: event_rows(chunk, parser.parse))


def read_failed_events(capture: CaptureFiles, fetch: Fetch, files: Sequence[CaptureFile]) -> Read:
    """Read files of the hub of failed events by `fetch`, which may leave some out. Raise Unavailable."""
    return _read(capture, fetch, files, failed_event_rows)


def _read(capture: CaptureFiles, fetch: Fetch, files: Sequence[CaptureFile], make: Callable[[Chunk], Rows]) -> Read:
    chunks: list[Chunk] = []
    made: list[Rows] = [make(Chunk())]
    quarantined: list[CaptureFile] = []
    for chunk, unreadable in ahead(read_part(capture, fetch(part)) for part in _parts(files)):
        made.append(make(chunk))
        chunks.append(chunk.without_bodies())
        quarantined += unreadable
        del chunk
    return Read(Chunk.joined(chunks), Rows.joined(made), quarantined)


def read_part(
    capture: CaptureFiles, files: Sequence[tuple[CaptureFile, Content]]
) -> tuple[Chunk, Sequence[CaptureFile]]:
    """What the files hold, and those that cannot be read and are put aside. Raise Unavailable."""
    captured = decode_files([content for _, content in files])
    quarantined = []
    for index, problem in captured.unreadable.items():
        file, content = files[index]
        log.error("%s cannot be read and is put aside: %s", file.path, problem)
        capture.quarantine(file, content, problem)
        quarantined.append(file)
    return Chunk([file for file, _ in files], captured), quarantined


def _parts(files: Sequence[CaptureFile]) -> Iterator[Sequence[CaptureFile]]:
    """The files in order, as many at a time as are decoded at once."""
    part: list[CaptureFile] = []
    size = 0
    for file in files:
        if part and size + file.size_bytes > JOINED_BYTES:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.size_bytes
    if part:
        yield part
