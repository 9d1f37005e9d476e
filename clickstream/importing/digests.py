"""Which rows the last file of a sequence had: keyed digests of 128 bits, sorted, as one blob.

They are keyed because rows of persons could be guessed from plain ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from io import BytesIO
from typing import Any

import numpy as np

from clickstream.jobs.failing import Actor, JobFailed
from clickstream.storage.blobs import Container

DIGEST_BYTES = 16
_TYPE = np.dtype(f"S{DIGEST_BYTES}")


class RowDigests:
    """The digests of one file that is read, and of the one before it."""

    def __init__(self, container: Container, key: bytes, previous: str | None, parts: Sequence[str]) -> None:
        """`previous` is the blob of the last file's digests; `parts` are those of the rows that were read before.

        Raise JobFailed if a blob is gone, Unavailable.
        """
        self._container, self._key, self.parts = container, key, list(parts)
        self._new = bytearray()
        self._previous: Any = np.empty(0, _TYPE)
        if previous is not None:
            # On the disk, because there are as many as the file has rows.
            with tempfile.TemporaryFile() as file:
                size = container.download(previous, file)
                if size is None:
                    raise _gone(previous)
                file.flush()
                if size:
                    self._previous = np.memmap(file, _TYPE, "r")

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
        return (self._previous[at] == wanted).tolist()  # type: ignore[no-any-return]

    def store_part(self, path: str) -> None:
        """Store the digests of the rows since the last part. Raise Unavailable."""
        if self._new:
            self._container.write(path, bytes(self._new))
            self.parts.append(path)
            self._new.clear()

    def store(self, path: str) -> None:
        """Store the sorted digests of the whole file. Raise JobFailed if a part is gone, Unavailable."""
        found = BytesIO()
        for part in self.parts:
            if self._container.download(part, found) is None:
                raise _gone(part)
        found.write(self._new)
        np.frombuffer(found.getbuffer(), _TYPE).sort()  # in place
        self._container.write(path, found.getbuffer())


def _gone(path: str) -> JobFailed:
    return JobFailed(Actor.OPERATOR, "no_digests", f"{path} is gone; `reset` the job to import the next file whole")
