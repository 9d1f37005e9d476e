"""Files of the lake, copied once to the instance's disk.

A file of a Delta table never changes, so a copy is never out of date; it goes when the table names the file no more,
or when others need its room. Several processes may share the folder: a copy appears under its name only when it is
whole, and room is made by one process at a time. A copy may go while another process reads it: who then finds it
missing has to ask again.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from obstore.store import AzureStore

log = logging.getLogger(__name__)

PARALLEL_COPIES = 8
CHUNK_BYTES = 4_194_304
UNFINISHED = ".part"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the container, and where below the cache's folder its copy stands."""

    path: str
    size_bytes: int
    place: str


class FileCache:
    """Copies of one container's files, of `max_bytes` together at most. Safe to share between threads."""

    def __init__(self, container: AzureStore, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self._container = container
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._pending: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(PARALLEL_COPIES, thread_name_prefix="file cache")

    @contextlib.contextmanager
    def holding(self, files: Sequence[StoredFile], seconds: float) -> Iterator[Mapping[str, Path]]:
        """Copies by the path of their file, kept from other threads of this process.

        Those that do not fit, that cannot be read or are not there within `seconds` are left out: the last ones first
        where there is no room, and without stopping what is under way.
        """
        places = [file.place for file in files]
        with self._lock:
            self._held.update(places)
        try:
            yield self._filled(files, seconds) if self._max_bytes else {}
        finally:
            with self._lock:
                self._held.subtract(places)
                self._held += Counter()  # without those that nobody holds

    def keep_only(self, under: str, places: Collection[str]) -> None:
        """Delete every copy in a folder below the cache's that stands at none of these places, held or not."""
        for path in self._present(under):
            if path.suffix != UNFINISHED and str(path.relative_to(self.folder)) not in places:
                path.unlink(missing_ok=True)

    def _filled(self, files: Sequence[StoredFile], seconds: float) -> Mapping[str, Path]:
        try:
            copies, missing = self._copies(files)
            if missing:
                wait(self._fill(missing), seconds)
                copies |= self._copies(missing)[0]
        except OSError as error:
            log.warning("files cannot be kept in %s: %s", self.folder, error)
            return {}
        return copies

    def _copies(self, files: Sequence[StoredFile]) -> tuple[dict[str, Path], list[StoredFile]]:
        """The copies that are there, marked as used now, and the files that have none."""
        copies: dict[str, Path] = {}
        missing = []
        for file in files:
            path = self.folder / file.place
            try:
                found = path.stat()
                # The time of last change stays: readers know by it that what they remember of a file still holds.
                os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
            except FileNotFoundError:
                missing.append(file)
                continue
            copies[file.path] = path
        return copies, missing

    def _fill(self, files: Sequence[StoredFile]) -> Sequence[Future[None]]:
        """Start to copy as many of the files as fit, in order, as far as nobody does already."""
        with self._lock, self._alone():
            fresh = [file for file in files if file.place not in self._pending]
            room = self._make_room(sum(file.size_bytes for file in fresh))
            for file in fresh:
                room -= file.size_bytes
                if room < 0:
                    break
                self._pending[file.place] = self._pool.submit(self._copy, file, *self._reserve(file))
            return [self._pending[file.place] for file in files if file.place in self._pending]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else, in no process, makes room or names a copy meanwhile."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_room(self, needed: int) -> int:
        """Delete what was longest not used until so many bytes are free, as far as it is not held. Returns the room."""
        found: list[tuple[int, int, Path]] = []
        room = self._max_bytes
        for path in self._present():
            if path.suffix == UNFINISHED and _is_abandoned(path):
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(FileNotFoundError):
                told = path.stat()
                room -= told.st_size
                if path.suffix != UNFINISHED and not self._held[str(path.relative_to(self.folder))]:
                    found.append((told.st_atime_ns, told.st_size, path))
        for _, size, path in sorted(found):
            if room >= needed:
                break
            path.unlink(missing_ok=True)
            room += size
        return room

    def _present(self, under: str = "") -> Sequence[Path]:
        return [path for path in (self.folder / under).rglob("*") if path.name != LOCK and path.is_file()]

    def _reserve(self, file: StoredFile) -> tuple[int, Path]:
        """An empty file as large as the copy will be, locked as long as this process writes to it."""
        part = self.folder / f"{file.place}.{uuid4().hex}{UNFINISHED}"
        part.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.truncate(descriptor, file.size_bytes)
        return descriptor, part

    def _copy(self, file: StoredFile, descriptor: int, part: Path) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            with open(descriptor, "wb") as local:
                size = sum(local.write(chunk) for chunk in obstore.get(self._container, file.path).stream(CHUNK_BYTES))
                local.flush()
                if size != file.size_bytes:
                    raise OSError(f"{size} bytes instead of {file.size_bytes}")
                with self._alone():  # who makes room must count it under one of its names
                    part.rename(self.folder / file.place)
        except (BaseError, OSError) as error:
            log.warning("%s is not kept on disk: %s", file.path, error)
            part.unlink(missing_ok=True)
        finally:
            with self._lock:
                del self._pending[file.place]


def _is_abandoned(part: Path) -> bool:
    """Whether the process that wrote it has ended."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # it is whole now, and has its name
        return False
    except BlockingIOError:
        return False
    return True
