"""`python -m clickstream.compacting`, in processes of its own, with an event hub that cannot be asked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from clickstream.lake.progress_file import read_progress
from local.azurite import Azurite
from local.processes import free_port
from tests.integration.compacting.lake import Lake, event

pytestmark = pytest.mark.integration


def start(lake: Lake, azurite: Azurite, *arguments: str) -> subprocess.Popen[str]:
    nobody = f"Endpoint=sb://127.0.0.1:{free_port()};SharedAccessKeyName=k;SharedAccessKey=cw==;"
    env = {
        **os.environ,
        "EventHubConnection": nobody + "UseDevelopmentEmulator=true",
        "Lake": azurite.connection_string,
        "VISITOR_ID_KEY": "0123456789abcdef",
        "CAPTURE_CONTAINER": lake.settings.capture_container,
        "LAKE_CONTAINER": lake.settings.lake_container,
        "COMPACT_MAX_BYTES": str(lake.settings.compact_max_bytes),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "clickstream.compacting", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, str]:
    """The printed values by name, once the process ended well."""
    try:
        out, error = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 0, error
    return {name: value for name, _, value in (line.partition(" ") for line in out.splitlines())}


def test_two_processes_at_once_on_a_new_lake_leave_every_event_once(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=2_000)
    for second in range(6):
        lake.capture(second, [event(f"e{second}"), event("shared"), b"no event"], first_sequence=second * 3)
    processes = [start(lake, azurite) for _ in range(2)]
    reports = [finish(process) for process in processes]
    assert sum(int(report["captured"]) for report in reports) == 18
    assert lake.ids() == [*(f"e{second}" for second in range(6)), "shared"]
    assert len(lake.rows("failed_events")) == 6
    totals = finish(start(lake, azurite, "totals"))
    assert {name: int(value) for name, value in totals.items()} == {
        "captured": 18,
        "rows": 7,
        "failed": 6,
        "duplicates": 5,
        "quarantined_files": 0,
        "spilled": 0,
    }
    assert read_progress(lake.account.container(lake.settings.lake_container)).complete_until is None
