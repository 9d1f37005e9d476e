"""Limit the duration of a query by interrupting its connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

# An interrupt between two statements of a connection is lost, so it is repeated until the block ends.
AGAIN_SECONDS = 0.05


@contextmanager
def deadline(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """In the block, a statement that the connection runs after `seconds` raises duckdb.InterruptException."""
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
        thread.join()  # the connection must not be closed while an interrupt is in progress
