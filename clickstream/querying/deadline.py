"""The time a query may take, held by interrupting its connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

# An interrupt between two statements of a connection is lost, so it is sent until it has met one.
AGAIN_SECONDS = 0.05


@contextmanager
def deadline(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Within it, whatever the connection runs after `seconds` raises duckdb.InterruptException."""
    over = threading.Event()

    def interrupt() -> None:
        wait = seconds
        while not over.wait(wait):
            connection.interrupt()
            wait = AGAIN_SECONDS

    thread = threading.Thread(target=interrupt, name="query deadline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()  # an interrupt under way must not meet a closed connection
