"""Where Arrow's memory is from while a run of compaction takes place."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

_USUAL = pa.default_memory_pool()
# Of glibc's malloc.h. Threads have heaps of their own, up to eight for each processor, and what is freed in one is of
# no use to the others: a run's memory would grow by a third from commit to commit.
_M_ARENA_MAX, HEAPS = -8, 3


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the process keep what Arrow frees, between steps that need it again at once: the peak is lower.

    It holds for all threads of the process, and scans of Parquet are slower with it, so that queries which are asked
    meanwhile bear it, and no others. From then on the process' threads share HEAPS, where the C library is glibc.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS)
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(_USUAL)
