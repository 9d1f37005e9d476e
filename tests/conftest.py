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
from tests.e2e.journey import stack_settings

# Machines are shared and slow at times; how long an example takes says nothing of what it shows.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
# Nor is a busy machine a hub or a spill that fails. Tests of those that do set the deadlines back.
os.environ |= {"SEND_DEADLINE_MS": "10000", "SPILL_DEADLINE_MS": "10000"}


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A running Azurite with an empty folder of its own; tests keep apart by container name."""
    folder: Path = tmp_path_factory.mktemp("azurite") / "data"
    with Azurite(folder, free_port(), free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole running stack, shared by the tests of a session."""
    with Stack(stack_settings(tmp_path_factory.mktemp("stack"))) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=60) as client:
        yield client
