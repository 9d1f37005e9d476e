"""Every error has its status code."""

from __future__ import annotations

from collections.abc import Iterator

from clickstream.errors import ClickstreamError
from functions._http import STATUS


def tree(error: type[ClickstreamError]) -> Iterator[type[ClickstreamError]]:
    for child in error.__subclasses__():
        yield child
        yield from tree(child)


def test_every_error_of_the_tree_has_a_status_code() -> None:
    assert set(tree(ClickstreamError)) == set(STATUS)
