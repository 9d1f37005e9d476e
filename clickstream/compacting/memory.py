"""Arrow's memory pool during a run of compaction."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa

_USUAL = pa.default_memory_pool()
# M_ARENA_MAX of glibc's malloc.h. By default threads have heaps of their own, up to eight for each processor, and no
# heap reuses memory freed in another: a run's memory would grow by a third from commit to commit.
_M_ARENA_MAX, HEAPS = -8, 3


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Use the system's allocator for Arrow, which reuses freed memory at once: the peak is lower.

    The setting is process-wide and slows scans of Parquet files, so queries that run during compaction are slower. With
    glibc, all threads of the process share HEAPS heaps from then on.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS)
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(_USUAL)
