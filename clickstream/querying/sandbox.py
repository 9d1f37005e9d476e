"""Free SQL runs in a child process of its own, which is ended at the deadline whatever it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from clickstream.errors import InvalidRequest, LimitExceeded, Unavailable
from clickstream.lake.storage import StorageAccount
from clickstream.querying.request import SqlRequest
from clickstream.settings import Settings

# Starting the child and opening the tables is not the query's own time.
START_SECONDS = 10
ERRORS = {"invalid": InvalidRequest, "limit": LimitExceeded, "unavailable": Unavailable}
# What the platform's token service needs; nothing else of our environment reaches the child.
PASSED_ON = ("IDENTITY_HEADER", "IDENTITY_ENDPOINT", "PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


def run_sql(request: SqlRequest, account: StorageAccount, settings: Settings) -> Mapping[str, Any]:
    """`{"columns": [{"name", "type"}], "rows": [[...]]}`. Raise InvalidRequest, LimitExceeded, Unavailable."""
    task = {
        "sql": request.sql,
        "parameters": request.parameters,
        "site": request.site_id,
        "container": settings.lake_container,
        "storage_options": account.delta_options(),
        "memory_mb": settings.query_memory_mb,
        "max_rows": settings.query_max_rows,
        "timeout_seconds": settings.query_timeout_seconds,
    }
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "2"}
    deadline = settings.query_timeout_seconds + START_SECONDS
    try:
        child = subprocess.run(
            [sys.executable, "-m", "clickstream.querying.sandbox_child"],
            input=json.dumps(task).encode(),
            capture_output=True,
            env=environment,
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LimitExceeded(f"the query ran longer than {settings.query_timeout_seconds} s; ask for less") from None
    try:
        answer: dict[str, Any] = json.loads(child.stdout)
    except ValueError:
        # The child was ended from outside, or died of want of memory without a word.
        raise LimitExceeded(f"the query needs more than {settings.query_memory_mb} MB; ask for less") from None
    if "error" in answer:
        raise ERRORS[answer["error"]](answer["message"])
    return answer
