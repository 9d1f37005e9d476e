"""A session with a SQL server, in a child process: signs in, runs statements, streams rows."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clickstream.importing.sql_child import BATCH, DONE, HEADER
from clickstream.importing.sql_errors import failure_of, lost
from clickstream.sql_connection import SqlConnection

if TYPE_CHECKING:
    import pyarrow as pa

LOGIN_SECONDS = 30
# The driver itself ends a query some seconds after its time-out; then the child is ended.
GRACE_SECONDS = 60
WAIT_SECONDS = 5.0
# Batches that are read before they are asked for.
AHEAD = 2
# What the child gets of the environment; the rest holds secrets.
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR")
Token = Callable[[str | None], tuple[str, int]]


def connection_string(connection: SqlConnection) -> str:
    """What the driver reads. Always encrypted; the certificate is checked unless the connection says otherwise."""
    parts = {
        "Server": f"{connection.server},{connection.port}",
        "Database": connection.database,
        "UID": connection.user,
        "PWD": connection.password,
        "Encrypt": "yes",
        "TrustServerCertificate": "yes" if connection.trusts_any_certificate else "no",
    }
    return "".join(f"{name}={{{value.replace('}', '}}')}}};" for name, value in parts.items() if value is not None)


class SqlSession:
    """One session. `on_wait` is called every few seconds while the server is waited for; what it raises ends the wait.

    `token` gets an access token of a client id, and the Unix time of its end. Every call may raise JobFailed,
    Unavailable.
    """

    def __init__(
        self, connection: SqlConnection, token: Token, query_seconds: int, on_wait: Callable[[], None]
    ) -> None:
        self._on_wait, self._patience = on_wait, query_seconds + GRACE_SECONDS
        self._child = subprocess.Popen(
            [sys.executable, "-m", "clickstream.importing.sql_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # messages of the driver may have values of rows
            env={
                **{name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
            },
        )
        self._frames: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(AHEAD)
        self._is_closed = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        request: dict[str, Any] = {
            "connect": connection_string(connection),
            "login_seconds": LOGIN_SECONDS,
            "query_seconds": query_seconds,
        }
        try:
            if connection.user is None:
                request["token"], request["expires_on"] = token(connection.client_id)
            self._ask(request)
            for _ in self._answers():
                pass
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> SqlSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, sql: str) -> None:
        """Run a statement without rows."""
        for _ in self.batches(sql):
            pass

    def values(self, sql: str) -> list[dict[str, Any]]:
        """All rows of a statement."""
        return [row for batch in self.batches(sql) for row in batch.to_pylist()]

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a statement, as they come. The next statement has to wait until all are read."""
        self._ask({"sql": sql})
        return self._batches()

    def close(self) -> None:
        """End the child, and with it the session and its temporary tables."""
        self._is_closed.set()
        self._child.kill()
        self._child.wait()
        self._reader.join()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for data in self._answers():
            with pa.ipc.open_stream(data) as reader:
                yield from (batch for batch in reader if batch.num_rows)

    def _ask(self, request: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(request).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise lost(0) from None

    def _answers(self) -> Iterator[bytes]:
        while True:
            frame = self._next()
            if frame is None:
                raise lost(0)
            kind, data = frame
            if kind == DONE:
                return
            if kind != BATCH:
                error = json.loads(data)
                raise failure_of(error["type"], error["driver"], error["server"])
            yield data

    def _next(self) -> tuple[bytes, bytes] | None:
        waited = 0.0
        while waited < self._patience:
            try:
                return self._frames.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                waited += WAIT_SECONDS
                self._on_wait()
        raise lost(waited)

    def _read(self) -> None:
        assert self._child.stdout is not None
        while (frame := _frame(self._child.stdout)) is not None and self._put(frame):
            pass
        self._put(None)

    def _put(self, frame: tuple[bytes, bytes] | None) -> bool:
        while not self._is_closed.is_set():
            with contextlib.suppress(queue.Full):
                self._frames.put(frame, timeout=0.5)
                return True
        return False


def _frame(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """The next frame; None if the stream ends, in the middle of one, too."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    kind, length = HEADER.unpack(header)
    data = stream.read(length)
    return (kind, data) if len(data) == length else None
