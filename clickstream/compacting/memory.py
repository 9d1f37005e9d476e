"""Where Arrow's memory is from while a run of compaction takes place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

_USUAL = pa.default_memory_pool()


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the process keep what Arrow frees, between steps that need it again at once: the peak is lower.

    It holds for all threads of the process, and scans of Parquet are slower with it, so that queries which are asked
    meanwhile bear it, and no others.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(_USUAL)
