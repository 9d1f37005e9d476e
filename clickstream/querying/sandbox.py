"""SQL from outside, run in a child process that can be ended: this side starts it, waits, and ends it.

A child serves one statement. What it knows is gone with it, so no site's rows can meet another site's statement.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.storage import StorageAccount
from clickstream.querying.formats import Format
from clickstream.querying.request import SqlRequest
from clickstream.settings import Settings

log = logging.getLogger(__name__)

# Each may take the memory of a query.
CHILDREN_AT_ONCE = 2
# To start, to open the tables, to end a statement by itself: after the time of the statement this much, then SIGKILL.
GRACE_SECONDS = 5

# All a child is given of the environment: where libraries and certificates are, and the platform's token service.
_ENVIRONMENT = (
    "PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"
)  # fmt: skip


class Sandbox:
    """Runs single SELECT statements over one site's rows, each in a process of its own."""

    def __init__(self, account: StorageAccount, settings: Settings) -> None:
        self._account = account
        self._settings = settings
        self._free = threading.BoundedSemaphore(CHILDREN_AT_ONCE)

    def run(self, request: SqlRequest, site_id: str, format_: Format = Format.JSON) -> tuple[dict[str, Any], bytes]:
        """Of JSON `columns` and `rows`; of any other form nothing, and the bytes.

        Raise InvalidRequest, LimitExceeded, or Unavailable when storage is or all are busy.
        """
        seconds = self._settings.query_timeout_seconds
        if not self._free.acquire(timeout=seconds):
            raise Unavailable("too many SQL statements are running")
        try:
            with tempfile.TemporaryDirectory(prefix="clickstream-sql-", ignore_cleanup_errors=True) as folder:
                return self._run(self._job(request, site_id, format_, folder), folder)
        finally:
            self._free.release()

    def _job(self, request: SqlRequest, site_id: str, format_: Format, folder: str) -> bytes:
        return orjson.dumps(
            {
                "sql": request.sql,
                "parameters": request.parameters,
                "site_id": site_id,
                "format": format_,
                "account": asdict(self._account),
                "container": self._settings.lake_container,
                "folder": folder,
                "seconds": self._settings.query_timeout_seconds,
                "memory_mb": self._settings.query_memory_mb,
                "max_rows": self._settings.query_max_rows,
            }
        )

    def _run(self, job: bytes, folder: str) -> tuple[dict[str, Any], bytes]:
        seconds = self._settings.query_timeout_seconds
        child = subprocess.Popen(
            [sys.executable, "-m", "clickstream.querying.sandbox_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(folder),
        )
        try:
            # The job holds the account's key, so it goes through the pipe: arguments can be read by others.
            output, errors = child.communicate(job, timeout=seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise LimitExceeded(f"the statement ran longer than {seconds} s") from None
        finally:
            child.kill()
            child.wait()
        if child.returncode == -signal.SIGALRM:
            raise LimitExceeded(f"the statement ran longer than {seconds} s")
        if child.returncode < 0:
            # Libraries end the process where an allocation fails that they cannot do without.
            raise LimitExceeded("the statement needed too much memory")
        if child.returncode > 0:
            log.error("the process of a statement failed: %s", errors.decode(errors="replace")[-2000:])
            raise Unavailable("SQL cannot be run")
        return _read(output)


def _read(output: bytes) -> tuple[dict[str, Any], bytes]:
    line, _, rest = output.partition(b"\n")
    answer: dict[str, Any] = orjson.loads(line)
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["message"])
    return answer, rest


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_sql", pointer="/sql")


_ERRORS: Mapping[str, Callable[[str], Exception]] = {
    "invalid": _invalid,
    "limit": LimitExceeded,
    "unavailable": Unavailable,
}


def _environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
        "HOME": folder,
        # Pools that reserve address space far beyond what they use would not fit under its limit.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "2",
    }
