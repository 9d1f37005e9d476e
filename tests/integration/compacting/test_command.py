"""`python -m clickstream.compacting`, in processes of its own, with an event hub that cannot be asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import astuple

import pytest

from clickstream.compacting.totals import Totals
from clickstream.storage.progress import read_progress
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


def finish(process: subprocess.Popen[str]) -> str:
    """What it printed, once the process ended well."""
    try:
        out, error = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 0, error
    return out


def test_two_processes_at_once_on_a_new_lake_leave_every_event_once(azurite: Azurite) -> None:
    lake = Lake(azurite, max_bytes=2_000)
    for second in range(6):
        lake.capture(second, [event(f"e{second}"), event("shared"), b"no event"], first_sequence=second * 3)
    processes = [start(lake, azurite) for _ in range(2)]
    reports = [finish(process) for process in processes]
    assert sum(int(count) for report in reports for count in re.findall(r"^captured +(\d+)$", report, re.M)) == 18
    assert lake.ids() == [*(f"e{second}" for second in range(6)), "shared"]
    assert len(lake.rows("failed_events")) == 6
    lines = finish(start(lake, azurite, "reconcile")).splitlines()
    assert lines[0].split()[2:] == [*Totals.__dataclass_fields__, "uncounted", "difference"]
    expected = Totals(acknowledged=13, captured=18, redelivered=5, rows=7, failed=6, duplicates=5)
    assert [int(number) for number in lines[-3].split()[1:]] == [
        *astuple(expected),
        expected.uncounted,
        expected.difference,
    ]
    assert read_progress(lake.account.container(lake.settings.lake_container)).complete_until is None
