"""Which rows the last file of a sequence had: keyed digests of 128 bits, sorted, as one blob.

They are keyed because rows of persons could be guessed from plain ones. There are as many as the file has rows, so they
are on the disk, and only some of them at a time in memory.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from clickstream.jobs.failing import Actor, JobFailed
from clickstream.storage.blobs import Container

DIGEST_BYTES = 16
_TYPE = np.dtype(f"S{DIGEST_BYTES}")
# How many digests are sorted at once, and how many are looked up before the pages that were read for them are released.
SORTED_ROWS, RELEASED_AFTER = 500_000, 10_000


class RowDigests:
    """The digests of one file that is read, and of the one before it."""

    def __init__(self, container: Container, key: bytes, previous: str | None, parts: Sequence[str]) -> None:
        """`previous` is the blob of the last file's digests; `parts` are those of the rows that were read before.

        Raise JobFailed if a blob is gone, Unavailable.
        """
        self._container, self._key, self.parts = container, key, list(parts)
        self._new = bytearray()
        self._previous: Any = np.empty(0, _TYPE)
        self._pages: mmap.mmap | None = None
        self._looked_up = 0
        if previous is not None:
            with tempfile.TemporaryFile() as file:
                size = container.download(previous, file)
                if size is None:
                    raise _gone(previous)
                file.flush()
                if size:
                    self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                    self._previous = np.frombuffer(self._pages, _TYPE)

    def add(self, row: bytes) -> bytes:
        """The digest of a row, which counts as read."""
        digest = blake2b(row, digest_size=DIGEST_BYTES, key=self._key).digest()
        self._new += digest
        return digest

    def known(self, digests: Sequence[bytes]) -> Sequence[bool]:
        """For each digest whether the last file has it."""
        wanted = np.frombuffer(b"".join(digests), _TYPE)
        if not len(self._previous) or not len(wanted):
            return [False] * len(wanted)
        at = np.searchsorted(self._previous, wanted)
        at[at == len(self._previous)] = 0
        found: list[bool] = (self._previous[at] == wanted).tolist()
        self._looked_up += len(found)
        if self._looked_up >= RELEASED_AFTER and self._pages is not None:
            self._looked_up = 0
            self._pages.madvise(mmap.MADV_DONTNEED)
        return found

    def store_part(self, path: str) -> None:
        """Store the digests of the rows since the last part. Raise Unavailable."""
        if self._new:
            self._container.write(path, bytes(self._new))
            self.parts.append(path)
            self._new.clear()

    def store(self, path: str) -> None:
        """Store the sorted digests of the whole file. Raise JobFailed if a part is gone, Unavailable."""
        with tempfile.TemporaryDirectory() as folder:
            read, ordered = Path(folder) / "read", Path(folder) / "sorted"
            with read.open("w+b") as source, ordered.open("wb") as target:
                for part in self.parts:
                    if self._container.download(part, source) is None:
                        raise _gone(part)
                source.write(self._new)
                for some in _sorted(source):
                    target.write(some)
            self._container.write(path, ordered)


def _sorted(source: BinaryIO) -> Iterator[memoryview]:
    """The digests of a file in order. Digests are evenly distributed, so each pass takes those of a range."""
    passes = source.tell() // DIGEST_BYTES // SORTED_ROWS + 1
    for number in range(passes):
        source.seek(0)
        found = [np.empty(0, _TYPE)]
        while data := source.read(SORTED_ROWS * DIGEST_BYTES):
            digests = np.frombuffer(data, _TYPE)
            first = np.frombuffer(data, ">u2")[:: DIGEST_BYTES // 2].astype(np.int64)
            found.append(digests[first * passes // 2**16 == number])
        together = np.concatenate(found)
        together.sort()
        yield together.data


def _gone(path: str) -> JobFailed:
    return JobFailed(Actor.OPERATOR, "no_digests", f"{path} is gone; `reset` the job to import the next file whole")
