"""Where statements run: over one site's rows of one table, of the newest version, within limits of time and memory.

Files of the dates asked for are read from the instance's disk, where they are copied to once; what has no room there is
read from storage. Answers are kept until the table changes.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.delta import TableSpec
from clickstream.lake.file_cache import FileCache, StoredFile
from clickstream.lake.reading import Snapshot, TableReader
from clickstream.lake.storage import StorageAccount
from clickstream.maintaining.planning import DataFile
from clickstream.querying.answers import Answers, Question
from clickstream.querying.deadline import deadline
from clickstream.querying.statement import Statement
from clickstream.settings import Settings

SPILL_LIMIT = "1GB"
# A file can go while it is read: when the table names it no more, or when another process needs its room.
TRIES = 3
# For no longer than this, what is erased stays on the disk of an instance that nobody asks anything.
LOOK_AGAIN_SECONDS = 600


class LakeDatabase:
    """Runs statements; safe to share between threads. All of them together keep to the memory of the settings."""

    def __init__(self, account: StorageAccount, settings: Settings, tables: Sequence[TableSpec]) -> None:
        container = settings.lake_container
        self._settings = settings
        self._readers = {spec.name: TableReader(spec, account, container) for spec in tables}
        self._files = FileCache(
            account.container(container), _folder(account, settings), settings.query_files_mb * 2**20
        )
        self._answers = Answers(settings.query_answers_mb * 2**20)
        self._columns: dict[str, frozenset[str]] = {}  # by the name of a copy
        self._versions: dict[str, int] = {}
        self._watch: threading.Thread | None = None
        self._lock = threading.Lock()
        self._database = duckdb.connect(
            config={
                "memory_limit": f"{settings.query_memory_mb}MB",
                "temp_directory": str(Path(tempfile.gettempdir()) / f"clickstream-reports-{os.getpid()}"),
                "max_temp_directory_size": SPILL_LIMIT,
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._database.execute(f"SET allowed_directories = [{_quoted(str(self._files.folder))}]")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")

    def days(self, table: TableSpec, site_id: str) -> Sequence[date]:
        """The dates that rows of the site may stand under, in order. Raise Unavailable."""
        return sorted({file.day for file in self._newest(table.name).files if file.may_hold(site_id)})

    def run(
        self, table: TableSpec, site_id: str, first: date, last: date, *statements: Statement
    ) -> Sequence[pa.Table]:
        """The rows of each statement, all over the same version: the site's, under these dates, both included.

        A statement must say the same whenever it is run over the same rows, since its answer is kept. Raise
        LimitExceeded when it takes too long or too much memory, Unavailable.
        """
        until = time.monotonic() + self._settings.query_timeout_seconds
        for left in reversed(range(TRIES)):
            try:
                return self._run(table, site_id, (first, last), statements, until, with_copies=left > 0)
            except (duckdb.IOException, OSError) as error:
                if not left:
                    raise Unavailable(f"the table {table.name} cannot be read: {error}") from error
        raise AssertionError("the last try returns or raises")

    def look_again(self) -> None:
        """Let go of copies and answers of rows that the newest versions do not hold. Raise Unavailable."""
        for name in list(self._versions):
            self._newest(name)

    def _run(
        self,
        table: TableSpec,
        site_id: str,
        dates: tuple[date, date],
        statements: Sequence[Statement],
        until: float,
        *,
        with_copies: bool,
    ) -> Sequence[pa.Table]:
        snapshot = self._newest(table.name)
        rows = (site_id, *dates)
        questions = [Question.of(table.name, snapshot.version, rows, statement) for statement in statements]
        known = {question: self._answers.get(question) for question in questions}
        if any(answer is None for answer in known.values()):
            first, last = dates
            files = [file for file in snapshot.files if first <= file.day <= last and file.may_hold(site_id)]
            with self._over(table, site_id, files, until, with_copies) as connection:
                for question, statement in zip(questions, statements, strict=True):
                    if known[question] is None:
                        known[question] = answer = _answer(connection, statement)
                        self._answers.put(question, answer)
        return [known[question] for question in questions]

    def _newest(self, name: str) -> Snapshot:
        """What older versions left on the disk and in memory goes when a newer one is seen."""
        snapshot = self._readers[name].snapshot()
        with self._lock:
            seen = self._versions.get(name)
            self._versions[name] = snapshot.version
        if seen != snapshot.version:
            self._answers.forget_other_versions(name, snapshot.version)
            self._files.keep_only(name, {_stored(self._readers[name].spec, file).place for file in snapshot.files})
        return snapshot

    @contextmanager
    def _over(
        self, table: TableSpec, site_id: str, files: Sequence[DataFile], until: float, with_copies: bool
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees the files' rows of the site by the table's name; it is interrupted at its time."""
        seconds = self._settings.query_timeout_seconds
        newest_first = sorted(files, key=lambda file: file.day, reverse=True) if with_copies else []
        stored = {file.path: _stored(table, file) for file in newest_first}
        connection = self._database.cursor()
        try:
            with self._files.holding(list(stored.values()), _half(until)) as copies:
                self._keep_watch()
                left = [file for file in files if stored[file.path].path not in copies] if stored else files
                self._show(connection, table, site_id, list(copies.values()), left)
                with deadline(connection, max(0.0, until - time.monotonic())):
                    yield connection
        except duckdb.InterruptException as error:
            raise LimitExceeded(f"the query ran longer than {seconds} s; ask for less time or fewer groups") from error
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise LimitExceeded("the query needed too much memory; ask for less time or fewer groups") from error
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            raise Unavailable(f"the table {table.name} cannot be read: {error}") from error
        finally:
            connection.close()

    def _show(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: TableSpec,
        site_id: str,
        copies: Sequence[Path],
        left: Sequence[DataFile],
    ) -> None:
        """Let the connection see the rows of the copies and of the files that are left, by the table's name."""
        wanted = set(table.schema.names) - {table.partition}
        whole = all(wanted <= self._columns_of(path) for path in copies)
        others = self._readers[table.name].dataset_of(left)
        own = others.filter(pc.field("site") == pa.scalar(site_id))
        if not copies:
            connection.register(table.name, own)
            return
        paths = ", ".join(_quoted(str(path)) for path in copies)
        rows = (
            f"SELECT * FROM read_parquet([{paths}], hive_partitioning = true, "
            f"hive_types = {{'{table.partition}': DATE}}, union_by_name = {str(not whole).lower()}) "
            f"WHERE site = {_quoted(site_id)}"
        )
        if left or not whole:
            # By their names, so that columns which no copy has are null.
            connection.register("stored_rows", own)
            rows += " UNION ALL BY NAME SELECT * FROM stored_rows"
        connection.execute(f'CREATE TEMP VIEW "{table.name}" AS {rows}')

    def _columns_of(self, path: Path) -> frozenset[str]:
        """Tables that were made by an earlier version have files without the newer columns."""
        if (known := self._columns.get(path.name)) is None:
            known = self._columns[path.name] = frozenset(pq.read_schema(path).names)
        return known

    def _keep_watch(self) -> None:
        with self._lock:
            if self._watch is None:
                self._watch = threading.Thread(
                    target=_look_again_and_again, args=(weakref.ref(self),), name="lake database", daemon=True
                )
                self._watch.start()


def _look_again_and_again(reference: weakref.ref[LakeDatabase]) -> None:
    """As long as there is a database."""
    while True:
        time.sleep(LOOK_AGAIN_SECONDS)
        if (database := reference()) is None:
            return
        with suppress(Unavailable):
            database.look_again()
        del database


def _answer(connection: duckdb.DuckDBPyConnection, statement: Statement) -> pa.Table:
    try:
        return connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_table()
    except duckdb.InvalidInputException as error:
        if "regexp_matches(" not in statement.sql:
            raise
        # Of what callers choose only patterns can be wrong by now.
        raise InvalidRequest(f"a pattern is no regular expression of RE2: {error}", code="invalid_query") from error


def _folder(account: StorageAccount, settings: Settings) -> Path:
    """One for each lake, below the folder of the settings."""
    lake = f"{account.name} {account.blob_endpoint} {settings.lake_container}"
    folder = settings.query_files_folder or str(Path(tempfile.gettempdir()) / "clickstream-files")
    return Path(folder).absolute() / sha256(lake.encode()).hexdigest()[:16]


def _stored(table: TableSpec, file: DataFile) -> StoredFile:
    """Its copy stands in a folder that tells its date, as readers of Hive's layout expect."""
    name = sha256(file.path.encode()).hexdigest()[:32]
    return StoredFile(
        f"{table.name}/{file.path}",
        file.size_bytes,
        f"{table.name}/{table.partition}={file.day.isoformat()}/{name}.parquet",
    )


def _half(until: float) -> float:
    """Of the time that is left: the other half is for reading from storage what is not there by then."""
    return max(0.0, (until - time.monotonic()) / 2)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
