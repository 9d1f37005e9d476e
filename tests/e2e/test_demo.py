"""`make demo` without a log: made up traffic, and visits of the shop by a real browser, add up in the reports."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from local.demo.__main__ import BROWSER_VISITS
from local.processes import free_port
from local.stack import ROOT

pytestmark = pytest.mark.e2e


ADDS_UP = "sent = answered = acknowledged + spilled = rows + failed + duplicates: yes"


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Free ports, and a folder of its own."""
    ports = ("PORT", "AZURITE_BLOB_PORT", "AZURITE_QUEUE_PORT", "EVENT_HUBS_PORT")
    free = {name: str(free_port()) for name in ports}
    return {**os.environ, **free, "STATE_DIR": str(folder), "CAPTURE_WINDOW_SECONDS": "1", **settings}


def run_demo(folder: Path, *arguments: str, **settings: str) -> str:
    """Run it to its end. Returns what it printed."""
    env = environment(folder, **settings)
    command = [sys.executable, "-m", "local.demo", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def small_log(folder: Path, day: int = 10) -> Path:
    """Sixty page views."""
    at, agent = f"{day}/Mar/2026:12:{{0:02}}:00 +0000", "Mozilla/5.0"
    line = f'198.51.100.{{0}} - - [{at}] "GET /page/{{0}} HTTP/1.1" 200 512 "-" "{agent}"'
    log = folder / "access.log"
    log.write_text("".join(f"{line.format(number)}\n" for number in range(60)))
    return log


def test_who_starts_the_demo_sees_the_visits_of_a_real_browser_and_the_dashboard_until_they_end_it(
    tmp_path: Path,
) -> None:
    terminal, stdin = pty.openpty()
    log = tmp_path / "demo.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "local.demo"],
            cwd=ROOT,
            env=environment(tmp_path / "state"),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 900
        while (ready := re.search(r"^ready (http://\S+)$", log.read_text(), re.MULTILINE)) is None:
            assert demo.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        printed = log.read_text()
        assert ADDS_UP in printed
        rows = [line.split() for line in printed.partition("Events by tracker")[2].splitlines()]
        [(visitors, page_views, events, bots)] = [tuple(map(int, row[1:])) for row in rows if row[:1] == ["t-1"]]
        assert visitors == BROWSER_VISITS
        assert events > page_views > 2 * visitors
        assert bots == 0
        assert f"{ready[1]}/dashboard#key=demo-read" in printed
        assert httpx.get(f"{ready[1]}/dashboard").status_code == httpx.codes.OK
        start = httpx.get(ready[1]).text
        assert all(f'href="{link}"' in start for link in ("/dashboard#key=demo-read", "/demo", "/openapi.json"))
        assert max(map(len, printed.partition("The stack keeps running")[0].splitlines())) <= 100
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    finally:
        demo.kill()
        demo.wait()
        os.close(terminal)
        os.close(stdin)


def test_a_demo_counts_its_own_events_alone_though_one_before_was_ended_early_and_the_hub_is_too_slow(
    tmp_path: Path,
) -> None:
    not_captured = environment(tmp_path / "state", CAPTURE_WINDOW_SECONDS="600")
    command = [sys.executable, "-m", "local.demo", "--log", str(small_log(tmp_path))]
    with subprocess.Popen(command, cwd=ROOT, env=not_captured, stdout=subprocess.PIPE, text=True) as ended:
        assert ended.stdout is not None
        assert any("waiting for Capture and compaction" in line for line in ended.stdout)
        ended.send_signal(signal.SIGINT)
    printed = run_demo(tmp_path / "state", "--log", str(small_log(tmp_path, day=11)), SEND_DEADLINE_MS="50")
    assert ADDS_UP in printed
    lines = printed.partition("Reconciliation of this run")[2].splitlines()
    assert ["sent", "60"] in map(str.split, lines)
