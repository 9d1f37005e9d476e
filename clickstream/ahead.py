"""Work done ahead of who needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items in their order, each made by a thread of its own while the one before is in use.

    So one item more is in memory. What making one raises is raised where it is asked for.
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, source, _END)
        while (item := following.result()) is not _END:
            following = thread.submit(next, source, _END)
            yield item  # type: ignore[misc]
            del item
