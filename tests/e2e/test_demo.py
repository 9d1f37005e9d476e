"""`make demo` without a log: made up traffic, and visits of the shop by a real browser, add up in the reports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo.__main__ import BROWSER_VISITS
from local.processes import free_port
from local.stack import ROOT

pytestmark = pytest.mark.e2e


def test_the_demo_ends_with_the_visits_of_a_real_browser_in_its_reports(tmp_path: Path) -> None:
    ports = ("PORT", "AZURITE_BLOB_PORT", "AZURITE_QUEUE_PORT", "EVENT_HUBS_PORT")
    env = {
        **os.environ,
        **{name: str(free_port()) for name in ports},
        "STATE_DIR": str(tmp_path),
        "CAPTURE_WINDOW_SECONDS": "1",
    }
    command = [sys.executable, "-m", "local.demo"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sent = received = captured = rows + failed + duplicates: yes" in done.stdout
    rows = [line.split() for line in done.stdout.partition("What told the events")[2].splitlines()]
    [(visitors, page_views, events)] = [tuple(map(int, row[1:])) for row in rows if row[:1] == ["t-1"]]
    assert visitors == BROWSER_VISITS
    assert events > page_views > 2 * visitors
