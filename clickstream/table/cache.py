"""A disk cache of the lake's files, on the instance.

A file of a Delta table never changes, so a copy is never out of date. A copy is deleted when the table no longer names
the file, or when other copies need the room. Several processes may share the folder: a copy gets its name only when it
is complete, and only one process at a time makes room. A copy may be deleted while another process uses it; that
process must ask for it again.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from clickstream.errors import Unavailable
from clickstream.storage.blobs import Container

log = logging.getLogger(__name__)

PARALLEL_COPIES = 8
UNFINISHED = ".part"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the container. `place` is the path of its copy below the cache's folder."""

    path: str
    size_bytes: int
    place: str


class FileCache:
    """Copies of one container's files, `max_bytes` in total at most. Safe to share between threads."""

    def __init__(self, container: Container, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._container = container
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._use_counts: Counter[str] = Counter()
        self._pending: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(PARALLEL_COPIES, thread_name_prefix="file cache")

    @contextlib.contextmanager
    def holding(
        self, files: Sequence[StoredFile], seconds: float, beside: Sequence[StoredFile] = ()
    ) -> Iterator[Mapping[str, Path]]:
        """Copies by the path of their file. While the context is open, this process makes no room by deleting them, or
        what it made `beside` them.

        Files that cannot be read, or are not copied within `seconds`, are left out; copying goes on. If there is not
        room for all, the last ones are left out.
        """
        places = [file.place for file in (*files, *beside)]
        with self._lock:
            self._use_counts.update(places)
        try:
            yield self._filled(files, seconds) if self._max_bytes else {}
        finally:
            with self._lock:
                self._use_counts.subtract(places)
                self._use_counts += Counter()  # drops counts of zero

    def keep_only(self, under: str, is_kept: Callable[[str], bool]) -> None:
        """Delete every copy in a folder below the cache's whose place is not kept, even if it is in use."""
        for path in self._present(under):
            if path.suffix != UNFINISHED and not is_kept(str(path.relative_to(self.folder))):
                path.unlink(missing_ok=True)

    def find(self, file: StoredFile) -> Path | None:
        """The file at its place, if it is there."""
        return self._copies([file])[0].get(file.path)

    def make(self, file: StoredFile, write: Callable[[Path], None]) -> Path | None:
        """The file at a place; if there is none, have it written: it is derived from copies, not in the container.
        None if there is no room for the size that it is expected to have.

        Raise OSError, and what `write` raises.
        """
        if (present := self.find(file)) is not None:
            return present
        with self._lock, self._alone():
            if self._make_room(file.size_bytes) < file.size_bytes:
                return None
            descriptor, part = self._reserve(file)
        try:
            write(part)
            with self._alone():
                return part.rename(self.folder / file.place)
        finally:
            part.unlink(missing_ok=True)
            os.close(descriptor)

    def _filled(self, files: Sequence[StoredFile], seconds: float) -> Mapping[str, Path]:
        try:
            copies, missing = self._copies(files)
            if missing:
                wait(self._fill(missing), seconds)
                copies |= self._copies(missing)[0]
        except OSError as error:
            log.warning("files cannot be cached in %s: %s", self.folder, error)
            return {}
        return copies

    def _copies(self, files: Sequence[StoredFile]) -> tuple[dict[str, Path], list[StoredFile]]:
        """The copies that exist, marked as used now, and the files without one."""
        copies: dict[str, Path] = {}
        missing = []
        for file in files:
            path = self.folder / file.place
            try:
                status = path.stat()
                # Keep the time of last change: by it readers know that what they cached of the file is still valid.
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
            except FileNotFoundError:
                missing.append(file)
                continue
            copies[file.path] = path
        return copies, missing

    def _fill(self, files: Sequence[StoredFile]) -> Sequence[Future[None]]:
        """Start to copy the files that are not being copied yet, in order, as many as fit. Returns pending copies."""
        with self._lock, self._alone():
            queued = [file for file in files if file.place not in self._pending]
            room = self._make_room(sum(file.size_bytes for file in queued))
            for file in queued:
                room -= file.size_bytes
                if room < 0:
                    break
                self._pending[file.place] = self._pool.submit(self._copy, file, *self._reserve(file))
            return [self._pending[file.place] for file in files if file.place in self._pending]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the folder: no other thread or process makes room or names a copy meanwhile."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_room(self, needed: int) -> int:
        """Delete the least recently used copies, except those in use, until `needed` bytes are free.

        Returns the free bytes, which may be fewer.
        """
        deletable: list[tuple[int, int, Path]] = []
        room = self._max_bytes
        for path in self._present():
            if path.suffix == UNFINISHED and _is_abandoned(path):
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                room -= status.st_size
                if path.suffix != UNFINISHED and not self._use_counts[str(path.relative_to(self.folder))]:
                    deletable.append((status.st_atime_ns, status.st_size, path))
        for _, size, path in sorted(deletable):
            if room >= needed:
                break
            path.unlink(missing_ok=True)
            room += size
        return room

    def _present(self, under: str = "") -> Sequence[Path]:
        # `rglob` takes several times as long.
        return [Path(at, name) for at, _, names in os.walk(self.folder / under) for name in names if name != LOCK]

    def _reserve(self, file: StoredFile) -> tuple[int, Path]:
        """Create an empty file of the copy's size, locked while this process writes to it. Returns descriptor, path."""
        part = self.folder / f"{file.place}.{uuid4().hex}{UNFINISHED}"
        part.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.truncate(descriptor, file.size_bytes)
        return descriptor, part

    def _copy(self, file: StoredFile, descriptor: int, part: Path) -> None:
        try:
            with open(descriptor, "wb") as local:
                size = self._container.download(file.path, local)
                local.flush()
                if size != file.size_bytes:
                    raise OSError(f"{size} bytes instead of {file.size_bytes}")
                with self._alone():  # so that a process that makes room counts it under exactly one name
                    part.rename(self.folder / file.place)
        except (Unavailable, OSError) as error:
            log.warning("%s is not cached on disk: %s", file.path, error)
            part.unlink(missing_ok=True)
        finally:
            with self._lock:
                del self._pending[file.place]


def _is_abandoned(part: Path) -> bool:
    """Whether the process that wrote the file has ended, which released its lock."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # it is complete now and has been renamed
        return False
    except BlockingIOError:
        return False
    return True
