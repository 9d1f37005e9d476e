"""One file of an export: rows become text, which is compressed or encrypted, and staged blocks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.csv as pc

from clickstream.exporting.transforms import transforms_of
from clickstream.sites.exports import ENCRYPTED, Export

BLOCK_BYTES = 4 * 2**20
CONTENT_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".ndjson": "application/x-ndjson",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ENCRYPTED: "application/pgp-encrypted",
}


class Staging(Protocol):
    """Stores blocks of a blob that are not visible yet."""

    def stage(self, path: str, block: str, data: BinaryIO) -> None:
        """Store a block, the data from where they are read to their end. Raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file whose blocks are staged. `attempt` is the run's attempt that staged them."""

    path: str
    attempt: int
    blocks: int
    rows: int
    bytes: int
    sha256: str


def block_id(run_id: str, attempt: int, index: int) -> str:
    """The id of a block. Those of two attempts differ, so that a file never mixes blocks of both."""
    return f"{run_id.replace('-', '')}{attempt:05}{index:06}"


def content_type(job: Export) -> str:
    """The media type of the job's files."""
    return CONTENT_TYPES[job.extensions[-1]]


class PartWriter:
    """Writes rows to one file. It holds one block in memory."""

    def __init__(
        self,
        staging: Staging,
        path: str,
        run_id: str,
        attempt: int,
        job: Export,
        schema: pa.Schema,
        delimiter: str,
        recipients: Sequence[bytes] = (),
    ) -> None:
        self._staging, self._path, self._run_id, self._attempt = staging, path, run_id, attempt
        self._transforms = transforms_of(job.to, path, recipients)
        self._block = io.BytesIO()
        self._digest = sha256()
        self._blocks = self._rows = self._staged_bytes = 0
        self._csv: Any = None
        if job.format == "csv":
            options = pc.WriteOptions(include_header=job.headers, delimiter=delimiter)
            self._csv = pc.CSVWriter(pa.PythonFile(_Sink(self), mode="w"), schema, write_options=options)

    @property
    def size_bytes(self) -> int:
        """The bytes of the file so far."""
        return self._staged_bytes + self._block.tell()

    def write(self, rows: pa.RecordBatch) -> None:
        """Add rows. Raise Unavailable."""
        self._rows += rows.num_rows
        if self._csv is not None:
            self._csv.write_batch(rows)
        elif rows.num_rows:
            self._take(("\n".join(rows.column(0).to_pylist()) + "\n").encode())

    def close(self) -> Part:
        """Stage the rest. Raise Unavailable."""
        if self._csv is not None:
            self._csv.close()
        rest = b""
        for transform in self._transforms:
            rest = transform.write(rest) + transform.close()
        self._block.write(rest)
        if self._block.tell():
            self._stage()
        return Part(self._path, self._attempt, self._blocks, self._rows, self._staged_bytes, self._digest.hexdigest())

    def abandon(self) -> None:
        """Release what the writer holds. Its blocks vanish in a week."""
        for transform in self._transforms:
            transform.abandon()

    def _take(self, text: bytes) -> None:
        for transform in self._transforms:
            text = transform.write(text)
        self._block.write(text)
        if self._block.tell() >= BLOCK_BYTES:
            self._stage()

    def _stage(self) -> None:
        self._staged_bytes += self._block.tell()
        self._block.truncate()
        self._digest.update(self._block.getbuffer())
        self._block.seek(0)
        self._staging.stage(self._path, block_id(self._run_id, self._attempt, self._blocks), self._block)
        self._blocks += 1
        self._block.seek(0)


class _Sink:
    """What Arrow's CSV writer writes to."""

    def __init__(self, part: PartWriter) -> None:
        self._part = part
        self.closed = False

    def write(self, text: bytes) -> int:
        self._part._take(bytes(text))
        return len(text)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
