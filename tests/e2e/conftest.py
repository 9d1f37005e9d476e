"""The functions beside the shared stack, under settings of a test's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from local.functions_host.process import FunctionsHost
from local.stack import ROOT, Stack
from tests.e2e.journey import DEADLINES

App = Callable[..., httpx.Client]

# Tests of all routes share one node id, of which only one test would run side by side. `make test-routes` runs them.
collect_ignore = ["test_openapi.py"] if "PYTEST_XDIST_WORKER" in os.environ else []


@pytest.fixture
def app(stack: Stack, tmp_path: Path) -> Iterator[App]:
    """The app on a host of its own, with other settings than the stack's. An empty one is missing.

    It answers preflights itself, as on a Premium plan; on the stack the platform answers them.
    """
    with ExitStack() as started:

        def start(**settings: str) -> httpx.Client:
            environment = {
                **stack.functions_environment(),
                "FUNCTIONS_HOST_STATE_DIR": str(tmp_path / "state"),
                "AzureWebJobs__compact__Disabled": "true",
                "ALLOWED_ORIGINS": "",
                **DEADLINES,
                **settings,
            }
            host = started.enter_context(FunctionsHost(ROOT, tmp_path, env=environment, options=("--plan", "premium")))
            return started.enter_context(httpx.Client(base_url=host.base_url, timeout=180))

        yield start
