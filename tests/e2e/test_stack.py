"""The local stack starts, reports problems, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from local.processes import StartFailed, accepts_connections, free_port
from local.stack import ROOT, Stack, StackSettings

pytestmark = pytest.mark.e2e
PORTS = ("PORT", "AZURITE_BLOB_PORT", "AZURITE_QUEUE_PORT", "EVENT_HUBS_PORT")


class Running:
    """`python -m local.stack` as a user runs it."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.ports = {name: free_port() for name in PORTS}
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.output = (folder / "output").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.stack"],
            cwd=ROOT,
            env={
                **os.environ,
                **{name: str(port) for name, port in self.ports.items()},
                "STATE_DIR": str(folder / "state"),
                "CAPTURE_WINDOW_SECONDS": "1",
                **env,
            },
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.ports['PORT']}"

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
        while f"ready {self.base_url}" not in self.said():
            assert self.process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def interrupt(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def children(self) -> dict[int, str]:
        """The command lines of the stack's processes by their ids: all that have its folder in their environment."""
        mark = f"STATE_DIR={self.folder}/state\0".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self.process.pid:
                with contextlib.suppress(OSError):
                    # What has ended and waits for its parent to notice has neither.
                    if mark in (entry / "environ").read_bytes():
                        found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        return found

    def left(self) -> dict[int, str]:
        """The processes that still run after ending ones had time to exit."""
        deadline = time.monotonic() + 120
        while (found := self.children()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.interrupt(signal.SIGTERM)
        self.output.close()


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for each in running:
        each.close()


def test_two_stacks_run_side_by_side_and_ctrl_c_leaves_no_process_and_no_port(
    stacks: list[Running], tmp_path: Path
) -> None:
    stacks += [Running(tmp_path / "one"), Running(tmp_path / "two")]
    for each in stacks:
        each.wait_until_ready()
    for each in stacks:
        assert each.said().splitlines()[-1] == f"ready {each.base_url}"
        sent = httpx.post(
            f"{each.base_url}/api/events", json={"name": "x"}, headers={"X-Write-Key": "demo"}, timeout=180
        )
        assert sent.status_code == 200
        assert len(each.children()) >= 3
    for each, number in zip(stacks, (signal.SIGINT, signal.SIGTERM), strict=True):
        assert each.interrupt(number) == 0, each.said()
        assert each.left() == {}
        assert not any(accepts_connections(port) for port in each.ports.values())


def test_a_port_in_use_is_named_with_the_setting_that_changes_it(stacks: list[Running], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stacks.append(Running(tmp_path / "one", EVENT_HUBS_PORT=str(port)))
        assert stacks[0].process.wait(30) == 1
    assert stacks[0].said().strip().endswith(f"port {port} is in use; choose another with EVENT_HUBS_PORT=")


def test_a_missing_node_is_named(stacks: list[Running], tmp_path: Path) -> None:
    stacks.append(Running(tmp_path / "one", PATH=str(tmp_path)))
    assert stacks[0].process.wait(30) == 1
    assert "Node.js is missing" in stacks[0].said()


def test_a_part_that_dies_ends_the_stack_with_its_log(stacks: list[Running], tmp_path: Path) -> None:
    stacks.append(Running(tmp_path / "one"))
    stacks[0].wait_until_ready()
    victim = next(pid for pid, command in stacks[0].children().items() if "local.event_hubs" in command)
    os.kill(victim, signal.SIGKILL)
    assert stacks[0].process.wait(30) == 1
    assert "event hubs ended" in stacks[0].said()
    assert stacks[0].left() == {}


def test_a_changed_site_comes_into_force_while_the_stack_runs(stacks: list[Running], tmp_path: Path) -> None:
    sites = tmp_path / "sites"
    sites.mkdir()
    document = {"site": "shop", "keys": [{"kind": "public", "key": "first-key"}]}
    (sites / "shop.yaml").write_text(yaml.safe_dump(document))
    stacks.append(Running(tmp_path / "one", SITES_DIR=str(sites)))
    stacks[0].wait_until_ready()

    def status(key: str) -> int:
        answer = httpx.post(
            f"{stacks[0].base_url}/api/events", json={"name": "x"}, headers={"X-Write-Key": key}, timeout=180
        )
        return answer.status_code

    assert [status("first-key"), status("second-key")] == [200, 401]
    document["keys"] = [{"kind": "public", "key": "second-key"}]
    (sites / "shop.yaml").write_text(yaml.safe_dump(document))
    deadline = time.monotonic() + 120
    while status("second-key") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status("first-key") == 401
    (sites / "shop.yaml").write_text("site: shop\nkeys: []\n")
    (sites / "blog.yml").write_text("site: blog\n")
    deadline = time.monotonic() + 120
    while not all(f"  {name} is" in stacks[0].said() for name in ("shop.yaml", "blog.yml")):
        assert time.monotonic() < deadline, stacks[0].said()
        time.sleep(0.1)
    assert "shop.yaml is invalid and not used: /keys: " in stacks[0].said()
    assert status("second-key") == 200


@pytest.mark.parametrize(
    ("env", "problem"),
    [({"PORT": "many"}, "PORT must be a whole number above 0, not 'many'"), ({"PORT": "-1"}, "PORT must be")],
)
def test_a_setting_that_cannot_be_used_is_named(env: dict[str, str], problem: str) -> None:
    with pytest.raises(StartFailed, match=problem):
        StackSettings.from_env(env)


@pytest.mark.parametrize(
    ("seconds", "schedule"), [(10, "*/10 * * * * *"), (60, "0 */1 * * * *"), (300, "0 */5 * * * *")]
)
def test_how_often_compaction_runs_becomes_a_schedule(seconds: int, schedule: str) -> None:
    assert StackSettings(compact_every_seconds=seconds).compact_schedule == schedule


def test_a_span_that_is_no_schedule_is_refused() -> None:
    with pytest.raises(StartFailed, match="must divide a minute or an hour evenly"):
        _ = StackSettings(compact_every_seconds=7).compact_schedule


def test_the_environment_sets_what_the_sample_does_but_where_the_parts_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPILL_DEADLINE_MS", raising=False)
    monkeypatch.setenv("SEND_DEADLINE_MS", "7000")
    monkeypatch.setenv("Lake", "elsewhere")
    stack = Stack(StackSettings.from_env({"STATE_DIR": str(tmp_path)}))
    told = stack.functions_environment()
    assert (told["SEND_DEADLINE_MS"], told["SPILL_DEADLINE_MS"]) == ("7000", "1500")
    assert told["Lake"] == stack.azurite.connection_string
