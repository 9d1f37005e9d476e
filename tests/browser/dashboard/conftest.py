"""One stack, one Chromium and one world of sites for all looks at the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import free_port
from local.stack import Stack
from tests.browser.dashboard.looking import Looker
from tests.browser.dashboard.world import World, find_log, write_documents
from tests.e2e.journey import stack_settings


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    port = free_port()
    sites = write_documents(folder / "sites", f"http://friend.example:{port}")
    with Stack(stack_settings(folder / "state", sites)) as stack:
        world = World(stack, port, find_log())
        world.fill()
        yield world


@pytest.fixture(scope="session")
def looker(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looker]:
    with Looker(world.stack.base_url, tmp_path_factory.mktemp("looks") / "driver.log") as running:
        yield running
