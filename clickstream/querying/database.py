"""Run statements over one site's rows of the newest version of a table, within limits of time and memory.

Files of the requested dates are copied to the instance's disk once and read from there; those that do not fit are read
from storage. Results are cached until the table changes.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import accumulate
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from clickstream.errors import LimitExceeded, Unavailable
from clickstream.querying.answers import Answers, Question
from clickstream.querying.deadline import deadline
from clickstream.querying.known_edges import EdgesOf, KnownEdges
from clickstream.querying.materialising import answers as computed
from clickstream.querying.materialising import read_visit_files
from clickstream.querying.statement import Statement
from clickstream.querying.visit_copies import VisitFiles
from clickstream.querying.visit_files import Visits
from clickstream.querying.visit_views import OTHERS, show
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.table.cache import FileCache, StoredFile
from clickstream.table.data_files import DataFile
from clickstream.table.reading import Snapshot, TableReader
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    AUDIENCE_CHANGES_TABLE,
    EVENTS_TABLE,
    IDENTITIES_TABLE,
    PROFILES_TABLE,
    TRAITS_TABLE,
    TableSpec,
)

# A file can be deleted while it is read: if the table no longer names it, or if another process needs its room.
TRIES = 3
# Tables that any statement may read, all rows of the site. They are opened in this order, the derived one first.
_BESIDE = {
    spec.name: spec for spec in (AUDIENCE_CHANGES_TABLE, PROFILES_TABLE, IDENTITIES_TABLE, TRAITS_TABLE, ACTIVITY_TABLE)
}
_SOURCE = re.compile(rf"\b(?:FROM|JOIN) ({'|'.join(_BESIDE)})\b")
# Erased rows stay on the disk of an instance without queries for at most this long.
LOOK_AGAIN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class _Rows:
    """A site's rows of some dates, first and last included, in one version of a table, and all of its rows in other
    tables `beside` it.
    """

    table: TableSpec
    snapshot: Snapshot
    site_id: str
    dates: tuple[date, date]
    beside: Mapping[TableSpec, Snapshot]

    @property
    def files(self) -> Mapping[TableSpec, Sequence[DataFile]]:
        """The files that may hold them, by table."""
        first, last = self.dates
        files = {spec: snapshot.of_site(self.site_id) for spec, snapshot in self.beside.items()}
        return {**files, self.table: [f for f in self.snapshot.of_site(self.site_id) if first <= f.day <= last]}

    @property
    def versions(self) -> Mapping[str, int]:
        """The version of each table by its name."""
        beside = {spec.name: snapshot.version for spec, snapshot in self.beside.items()}
        return {**beside, self.table.name: self.snapshot.version}

    def question(self, statement: Statement) -> Question:
        """The key by which the statement's result over these rows is cached."""
        return Question.of(self.versions, (self.site_id, *self.dates), statement)


def tables_beside(table: TableSpec, *statements: str) -> Sequence[TableSpec]:
    """The derived tables that statements read besides their main one."""
    names = {name for sql in statements for name in _SOURCE.findall(sql)}
    return [spec for name, spec in _BESIDE.items() if name in names and spec is not table]


class LakeDatabase:
    """Runs statements; safe to share between threads. All of them share the memory limit of the settings."""

    def __init__(self, account: StorageAccount, settings: Settings, tables: Sequence[TableSpec]) -> None:
        container = settings.lake_container
        self._settings = settings
        self._readers = {spec.name: TableReader(spec, account, container) for spec in tables}
        self._files = FileCache(
            account.container(container), _folder(account, settings), settings.query_files_mb * 2**20
        )
        self._answers = Answers(settings.query_answers_mb * 2**20)
        self._columns: dict[str, frozenset[str]] = {}  # by the file name of a copy
        self._versions: dict[str, int] = {}
        self._watch: threading.Thread | None = None
        self._lock = threading.Lock()
        self._database = duckdb.connect(
            config={
                "memory_limit": f"{settings.query_memory_mb}MB",
                "temp_directory": str(Path(tempfile.gettempdir()) / f"clickstream-reports-{os.getpid()}"),
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._edges = KnownEdges(self._files)
        self._visit_files = VisitFiles(self._files, self._database)
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        # A copy of a file never changes.
        self._database.execute("SET GLOBAL parquet_metadata_cache = true")
        # Not in `config`: the engine reports that value but resets it when it creates the directory.
        self._database.execute(f"SET GLOBAL max_temp_directory_size = '{settings.query_spill_mb}MB'")
        self._database.execute(f"SET allowed_directories = [{_quoted(str(self._files.folder))}]")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")

    def days(self, table: TableSpec, site_id: str) -> Sequence[date]:
        """The dates (values of the partition column) that may have rows of the site, in order. Raise Unavailable."""
        return self.newest(table.name).days(site_id)

    def run(
        self, table: TableSpec, site_id: str, first: date, last: date, *statements: Statement
    ) -> Sequence[pa.Table]:
        """Run each statement over the site's rows of these dates, both included, all of the newest table version; those
        that read a derived table, over all of the site's rows of that, too.

        A statement must be deterministic, since its result is cached. Raise InvalidRequest for a pattern that RE2
        refuses, LimitExceeded if it takes too long or too much memory, Unavailable.
        """
        return self.run_at(None, table, site_id, (first, last), statements)

    def run_at(
        self,
        snapshot: Snapshot | None,
        table: TableSpec,
        site_id: str,
        dates: tuple[date, date],
        statements: Sequence[Statement],
        *,
        questions: int = 1,
    ) -> Sequence[pa.Table]:
        """The same over a version that `newest` returned, unless it is gone; None for the newest. The statements may
        take as long as so many questions. Raise as `run` does.
        """
        seconds = self._settings.query_timeout_seconds * questions
        until = time.monotonic() + seconds
        derived = tables_beside(table, *(statement.sql for statement in statements))
        for left in reversed(range(TRIES)):
            # What is derived is read first, so that it is not newer than what it is derived from.
            beside = {spec: self.newest(spec.name) for spec in derived}
            at = snapshot if snapshot is not None and left == TRIES - 1 else self.newest(table.name)
            rows = _Rows(table, at, site_id, dates, beside)
            try:
                return self._run(rows, statements, seconds, until, with_copies=left > 0)
            except (duckdb.IOException, OSError) as error:
                if not left:
                    raise Unavailable(f"the table {table.name} cannot be read: {error}") from error
        raise AssertionError("the last try returns or raises")

    def look_again(self) -> None:
        """Delete copies of files and cached results that belong to older table versions. Raise Unavailable."""
        for name in list(self._versions):
            self.newest(name)

    def _run(
        self, rows: _Rows, statements: Sequence[Statement], seconds: float, until: float, *, with_copies: bool
    ) -> Sequence[pa.Table]:
        asked = dict(zip(map(rows.question, statements), statements, strict=True))
        answers: dict[Question, pa.Table] = {}
        while missing := [question for question in asked if question not in answers]:
            with self._answers.sharing(missing) as shared:
                answers |= shared.known
                if shared.own:
                    own = [asked[question] for question in shared.own]
                    with self._over(rows, own, seconds, until, with_copies) as (connection, edges):
                        for place, answer in computed(connection, own, edges):
                            question = shared.own[place]
                            answers[question] = answer
                            shared.put(question, answer)
                            if rows.versions.items() <= self._versions.items():
                                self._answers.put(question, answer)
            answers |= shared.of_others(max(0.0, until - time.monotonic()))
            if len(answers) < len(asked) and time.monotonic() >= until:
                raise _too_long(seconds, rows)
        return [answers[rows.question(statement)] for statement in statements]

    def newest(self, name: str) -> Snapshot:
        """The newest snapshot. If its version is new, delete the copies and results of older versions. Raise
        Unavailable.
        """
        snapshot = self._readers[name].snapshot()
        with self._lock:
            seen = self._versions.get(name)
            self._versions[name] = snapshot.version
        if seen != snapshot.version:
            self._answers.forget_other_versions(name, snapshot.version)
            stored = [_stored(self._readers[name].spec, file) for file in snapshot.files]
            self._files.keep_only(name, {file.place for file in stored}.__contains__)
            if name == EVENTS_TABLE.name:
                self._visit_files.keep_only(stored)
                self._edges.forget()
        return snapshot

    @contextmanager
    def _over(
        self, rows: _Rows, statements: Sequence[Statement], seconds: float, until: float, with_copies: bool
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, EdgesOf | None]]:
        """A connection that has the rows under the tables' names, and the edges known in their visit files; None if
        there are no views of these. `until` interrupts it.
        """
        files = rows.files
        stored = {
            spec: {file.path: _stored(spec, file) for file in sorted(of_table, key=lambda file: file.day, reverse=True)}
            for spec, of_table in (files.items() if with_copies else ())
        }
        connection = self._database.cursor()
        try:
            wanted = [each for of_table in stored.values() for each in of_table.values()]
            of_events = stored.get(EVENTS_TABLE, {}) if read_visit_files(statements) else {}
            visits = self._visit_files.places(of_events.values(), rows.site_id)
            with self._files.holding(wanted, _half(until), beside=visits) as copies:
                self._keep_watch()
                pairs: Sequence[Visits] = []
                for spec, of_table in files.items():
                    places = {path: copies.get(each.path) for path, each in stored.get(spec, {}).items()}
                    at = {path: place for path, place in places.items() if place is not None}
                    self._show(connection, spec.name, spec, rows.site_id, of_table, at)
                    if spec is EVENTS_TABLE and visits:
                        whole = {of_events[path]: place for path, place in at.items() if self._is_whole(spec, place)}
                        pairs = self._visit_files.made(whole, rows.site_id, time.monotonic() + _half(until))
                    if pairs:
                        with_visits = {file.events for file in pairs}
                        rest = [file for file in of_table if at.get(file.path) not in with_visits]
                        self._show(connection, OTHERS, spec, rows.site_id, rest, at)
                        show(connection, pairs)
                with deadline(connection, max(0.0, until - time.monotonic())):
                    yield connection, self._edges_of(rows, pairs) if pairs else None
        except duckdb.InterruptException as error:
            raise _too_long(seconds, rows) from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise LimitExceeded(f"the query needed too much memory; {_smaller_range(rows)}") from error
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            raise Unavailable(f"the table {rows.table.name} cannot be read: {error}") from error
        finally:
            connection.close()

    def _edges_of(self, rows: _Rows, files: Sequence[Visits]) -> EdgesOf:
        """The edges that are known in these rows, of which the files have visit files."""
        return self._edges.of(files, rows.site_id, (rows.versions[EVENTS_TABLE.name], rows.dates))

    def _show(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        table: TableSpec,
        site_id: str,
        files: Sequence[DataFile],
        copies: Mapping[str, Path],
    ) -> None:
        """Create a view of this name with the site's rows of the files, read from their copies where there are any."""
        paths = [copies[file.path] for file in files if file.path in copies]
        left = [file for file in files if file.path not in copies]
        whole = all(self._is_whole(table, path) for path in paths)
        if not paths:
            connection.register(name, self._stored_rows(table, left, site_id))
            return
        listed = ", ".join(_quoted(str(path)) for path in paths)
        rows = (
            f"SELECT * FROM read_parquet([{listed}], hive_partitioning = true, "
            f"hive_types = {{'{table.partition}': DATE}}, union_by_name = {str(not whole).lower()}) "
            f"WHERE site = {_quoted(site_id)}"
        )
        if left or not whole:
            # Union by name, so that columns which no copy has are null.
            connection.register(f"stored_{name}", self._stored_rows(table, left, site_id))
            rows += f' UNION ALL BY NAME SELECT * FROM "stored_{name}"'
        connection.execute(f'CREATE TEMP VIEW "{name}" AS {rows}')

    def _stored_rows(self, table: TableSpec, files: Sequence[DataFile], site_id: str) -> ds.Dataset:
        return self._readers[table.name].dataset_of(files).filter(pc.field("site") == pa.scalar(site_id))

    def _is_whole(self, table: TableSpec, copy: Path) -> bool:
        """Whether a copy has all columns: files that an earlier version wrote lack the newer ones."""
        return set(table.schema.names) - {table.partition} <= self._columns_of(copy)

    def _columns_of(self, path: Path) -> frozenset[str]:
        if (columns := self._columns.get(path.name)) is None:
            columns = self._columns[path.name] = frozenset(pq.read_schema(path).names)
        return columns

    def _keep_watch(self) -> None:
        with self._lock:
            if self._watch is None:
                self._watch = threading.Thread(
                    target=_look_again_and_again, args=(weakref.ref(self),), name="lake database", daemon=True
                )
                self._watch.start()


def _look_again_and_again(reference: weakref.ref[LakeDatabase]) -> None:
    """Call `look_again` periodically until the database is garbage-collected."""
    while True:
        time.sleep(LOOK_AGAIN_SECONDS)
        if (database := reference()) is None:
            return
        with suppress(Unavailable):
            database.look_again()
        del database


def _too_long(seconds: float, rows: _Rows) -> LimitExceeded:
    return LimitExceeded(f"the query ran longer than {seconds} s; {_smaller_range(rows)}")


def _smaller_range(rows: _Rows) -> str:
    """What a query over a limit should ask instead: fewer groups, or the newest days with at most half of the bytes."""
    sizes: Counter[date] = Counter()
    for file in rows.files[rows.table]:
        sizes[file.day] += file.size_bytes
    days = sorted(sizes, reverse=True)
    totals = zip(days, accumulate(sizes[day] for day in days), strict=True)
    half = [day for day, total in totals if total <= sizes.total() / 2] or days[:1]
    return f"ask for fewer groups, or from {half[-1]} on" if len(days) > 1 else "ask for fewer groups"


def _folder(account: StorageAccount, settings: Settings) -> Path:
    """A folder for each lake, below the folder of the settings."""
    lake = f"{account.name} {account.blob_endpoint} {settings.lake_container}"
    folder = settings.query_files_folder or str(Path(tempfile.gettempdir()) / "clickstream-files")
    return Path(folder).absolute() / sha256(lake.encode()).hexdigest()[:16]


def _stored(table: TableSpec, file: DataFile) -> StoredFile:
    """The file with the place of its copy, in a folder named after its date (Hive partitioning)."""
    name = sha256(file.path.encode()).hexdigest()[:32]
    return StoredFile(
        f"{table.name}/{file.path}",
        file.size_bytes,
        f"{table.name}/{table.partition}={file.day.isoformat()}/{name}.parquet",
    )


def _half(until: float) -> float:
    """Half of the remaining time, for copying; the other half is for reading the remaining files from storage."""
    return max(0.0, (until - time.monotonic()) / 2)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
