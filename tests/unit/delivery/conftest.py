"""Tests in this folder run on a driven clock."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.driven_loop import DrivenLoop


def pytest_asyncio_loop_factories() -> Mapping[str, type[DrivenLoop]]:
    """The loop of coroutine tests."""
    return {"driven": DrivenLoop}
