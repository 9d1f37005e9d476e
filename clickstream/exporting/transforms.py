"""What becomes of an exported file's text on its way: it is compressed, encrypted, both in either order, or neither."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from clickstream.jobs.failing import Actor, JobFailed
from clickstream.sites.exports import ENCRYPTED, Target

# zlib's own window size, and the header of gzip, which names no file and no time.
GZIP_WINDOW = 31
# Else an archive would say when it was written.
NO_TIME = (1980, 1, 1, 0, 0, 0)
READ_BYTES = 1 << 16
# What the child gets of the environment; the rest holds secrets.
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Transform(Protocol):
    """Bytes in, other bytes out, some of them later."""

    def write(self, data: bytes) -> bytes:
        """Take data. Returns what is ready so far. Raise JobFailed."""

    def close(self) -> bytes:
        """Returns the rest. Raise JobFailed."""

    def abandon(self) -> None:
        """Release what it holds; nothing is written any more. Harmless after `close`."""


def transforms_of(to: Target, path: str, recipients: Sequence[bytes]) -> Sequence[Transform]:
    """The transforms of the file of this path, in order. `recipients` are certificates that files are encrypted for."""
    compression: list[Transform] = []
    if to.compress == "gzip":
        compression = [Gzip()]
    elif to.compress == "zip":
        name = path.rpartition("/")[2].removesuffix(ENCRYPTED if to.compress_first else "")
        compression = [Zip(name.removesuffix(".zip"))]
    encryption: list[Transform] = [Encryption(recipients)] if recipients else []
    return [*compression, *encryption] if to.compress_first else [*encryption, *compression]


class Gzip:
    """One member of gzip."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=GZIP_WINDOW)

    def write(self, data: bytes) -> bytes:
        """Compress data."""
        return self._compressor.compress(data)

    def close(self) -> bytes:
        """The end of the member."""
        return self._compressor.flush()

    def abandon(self) -> None:
        """Nothing to release."""


class Zip:
    """A zip archive of one entry of any size."""

    def __init__(self, entry: str) -> None:
        self._ready = _Ready()
        self._archive = zipfile.ZipFile(self._ready, "w")
        info = zipfile.ZipInfo(entry, NO_TIME)
        info.compress_type = zipfile.ZIP_DEFLATED
        # The size is not known beforehand, and what is written cannot be changed.
        self._entry = self._archive.open(info, "w", force_zip64=True)

    def write(self, data: bytes) -> bytes:
        """Compress data."""
        self._entry.write(data)
        return self._ready.take()

    def close(self) -> bytes:
        """The end of the entry, and the archive's directory."""
        self._entry.close()
        self._archive.close()
        return self._ready.take()

    def abandon(self) -> None:
        """Nothing to release."""


class _Ready:
    """A sink without positions; the archive does not seek in it."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class Encryption:
    """A message of OpenPGP, by a child process: the library keeps the interpreter's lock while it encrypts."""

    def __init__(self, recipients: Sequence[bytes]) -> None:
        command = [sys.executable, "-m", "clickstream.exporting.encryption_child", *map(bytes.hex, recipients)]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                **{name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
            },
        )
        self._ready: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._errors = b""
        self._readers = [threading.Thread(target=work, daemon=True) for work in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def write(self, data: bytes) -> bytes:
        """Pass data to the child."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
        except BrokenPipeError:
            self.close()
        return b"".join(self._taken())

    def close(self) -> bytes:
        """Wait for the child's end."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        for reader in self._readers:
            reader.join()
        if self._child.wait() != 0:
            why = self._errors.decode(errors="replace").strip().splitlines()[-1:]
            raise JobFailed(Actor.US, "encryption_failed", f"files cannot be encrypted: {' '.join(why)[:200]}")
        return b"".join(self._taken())

    def abandon(self) -> None:
        """End the child."""
        self._child.kill()
        self._child.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None and not pipe.closed:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as output:
            while data := os.read(output.fileno(), READ_BYTES):
                self._ready.put(data)

    def _read_errors(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as errors:
            self._errors = errors.read()

    def _taken(self) -> Iterator[bytes]:
        while not self._ready.empty():
            yield self._ready.get()
