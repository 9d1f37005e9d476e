"""Visit files (see visit_files.py) on the disk of the instance, in the cache of files beside the copies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import duckdb

from clickstream.querying.deadline import deadline
from clickstream.querying.visit_files import Kind, Visits, compute, version, write
from clickstream.table.cache import FileCache, StoredFile

log = logging.getLogger(__name__)

FOLDER = "visit_files"
# Visits of smaller files cost less than to keep them.
SMALLEST_BYTES = 2**16
# Bytes of a visit file of each kind for a byte of its file, at most a little more.
_SHARES = {Kind.ROWS: 0.4, Kind.STAYS: 0.2}
# A file that takes longer than this, and longer than there is time, is not tried again.
_TOO_LONG_SECONDS = 5


class VisitFiles:
    """Makes visit files of copies. Safe to share between threads."""

    def __init__(self, cache: FileCache, database: duckdb.DuckDBPyConnection) -> None:
        self._cache = cache
        self._database = database
        self._making = threading.Lock()
        self._given_up: set[str] = set()  # names of copies

    def places(self, files: Collection[StoredFile], site: str) -> Sequence[StoredFile]:
        """The visit files of all files that are large enough for them."""
        large = (file for file in files if file.size_bytes >= SMALLEST_BYTES)
        return [_visit_file(file, site, kind) for file in large for kind in Kind]

    def made(self, copies: Mapping[StoredFile, Path], site: str, until: float) -> Sequence[Visits]:
        """The copies that have visit files, with these. Those without get them, in their order, until that time."""
        found: list[Visits] = []
        for file, copy in copies.items():
            if file.size_bytes < SMALLEST_BYTES:
                continue
            wanted = {kind: _visit_file(file, site, kind) for kind in Kind}
            paths = {kind: path for kind, place in wanted.items() if (path := self._cache.find(place)) is not None}
            if len(paths) < len(wanted):
                paths = self._made(wanted, copy, site, until)
            if len(paths) == len(wanted):
                found.append(Visits(copy, paths[Kind.ROWS], paths[Kind.STAYS]))
        return found

    def keep_only(self, files: Sequence[StoredFile]) -> None:
        """Delete the visit files of all other files, and those of an earlier definition."""
        names = {Path(file.place).name for file in files}

        def is_kept(place: str) -> bool:
            return Path(place).name in names and Path(place).parts[1] == version()

        self._cache.keep_only(FOLDER, is_kept)
        self._given_up &= names

    def _made(self, wanted: Mapping[Kind, StoredFile], copy: Path, site: str, until: float) -> dict[Kind, Path]:
        """The visit files of a copy; fewer if there is not time or room for all."""
        wait = max(0.0, until - time.monotonic())
        if copy.name in self._given_up or not self._making.acquire(timeout=wait):
            return {}
        paths: dict[Kind, Path] = {}
        connection = self._database.cursor()
        seconds = until - time.monotonic()
        try:
            if seconds <= 0:
                return {}
            with deadline(connection, seconds):
                compute(connection, copy, site)
                for kind, place in wanted.items():
                    if (path := self._cache.make(place, partial(write, connection, kind))) is not None:
                        paths[kind] = path
        except duckdb.InterruptException:
            if seconds > _TOO_LONG_SECONDS:
                self._given_up.add(copy.name)
        except (duckdb.IOException, OSError) as error:
            log.warning("the visits of %s are not cached on disk: %s", copy, error)
        except duckdb.Error as error:
            log.warning("the visits of %s are not cached on disk: %s", copy, error)
            self._given_up.add(copy.name)
        finally:
            connection.close()
            self._making.release()
        return paths


def _visit_file(file: StoredFile, site: str, kind: Kind) -> StoredFile:
    """In a folder of the definition's version, of the site and of the kind, under the name of the copy."""
    folder = f"{FOLDER}/{version()}/{sha256(site.encode()).hexdigest()[:32]}/{kind}"
    return StoredFile(file.path, int(file.size_bytes * _SHARES[kind]), f"{folder}/{Path(file.place).name}")
