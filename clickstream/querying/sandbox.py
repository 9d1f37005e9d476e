"""Run SQL from outside in a child process: this side starts it, waits for it, and kills it.

A child serves one statement. Its memory ends with it, so that no site's rows can reach another site's statement. No
thread waits for it. serving.py limits how many run at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.querying.formats import Format
from clickstream.querying.request import SqlRequest
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount

log = logging.getLogger(__name__)

# Time to start, to open the tables and to end the statement, in addition to the statement's own; then SIGKILL.
GRACE_SECONDS = 5

# Environment variables that a child gets: where libraries and certificates are, and the platform's token service.
_ENVIRONMENT = (
    "PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"
)  # fmt: skip


class Sandbox:
    """Runs single SELECT statements over one site's rows, each in a process of its own."""

    def __init__(self, account: StorageAccount, settings: Settings, threads: Executor) -> None:
        """`threads` run the short work before and after the child: folders, and parsing its answer."""
        self._account = account
        self._settings = settings
        self._threads = threads

    async def run(
        self, request: SqlRequest, site_id: str, format_: Format = Format.JSON
    ) -> tuple[dict[str, Any], bytes]:
        """For JSON, `columns` and `rows`, and no bytes; for any other format, an empty mapping and the bytes.

        Raise InvalidRequest, LimitExceeded, or Unavailable if storage or the child fails.
        """
        in_thread = partial(asyncio.get_running_loop().run_in_executor, self._threads)
        folder = await in_thread(partial(tempfile.mkdtemp, prefix="clickstream-sql-"))
        try:
            output = await self._run(self._job(request, site_id, format_, folder), folder)
            return await in_thread(_read, output)
        finally:
            await in_thread(partial(shutil.rmtree, folder, ignore_errors=True))

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
                "spill_mb": self._settings.query_spill_mb,
                "max_rows": self._settings.query_max_rows,
            }
        )

    async def _run(self, job: bytes, folder: str) -> bytes:
        seconds = self._settings.query_timeout_seconds
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clickstream.querying.sandbox_child",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=_environment(folder),
        )
        try:
            # The job holds the account's key, so it goes through the pipe: arguments can be read by others.
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                output, errors = await child.communicate(job)
        except TimeoutError:
            raise LimitExceeded(f"the statement ran longer than {seconds} s") from None
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            status = await child.wait()
        if status == -signal.SIGALRM:
            raise LimitExceeded(f"the statement ran longer than {seconds} s")
        if status < 0:
            # Libraries abort the process if an essential allocation fails.
            raise LimitExceeded("the statement needed too much memory")
        if errors:
            log.error("stderr of a statement's process: %s", errors.decode(errors="replace")[-2000:])
        if status > 0:
            raise Unavailable("SQL cannot be run")
        return output


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
    variables = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {
        **variables,
        "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
        "HOME": folder,
        # Other memory pools reserve far more address space than they use, beyond the child's limit.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "2",
    }
