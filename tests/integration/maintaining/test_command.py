"""`python -m clickstream.maintaining`, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from uuid import uuid4

import pytest

from local.azurite import Azurite
from tests.integration.compacting.lake import Lake, event

pytestmark = pytest.mark.integration


def test_the_command_says_what_it_does_and_what_it_did(azurite: Azurite) -> None:
    lake = Lake(azurite)
    config = f"config-{uuid4().hex[:12]}"
    lake.service.create_container(config)
    for second in range(2):
        lake.capture(second, [event(f"e{second}")], first_sequence=second)
        lake.compact()
    env = {
        **os.environ,
        "EventHubConnection": "none",
        "Lake": azurite.connection_string,
        "VISITOR_ID_KEY": "0123456789abcdef",
        "CAPTURE_CONTAINER": lake.settings.capture_container,
        "LAKE_CONTAINER": lake.settings.lake_container,
        "CONFIG_CONTAINER": config,
    }
    done = subprocess.run(
        [sys.executable, "-m", "clickstream.maintaining"], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "2 files of 2026-03-10 became one" in done.stderr
    printed = {line[:32].strip(): line[33:] for line in done.stdout.splitlines()}
    assert printed["events merged_files"] == "2"
    assert printed["capture_files"] == "1"
    assert printed["finished"] == "True"
    refused = subprocess.run(
        [sys.executable, "-m", "clickstream.maintaining"], env={**env, "Lake": ""}, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "Lake" in refused.stderr
    lake.service.close()
