"""The emulator for the tests of others: installed alone into an empty environment, and used there as its page says."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local.event_hubs.process import ROOT

pytestmark = pytest.mark.integration
SOURCE = ROOT / "local" / "event_hubs"
THEIR_OWN = ("pytest", "azure-eventhub")  # what the project of others has beside the emulator
MORE = """
from event_hubs_emulator.assertions import NotReceived

def test_what_was_sent_is_received_by_the_sdk(event_hubs):
    send(event_hubs, "order-4")
    consumer = EventHubConsumerClient.from_connection_string(
        event_hubs.connection_string, consumer_group="$Default", eventhub_name="events"
    )
    seen = []
    def take(partition, event):
        seen.append(event.body_as_json()["event_id"])
        consumer.close()
    with consumer:
        consumer.receive(on_event=take, starting_position="-1")
    assert seen == ["order-4"]

def test_what_never_came_is_said_with_what_did(event_hubs):
    send(event_hubs, "order-5")
    with pytest.raises(NotReceived, match="order-5"):
        event_hubs.hub("events").received(event_id="order-6", seconds=0.1)
    with pytest.raises(ValueError, match="no hub orders; the hubs are events"):
        event_hubs.hub("orders").events()
"""


def required(names: tuple[str, ...]) -> set[str]:
    """The distributions that an installer would bring for these, by what each declares."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        if requirement.name not in found:
            found.add(requirement.name)
            for text in distribution(requirement.name).requires or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                    waiting.append(needed)
    return found


def link(name: str, site_packages: Path) -> None:
    """Bring one distribution of this environment, at the version that is locked here, without a network."""
    for file in distribution(name).files or ():
        if ".." not in file.parts:
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.symlink_to(distribution(name).locate_file(file))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the distribution, what it declares, and THEIR_OWN."""
    folder: Path = tmp_path_factory.mktemp("distribution")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    subprocess.run([*pip, "wheel", "--no-deps", *build, "--wheel-dir", str(folder), str(SOURCE)], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    python = str(folder / "env" / "bin" / "python")
    install = ["--python", python, "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    asked = subprocess.run(
        [python, "-c", "import sysconfig, importlib.metadata as m; print(sysconfig.get_path('purelib'))\n"
         "print(*(r for r in m.requires('event-hubs-emulator') if 'extra' not in r), sep='\\n')"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    site_packages, *declared = asked.stdout.split()
    assert [Requirement(text).name for text in declared] == ["pydantic"]
    for name in sorted(required((*THEIR_OWN, *declared))):
        link(name, Path(site_packages))
    return folder / "env" / "bin"


def surroundings() -> dict[str, str]:
    """Nothing that leads to this checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}


def test_the_project_of_others_passes_as_the_page_shows_it(environment: Path, tmp_path: Path) -> None:
    example = re.search(r"```python\n(import pytest\n.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL)
    assert example is not None
    (tmp_path / "test_orders.py").write_text(example[1] + MORE)
    command = [
        str(environment / "python"),
        "-m",
        "pytest",
        "-q",
        "--strict-markers",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_command_serves_and_ends(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "event-hubs-emulator"), "--hub", "events:2", "--port", "0", "--admin-port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=surroundings(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert re.fullmatch(r"ready amqp://127\.0\.0\.1:\d+ admin http://\S+\n", process.stdout.readline())
        process.terminate()
        assert process.wait(timeout=60) == 0


def test_the_command_says_what_a_hub_may_not_be(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "event-hubs-emulator"), "--hub", "events:many"]
    done = subprocess.run(command, cwd=tmp_path, env=surroundings(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Entities.0.PartitionCount" in done.stderr
