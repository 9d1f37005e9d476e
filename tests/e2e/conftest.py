"""A whole running stack, shared by the tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.processes import free_port
from local.stack import ROOT, Stack, StackSettings


def stack_settings(state_dir: Path) -> StackSettings:
    """Free ports, a folder of its own, and the shortest window."""
    return StackSettings(
        port=free_port(),
        azurite_blob_port=free_port(),
        azurite_queue_port=free_port(),
        event_hubs_port=free_port(),
        state_dir=state_dir,
        sites_dir=ROOT / "local" / "sites",
        capture_window_seconds=1,
        compact_every_seconds=60,
    )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(stack_settings(tmp_path_factory.mktemp("stack"))) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=60) as client:
        yield client
