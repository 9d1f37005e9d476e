"""The one translation of deltalake's and pyarrow's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError

from clickstream.errors import Conflict, Unavailable


@contextlib.contextmanager
def translated(table: str, *, changes: bool = False) -> Iterator[None]:
    """Raise Unavailable instead of the errors of deltalake and pyarrow.

    With `changes`, raise Conflict if another process committed first, or deleted a file that this one needs.
    """
    try:
        yield
    except (DeltaError, OSError, pa.ArrowException) as error:
        if changes and isinstance(error, CommitFailedError | FileNotFoundError):
            raise Conflict(f"another process changed {table}: {error}") from error
        raise Unavailable(f"the table {table} cannot be {'changed' if changes else 'read'}: {error}") from error
