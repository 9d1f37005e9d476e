"""Visit files (see visit_files.py) on the disk of the instance, in the cache of files beside the copies."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import duckdb

from clickstream.querying.deadline import deadline
from clickstream.querying.visit_files import quoted, statement, version
from clickstream.table.cache import FileCache, StoredFile

log = logging.getLogger(__name__)

FOLDER = "visit_files"
# Visits of smaller files cost less than to keep them.
SMALLEST_BYTES = 2**18
# Bytes of a visit file for a byte of its file, at most a little more.
_SHARE = 0.4
# A file that takes longer than this, and longer than there is time, is not tried again.
_TOO_LONG_SECONDS = 5


class VisitFiles:
    """Makes visit files of copies. Safe to share between threads."""

    def __init__(self, cache: FileCache, database: duckdb.DuckDBPyConnection) -> None:
        self._cache = cache
        self._database = database
        self._making = threading.Lock()
        self._given_up: set[str] = set()

    def places(self, files: Collection[StoredFile], site: str) -> Mapping[str, StoredFile]:
        """The visit file of each file that is large enough for one, by the path of the file."""
        return {file.path: _visit_file(file, site) for file in files if file.size_bytes >= SMALLEST_BYTES}

    def made(self, copies: Mapping[StoredFile, Path], site: str, until: float) -> Sequence[tuple[Path, Path]]:
        """The copies that have a visit file, with that. Those without get one, in their order, until that time."""
        wanted = self.places(copies, site)
        pairs: list[tuple[Path, Path]] = []
        for file, copy in copies.items():
            if file.path not in wanted:
                continue
            if visits := self._cache.find(wanted[file.path]) or self._made(wanted[file.path], copy, site, until):
                pairs.append((copy, visits))
        return pairs

    def keep_only(self, files: Sequence[StoredFile]) -> None:
        """Delete the visit files of all other files, and those of an earlier definition."""
        names = {Path(file.place).name for file in files}

        def is_kept(place: str) -> bool:
            return Path(place).name in names and Path(place).parts[1] == version()

        self._cache.keep_only(FOLDER, is_kept)
        self._given_up = set(filter(is_kept, self._given_up))

    def _made(self, file: StoredFile, copy: Path, site: str, until: float) -> Path | None:
        wait = max(0.0, until - time.monotonic())
        if file.place in self._given_up or not self._making.acquire(timeout=wait):
            return None
        connection = self._database.cursor()
        seconds = until - time.monotonic()

        def write(part: Path) -> None:
            rows = f"SELECT *, file_row_number AS row FROM read_parquet({quoted(str(copy))}, file_row_number = true)"
            day = copy.parent.name.partition("=")[2]
            connection.execute(
                f"COPY ({statement(rows, site, day)}) TO {quoted(str(part))} "
                "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false)"
            )

        try:
            if seconds <= 0:
                return None
            with deadline(connection, seconds):
                return self._cache.make(file, write)
        except duckdb.InterruptException:
            if seconds > _TOO_LONG_SECONDS:
                self._given_up.add(file.place)
        except (duckdb.IOException, OSError) as error:
            log.warning("the visits of %s are not cached on disk: %s", file.path, error)
        except duckdb.Error as error:
            log.warning("the visits of %s are not cached on disk: %s", file.path, error)
            self._given_up.add(file.place)
        finally:
            connection.close()
            self._making.release()
        return None


def _visit_file(file: StoredFile, site: str) -> StoredFile:
    """In a folder of the definition's version and of the site, under the name of the copy."""
    folder = f"{FOLDER}/{version()}/{sha256(site.encode()).hexdigest()[:32]}"
    return StoredFile(file.path, int(file.size_bytes * _SHARE), f"{folder}/{Path(file.place).name}")
