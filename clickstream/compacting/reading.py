"""A chunk's files read and typed part by part: the next one is read meanwhile, and bytes are let go with their part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from clickstream.ahead import ahead
from clickstream.compacting.chunk import Chunk
from clickstream.compacting.decode import JOINED_BYTES, Content, decode_files
from clickstream.compacting.files import CaptureFile
from clickstream.lake.capture_files import CaptureFiles

log = logging.getLogger(__name__)
Made = TypeVar("Made")
Fetch = Callable[[Sequence[CaptureFile]], Sequence[tuple[CaptureFile, Content]]]


@dataclass(frozen=True, slots=True)
class Read(Generic[Made]):
    """What files became.

    `chunk` is all of them without their bodies, `made` what each part became, in order and at least one; `quarantined`
    could not be read and were put aside.
    """

    chunk: Chunk
    made: Sequence[Made]
    quarantined: Sequence[CaptureFile]


def read_rows(
    capture: CaptureFiles, fetch: Fetch, files: Sequence[CaptureFile], make: Callable[[Chunk], Made]
) -> Read[Made]:
    """Read the files by `fetch`, which may leave some out, and turn them into rows by `make`. Raise Unavailable."""
    chunks: list[Chunk] = []
    made: list[Made] = []
    quarantined: list[CaptureFile] = []
    for chunk, unreadable in ahead(read_part(capture, fetch(part)) for part in _parts(files)):
        made.append(make(chunk))
        chunks.append(chunk.without_bodies())
        quarantined += unreadable
        del chunk
    return Read(Chunk.joined(chunks), made or [make(Chunk())], quarantined)


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
