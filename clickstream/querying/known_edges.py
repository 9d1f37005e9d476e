"""Edges (see visit_edges.py) that were found before, until the table changes: their keys in memory, and their events on
the disk beside the visit files.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import duckdb

from clickstream.querying.visit_copies import FOLDER
from clickstream.querying.visit_edges import Edges, Wanted
from clickstream.querying.visit_files import Visits, version
from clickstream.querying.visit_views import join_events, number_events
from clickstream.table.cache import FileCache, StoredFile

# About as many bytes: a key has eight, and each entry some hundred.
MOST_BYTES = 2**24
_ENTRY_BYTES = 2**10
# About the size of a file of edges' events: there are few.
_FILE_BYTES = 2**18


class KnownEdges:
    """The edges used last. Safe to share between threads."""

    def __init__(self, files: FileCache, piece_bytes: int = 2**24) -> None:
        """`piece_bytes`: of a group of files' rows; so many are of half a million to a million events."""
        self.files = files
        self.piece_bytes = piece_bytes
        self._found: OrderedDict[Hashable, Edges] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, files: Sequence[Visits], site: str, rows: Hashable) -> EdgesOf:
        """Those of a site's events, of which `files` have visit files. `rows` tells which events these are."""
        return EdgesOf(self, files, site, (site, rows, tuple(file.rows.name for file in files)))

    def get(self, key: Hashable) -> Edges | None:
        """The edges, if they are known."""
        with self._lock:
            if (edges := self._found.get(key)) is not None:
                self._found.move_to_end(key)
            return edges

    def put(self, key: Hashable, edges: Edges) -> None:
        """Add edges, and forget those used least recently."""
        with self._lock:
            if key in self._found:
                return
            self._found[key] = edges
            self._bytes += _size(edges)
            while self._bytes > MOST_BYTES:
                self._bytes -= _size(self._found.popitem(last=False)[1])

    def forget(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._found.clear()
            self._bytes = 0


@dataclass(frozen=True, slots=True)
class EdgesOf:
    """Those of a site's events in some files; see `visit_edges.KnownEdges`."""

    _known: KnownEdges
    _files: Sequence[Visits]
    _site: str
    _key: Hashable

    def get(self, wanted: Wanted) -> Edges | None:
        """The edges, if they are known."""
        return self._known.get((self._key, wanted.key))

    def put(self, wanted: Wanted, edges: Edges) -> None:
        """Add edges."""
        self._known.put((self._key, wanted.key), edges)

    @property
    def pieces(self) -> Sequence[Sequence[Visits]]:
        """The files in groups whose rows have about so many bytes."""
        groups: list[list[Visits]] = []
        left = 0
        for file in self._files:
            if left <= 0:
                groups.append([])
                left = self._known.piece_bytes
            groups[-1].append(file)
            left -= file.rows.stat().st_size
        return groups

    def rows(self, wanted: Wanted, write: Callable[[Path], None]) -> Path | None:
        """The file of the edges' events, which is written if there is none; None without room for it."""
        name = sha256(repr((self._key, wanted.key)).encode()).hexdigest()[:32]
        return self._known.files.make(
            StoredFile(name, _FILE_BYTES, f"{FOLDER}/{version()}/edges/{name}.parquet"), write
        )

    def join_events(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the view of the rows beside those of events, unless the connection has it."""
        join_events(connection, self._files, self._site)

    def number_events(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create the views of events and rows with their numbers, unless the connection has them."""
        number_events(connection, self._files)


def _size(edges: Edges) -> int:
    return int(edges.keys.nbytes) + _ENTRY_BYTES
