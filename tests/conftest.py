"""Real peers, started once for a test session and always stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, settings

from local.azurite import Azurite
from local.processes import free_port
from local.stack import Stack
from tests.e2e.journey import open_stack
from tests.target import TARGET, Target

ALONE = Path(__file__).parent / "e2e"
# Machines are shared and slow at times; how long an example takes says nothing of what it shows.
# As in hypothesis' own profile for CI, a change alone makes a run there differ from the last.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("unhurried")
# Nor is a busy machine a hub that fails, or a statement that asks too much. Tests of those set the limits back.
os.environ |= {"SEND_DEADLINE_MS": "10000", "SPILL_DEADLINE_MS": "10000", "QUERY_TIMEOUT_SECONDS": "120"}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name packed bodies alike: they hold the second of their packing, and all processes must collect one name."""
    return f"{argname}-gzip" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse the mark `alone` outside the folder in which `make test` looks for it."""
    if item.get_closest_marker("alone") and not item.path.is_relative_to(ALONE):
        raise pytest.UsageError(f"{item.nodeid} is marked alone, which only tests in {ALONE} may be")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests into the order in which workers take them from both ends."""
    from tests.support.scheduling import position

    items.sort(key=lambda item: position(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Let workers begin from both ends, where files are distributed whole."""
    from tests.support.scheduling import FromBothEnds

    return FromBothEnds(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A running Azurite that keeps its data in memory; tests keep apart by container name."""
    folder: Path = tmp_path_factory.mktemp("azurite") / "data"
    with Azurite(folder, free_port(), free_port(), in_memory=True) as running:
        yield running


@pytest.fixture(scope="session")
def pages_port() -> int:
    """The port on which the browser's driver serves the tests' pages."""
    return free_port()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pages_port: int) -> Iterator[Stack]:
    """A whole running stack, shared by the tests of a session; or the app that they are run against."""
    with open_stack(tmp_path_factory.mktemp("stack"), pages_port) as running:
        yield running


@pytest.fixture
def target() -> Target | None:
    """The app that the tests are run against; None where they have stacks of their own."""
    return TARGET


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=60) as client:
        yield client
