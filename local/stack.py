"""Start, watch and stop the local stack: Azurite, the Event Hubs emulator with Capture, and the functions."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from clickstream.errors import InvalidSite
from clickstream.sites.document import Site, parse_site
from clickstream.sites.keys import key_problems
from local.azurite import Azurite
from local.event_hubs.process import CaptureSettings, EventHubsEmulator
from local.functions_host.process import FunctionsHost
from local.processes import StartFailed, require_free_port

ROOT = Path(__file__).parent.parent
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Ports, folders and intervals of one stack. Two stacks can run at once if their ports and folders differ."""

    port: int = 7071
    azurite_blob_port: int = 10000
    azurite_queue_port: int = 10001
    event_hubs_port: int = 5672
    state_dir: Path = ROOT / ".local"
    sites_dir: Path = ROOT / "local" / "sites"
    capture_window_seconds: int = 5
    compact_every_seconds: int = 10
    without_hub: bool = False
    allowed_origins: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read each field from the variable with its name in capitals. Raise StartFailed for an invalid value."""
        values: dict[str, bool | int | str | Path] = {}
        for name, default in ((f, getattr(cls(), f)) for f in cls.__dataclass_fields__):
            text = env.get(name.upper(), "").strip()
            if not text:
                continue
            if isinstance(default, bool):
                values[name] = text.lower() == "true"
            elif isinstance(default, Path):
                values[name] = Path(text).resolve()
            elif isinstance(default, str):
                values[name] = text
            elif text.isdigit() and int(text) > 0:
                values[name] = int(text)
            else:
                raise StartFailed(f"{name.upper()} must be a whole number above 0, not {text!r}")
        return cls(**values)  # type: ignore[arg-type]

    @property
    def compact_schedule(self) -> str:
        """`compact_every_seconds` as NCRONTAB. Raise StartFailed if no such schedule exists."""
        seconds = self.compact_every_seconds
        if seconds < 60 and 60 % seconds == 0:
            return f"*/{seconds} * * * * *"
        if seconds % 60 == 0 and 3600 % seconds == 0:
            return f"0 */{seconds // 60} * * * *"
        raise StartFailed(f"COMPACT_EVERY_SECONDS must divide a minute or an hour evenly, which {seconds} does not")


class Stack:
    """A context manager that starts all parts and stops every started one. `say` receives lines of progress."""

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
        """URL of the functions, without a trailing slash."""
        return f"http://localhost:{self.settings.port}"

    def functions_environment(self) -> dict[str, str]:
        """The functions' settings: those of the sample, overridden by the environment, with the ports of this stack."""
        sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
        return {
            **{name: os.environ.get(name, value) for name, value in sample.items()},
            "AzureWebJobsStorage": self.azurite.connection_string,
            "EventHubConnection": "" if self.settings.without_hub else self.event_hubs.connection_string,
            "Lake": self.azurite.connection_string,
            "ALLOWED_ORIGINS": self.settings.allowed_origins,
            "COMPACT_SCHEDULE": self.settings.compact_schedule,
            "SITES_REFRESH_SECONDS": "2",
            "FUNCTIONS_HOST_STATE_DIR": str(self.settings.state_dir / "functions"),
            "QUERY_FILES_FOLDER": str(self.settings.state_dir / "copies"),
        }

    def __enter__(self) -> Self:
        try:
            self._check_ports()
            self._start("Azurite", self.azurite.start)
            if not self.settings.without_hub:
                self._start("Event Hubs emulator", self.event_hubs.start)
            self.sites = SiteUploads(self.settings.sites_dir, self.azurite.connection_string, self._say)
            self._start("containers and sites", self._prepare_storage)
            # With ALLOWED_ORIGINS the host answers preflights itself, as on Flex. Otherwise the sites' origins decide.
            plan = "flex" if self.settings.allowed_origins else "premium"
            self.functions = FunctionsHost(
                ROOT,
                self.settings.state_dir / "functions",
                port=self.settings.port,
                env=self.functions_environment(),
                options=("--plan", plan),
            )
            self._start("functions", self.functions.start)
            self._start("first answers", self._wait_until_ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # The functions stop first, so that no event is accepted but not captured. Storage stops last, because Capture
        # writes its last files when the emulator stops.
        for part in (self.functions, self.event_hubs, self.azurite):
            if part is not None:
                part.stop()

    def failure(self) -> str | None:
        """The name of a part that exited, with the end of its log; None while all parts run."""
        for name, part in (("azurite", self.azurite), ("event hubs", self.event_hubs), ("functions", self.functions)):
            if part is not None and (tail := part.ended()) is not None:
                return f"{name} ended:\n{tail}"
        return None

    def compact(self) -> None:
        """Run the function `compact` now. Return once the host accepted the request; raise httpx.HTTPError."""
        url = f"{self.base_url}/admin/functions/compact"
        # Nothing is encrypted, and to load the certificates of authorities takes longer than the request.
        httpx.post(url, json={"input": ""}, timeout=60, verify=False).raise_for_status()

    def _start(self, what: str, start: Callable[[], object]) -> None:
        began = time.monotonic()
        start()
        self._say(f"  {what:<20} {time.monotonic() - began:5.1f} s")

    def _prepare_storage(self) -> None:
        """Create the containers that the templates create on Azure, and upload the sites."""
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
            answer = httpx.get(f"{self.base_url}/health/ready", timeout=30, verify=False)
            if answer.status_code == httpx.codes.OK:
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"the functions are not ready: {answer.text}")
            time.sleep(0.1)


class SiteUploads:
    """Uploads the site documents of a folder to the container `config` when they change."""

    def __init__(self, folder: Path, connection_string: str, say: Callable[[str], None] = lambda line: None) -> None:
        self._folder = folder
        self._say = say
        self._service = BlobServiceClient.from_connection_string(connection_string)
        self._uploaded: dict[Path, int] = {}
        self._sites: dict[str, Site] = {}

    def upload_changed(self) -> None:
        """Upload the documents that changed since the last call, and report their problems through `say`."""
        container = self._service.get_container_client("config")
        for path in sorted(self._folder.glob("*.y*ml")):
            changed_at = path.stat().st_mtime_ns
            if self._uploaded.get(path) != changed_at:
                self._uploaded[path] = changed_at
                if path.suffix != ".yaml":
                    self._say(f"  {path.name} is not used: documents of sites end with .yaml")
                    continue
                text = path.read_bytes()
                container.upload_blob(f"sites/{path.name}", text, overwrite=True)
                self._report_problems(path, text)

    def _report_problems(self, path: Path, text: bytes) -> None:
        try:
            self._sites[path.stem] = parse_site(text, expected=path.stem)
        except InvalidSite as error:
            for problem in error.problems:
                self._say(f"  {path.name} is invalid and not used: {problem}")
        for site, problem in key_problems(self._sites.values()):
            if site == path.stem:
                self._say(f"  {path.name}: {problem}")


def main() -> int:
    """Serve until Ctrl-C or SIGTERM. Return the exit code: 1 if a part cannot start or exits."""
    parser = argparse.ArgumentParser(prog="python -m local.stack", description=__doc__)
    parser.add_argument("--without-hub", action="store_true", help="no Event Hubs: all events go to the spill")
    arguments = parser.parse_args()
    interruptible()
    try:
        settings = StackSettings.from_env(os.environ)
        settings = replace(settings, without_hub=arguments.without_hub or settings.without_hub)
        print("starting the local stack", flush=True)
        with Stack(settings, lambda line: print(line, flush=True)) as stack:
            failure = serve(stack)
        print(failure, file=sys.stderr)
        return 1
    except StartFailed as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def serve(stack: Stack) -> str:
    """Print the URLs, then upload changed site documents until a part exits. Return its name and log."""
    print(f"\n  start page       {stack.base_url}/")
    print(f"  dashboard        {stack.base_url}/dashboard#key=demo-read")
    print(f"  demo shop        {stack.base_url}/demo        (shows each event and its verdict)")
    print(f"  send events to   {stack.base_url}/api/events  (write key: demo)")
    print(f"  ask questions    {stack.base_url}/api/query   (read key: demo-read)")
    print(f"  storage          http://127.0.0.1:{stack.settings.azurite_blob_port}/devstoreaccount1")
    print(f"  state and logs   {stack.settings.state_dir}\n")
    print(f"ready {stack.base_url}", flush=True)
    while (failure := stack.failure()) is None:
        stack.sites.upload_changed()
        time.sleep(1)
    return failure


def interruptible() -> None:
    """Make Ctrl-C and SIGTERM raise KeyboardInterrupt once. Later ones are ignored while the parts are stopped."""

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


if __name__ == "__main__":
    sys.exit(main())
