"""The local stack: Azurite, the Event Hubs emulator with Capture and the functions, started, watched and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite
from local.event_hubs.process import CaptureSettings, EventHubsEmulator
from local.functions_host.process import FunctionsHost
from local.processes import StartFailed, require_free_port

ROOT = Path(__file__).parent.parent
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Ports, folders and clocks of one stack; two stacks live side by side when these differ."""

    port: int = 7071
    azurite_blob_port: int = 10000
    azurite_queue_port: int = 10001
    event_hubs_port: int = 5672
    state_dir: Path = ROOT / ".local"
    sites_dir: Path = ROOT / "local" / "sites"
    capture_window_seconds: int = 5
    compact_every_seconds: int = 10

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Each field from the variable of its name in capitals. Raise StartFailed for one that cannot be used."""
        values: dict[str, int | Path] = {}
        for name, default in ((f, getattr(cls(), f)) for f in cls.__dataclass_fields__):
            text = env.get(name.upper(), "").strip()
            if not text:
                continue
            if isinstance(default, Path):
                values[name] = Path(text).resolve()
            elif text.isdigit() and int(text) > 0:
                values[name] = int(text)
            else:
                raise StartFailed(f"{name.upper()} must be a whole number above 0, not {text!r}")
        return cls(**values)  # type: ignore[arg-type]

    @property
    def compact_schedule(self) -> str:
        """NCRONTAB for `compact_every_seconds`. Raise StartFailed where no such schedule exists."""
        seconds = self.compact_every_seconds
        if seconds < 60 and 60 % seconds == 0:
            return f"*/{seconds} * * * * *"
        if seconds % 60 == 0 and 3600 % seconds == 0:
            return f"0 */{seconds // 60} * * * *"
        raise StartFailed(f"COMPACT_EVERY_SECONDS must divide a minute or an hour evenly, which {seconds} does not")


class Stack:
    """All parts, one context: whatever was started is stopped, whichever way the context ends."""

    def __init__(self, settings: StackSettings, say: Callable[[str], None] = lambda line: None) -> None:
        self.settings = settings
        self._say = say
        state = settings.state_dir
        self.azurite = Azurite(state / "azurite", settings.azurite_blob_port, settings.azurite_queue_port)
        self.event_hubs = EventHubsEmulator(
            state / "event_hubs",
            {"events": PARTITIONS, "failed-events": 1},
            port=settings.event_hubs_port,
            capture=CaptureSettings(
                self.azurite.connection_string, window_seconds=settings.capture_window_seconds, skip_empty=True
            ),
        )
        self.functions: FunctionsHost | None = None

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.settings.port}"

    def functions_environment(self) -> dict[str, str]:
        """The functions' settings: the sample's unless the environment has others, with this stack's own ports."""
        sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
        return {
            **{name: os.environ.get(name, value) for name, value in sample.items()},
            "AzureWebJobsStorage": self.azurite.connection_string,
            "EventHubConnection": self.event_hubs.connection_string,
            "Lake": self.azurite.connection_string,
            "COMPACT_SCHEDULE": self.settings.compact_schedule,
            "SITES_REFRESH_SECONDS": "2",
            "FUNCTIONS_HOST_STATE_DIR": str(self.settings.state_dir / "functions"),
            "QUERY_FILES_FOLDER": str(self.settings.state_dir / "copies"),
        }

    def __enter__(self) -> Self:
        try:
            self._check_ports()
            self._start("Azurite", self.azurite.start)
            self._start("Event Hubs emulator", self.event_hubs.start)
            self.sites = SiteUploads(self.settings.sites_dir, self.azurite.connection_string)
            self._start("containers and sites", self._prepare_storage)
            # On Flex the platform answers preflights from a list of its own; here the sites' origins decide.
            self.functions = FunctionsHost(
                ROOT,
                self.settings.state_dir / "functions",
                port=self.settings.port,
                env=self.functions_environment(),
                options=("--plan", "premium"),
            )
            self._start("functions", self.functions.start)
            self._start("first answers", self._wait_until_ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # The functions first, for nothing may be accepted that nobody captures; storage last, for Capture's last files.
        for part in (self.functions, self.event_hubs, self.azurite):
            if part is not None:
                part.stop()

    def failure(self) -> str | None:
        """What has ended by itself, with the end of its log; None while all run."""
        for name, part in (("azurite", self.azurite), ("event hubs", self.event_hubs), ("functions", self.functions)):
            if part is not None and (tail := part.ended()) is not None:
                return f"{name} ended:\n{tail}"
        return None

    def compact(self) -> None:
        """Run the timer at once, as on the real host."""
        httpx.post(f"{self.base_url}/admin/functions/compact", json={"input": ""}).raise_for_status()

    def _start(self, what: str, start: Callable[[], object]) -> None:
        began = time.monotonic()
        start()
        self._say(f"  {what:<20} {time.monotonic() - began:5.1f} s")

    def _prepare_storage(self) -> None:
        """Make the containers that infrastructure makes in the cloud, and bring the sites."""
        service = BlobServiceClient.from_connection_string(self.azurite.connection_string)
        for name in ("capture", "config", "spill", "salts", "lake"):
            with contextlib.suppress(ResourceExistsError):
                service.create_container(name)
        self.sites.upload_changed()

    def _check_ports(self) -> None:
        if shutil.which("node") is None:
            raise StartFailed("Node.js is missing: the storage emulator needs `node` 20 or newer on the PATH")
        for name in ("port", "azurite_blob_port", "azurite_queue_port", "event_hubs_port"):
            require_free_port(getattr(self.settings, name), name.upper())

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            answer = httpx.get(f"{self.base_url}/health/ready", timeout=30)
            if answer.status_code == httpx.codes.OK:
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"the functions are not ready: {answer.text}")
            time.sleep(0.1)


class SiteUploads:
    """Brings the sites' documents of a folder into the config container, whenever they change."""

    def __init__(self, folder: Path, connection_string: str) -> None:
        self._folder = folder
        self._service = BlobServiceClient.from_connection_string(connection_string)
        self._uploaded: dict[Path, int] = {}

    def upload_changed(self) -> None:
        """Upload what is new or changed since the last call."""
        container = self._service.get_container_client("config")
        for path in sorted(self._folder.glob("*.yaml")):
            changed_at = path.stat().st_mtime_ns
            if self._uploaded.get(path) != changed_at:
                container.upload_blob(f"sites/{path.name}", path.read_bytes(), overwrite=True)
                self._uploaded[path] = changed_at


def main() -> int:
    """Serve until Ctrl-C or SIGTERM. Returns the exit code."""
    interruptible()
    try:
        settings = StackSettings.from_env(os.environ)
        print("starting the local stack", flush=True)
        with Stack(settings, lambda line: print(line, flush=True)) as stack:
            print(f"\n  send events to   {stack.base_url}/api/events  (write key: demo)")
            print(f"  ask questions    {stack.base_url}/api/query   (read key: demo-read)")
            print(f"  see the answers  {stack.base_url}/dashboard   (read key: demo-read)")
            print(f"  storage          http://127.0.0.1:{settings.azurite_blob_port}/devstoreaccount1")
            print(f"  state and logs   {settings.state_dir}\n")
            print(f"ready {stack.base_url}", flush=True)
            while (failure := stack.failure()) is None:
                stack.sites.upload_changed()
                time.sleep(1)
        print(failure, file=sys.stderr)
        return 1
    except StartFailed as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def interruptible() -> None:
    """Make Ctrl-C and SIGTERM raise KeyboardInterrupt once; while the parts are being stopped, a second is ignored."""

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


if __name__ == "__main__":
    sys.exit(main())
