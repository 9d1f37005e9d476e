"""The command line: starting, the one line it prints, and ending."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from azure.eventhub import EventHubProducerClient

from local.event_hubs.process import ROOT, EventHubsEmulator
from local.processes import StartFailed, free_port

pytestmark = pytest.mark.integration
READY = re.compile(r"ready amqp://127\.0\.0\.1:\d+ admin (http://127\.0\.0\.1:\d+)\n")


def run(config: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.event_hubs", "--config", str(config), "--port", "0", "--admin-port", "0", *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def config_in(folder: Path, **more: object) -> Path:
    path = folder / "Config.json"
    namespace = {"Type": "EventHub", "Name": "local", "Entities": [{"Name": "events", "PartitionCount": "2"}]}
    path.write_text(json.dumps({"UserConfig": {"NamespaceConfig": [namespace], **more}}))
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_serves_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with run(config_in(tmp_path)) as process:
        assert process.stdout is not None
        found = READY.fullmatch(process.stdout.readline())
        assert found is not None
        with urllib.request.urlopen(found[1], timeout=60) as answer:
            assert set(json.loads(answer.read())["hubs"]["events"]) == {"0", "1"}
        process.send_signal(number)
        out, problems = process.communicate(timeout=60)
    assert (process.returncode, out, problems) == (0, "", "")


def test_a_configuration_with_problems_is_refused_with_all_of_them(tmp_path: Path) -> None:
    with run(config_in(tmp_path, Capture={"IntervalInSeconds": 0}, Sundry=1)) as process:
        out, problems = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert problems.startswith("cannot start: ")
    for place in ("Capture.StorageConnectionString", "Capture.IntervalInSeconds", "Sundry"):
        assert place in problems


def test_a_missing_configuration_is_said(tmp_path: Path) -> None:
    with run(tmp_path / "none.json") as process:
        _, problems = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "none.json" in problems


def test_a_start_that_fails_tells_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    emulator = EventHubsEmulator(tmp_path, {"no such name": 1})
    with pytest.raises(StartFailed, match=r"Entities\.0\.Name"):
        emulator.start()
    assert emulator.ended() is None


def test_a_killed_emulator_forgets_its_events_and_the_next_is_a_new_generation(
    tmp_path: Path, send: Callable[..., None]
) -> None:
    def created_at() -> datetime:
        client = EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name="events")
        with client:
            created: datetime = client.get_eventhub_properties()["created_at"]
            return created

    emulator = EventHubsEmulator(tmp_path, {"events": 1}, port=free_port())
    emulator.start()
    send(emulator, "events", [b"one"])
    first = created_at()
    assert emulator.stored() == 1
    emulator.kill()
    with pytest.raises(OSError):
        emulator.state()
    with emulator:
        assert emulator.stored() == 0
        assert created_at() > first
