"""One stack for the trackers alone, and one Chromium for all their pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.processes import free_port
from local.stack import Stack
from tests.e2e.journey import open_stack
from tests.target import PAGES_PORT
from tests.trackers.harness import Browser


@pytest.fixture(scope="session")
def pages_port() -> int:
    """A port of the trackers' own, since a session may have pages of other tests, too."""
    return PAGES_PORT or free_port()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pages_port: int) -> Iterator[Stack]:
    """A stack of the trackers alone: their tests count every row of a dialect, whoever sent it."""
    with open_stack(tmp_path_factory.mktemp("trackers"), pages_port) as running:
        yield running


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, pages_port: int) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser") / "driver.log", pages_port) as running:
        yield running
