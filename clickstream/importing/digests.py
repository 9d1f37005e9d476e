"""Which rows the last file of a sequence had: keyed digests of 128 bits, sorted, as one blob.

They are keyed because rows of persons could be guessed from plain ones. There are as many as the file has rows, so they
are on the disk, and only some of them at a time in memory.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import numpy as np

from clickstream.jobs.failing import Actor, JobFailed
from clickstream.storage.blobs import Container

DIGEST_BYTES = 16
_TYPE = np.dtype(f"S{DIGEST_BYTES}")
# How many digests are sorted at once, and the bytes of those that are read from the disk to look for one.
SORTED_ROWS, BLOCK_BYTES = 500_000, 256 * DIGEST_BYTES


class RowDigests:
    """The digests of one file that is read, and of the one before it."""

    def __init__(self, container: Container, key: bytes, previous: str | None, parts: Sequence[str]) -> None:
        """`previous` is the blob of the last file's digests; `parts` are those of the rows that were read before.

        Raise JobFailed if a blob is gone, Unavailable.
        """
        self._container, self._key, self.parts = container, key, list(parts)
        self._new = bytearray()
        self._previous = None if previous is None else SortedDigests(container, previous)

    def add(self, row: bytes) -> bytes:
        """The digest of a row, which counts as read."""
        digest = blake2b(row, digest_size=DIGEST_BYTES, key=self._key).digest()
        self._new += digest
        return digest

    def known(self, digests: Sequence[bytes]) -> Sequence[bool]:
        """For each digest whether the last file has it."""
        return [False] * len(digests) if self._previous is None else self._previous.have(digests)

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


class SortedDigests:
    """The digests of a blob, in a file of the disk. Memory has the first one of each block.

    The blocks are read, not mapped: pages of a mapped file count as memory of the process.
    """

    def __init__(self, container: Container, path: str) -> None:
        """Raise JobFailed if the blob is gone, Unavailable."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        if container.download(path, self._file) is None:
            raise _gone(path)
        self._file.flush()
        size = self._file.tell()
        firsts = (os.pread(self._file.fileno(), DIGEST_BYTES, start) for start in range(0, size, BLOCK_BYTES))
        self._firsts = np.frombuffer(b"".join(firsts), _TYPE)

    def have(self, digests: Sequence[bytes]) -> Sequence[bool]:
        """For each digest whether it is there."""
        blocks = np.searchsorted(self._firsts, np.frombuffer(b"".join(digests), _TYPE), "right")
        return [self._has(digest, block - 1) for digest, block in zip(digests, blocks.tolist(), strict=True)]

    def _has(self, digest: bytes, block: int) -> bool:
        if block < 0:
            return False
        found = os.pread(self._file.fileno(), BLOCK_BYTES, block * BLOCK_BYTES)
        at = found.find(digest)
        while at % DIGEST_BYTES > 0 and at > 0:  # in the middle of two others
            at = found.find(digest, at + 1)
        return at >= 0


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
