"""Real, unmodified trackers run against the functions: in Node, in Python, and in pages of a headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from local.browser.driver import Driver
from tests.trackers.recorder import Awaited, Recorder, Sent

FOLDER = Path(__file__).parent
SCRIPT_SECONDS = 240
# A page that was left sends its beacons afterwards, and nobody can be asked whether more will come. The beacon that
# a test names is awaited instead.
QUIET_SECONDS = 1


class ClientFailed(AssertionError):
    """A client's script or page failed; the message carries what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a client told of itself, and what it really sent."""

    told: Any
    """The JSON that a script printed last; of a page, what the last of its steps returned."""
    requests: list[Sent]
    """Every request to the collector, preflights and beacons included, in the order of the answers."""
    steps: list[Any] = field(default_factory=list)
    """What each step of a page returned, paths left out."""
    errors: list[str] = field(default_factory=list)
    """Errors on the page's console, and those that nobody caught."""
    cookies: list[dict[str, Any]] = field(default_factory=list)
    """The browser's cookies before the page was left, with `name`, `value`, `domain`, `httpOnly`, ..."""
    origin: str | None = None
    """The page's origin."""

    def posted(self) -> list[Sent]:
        """The requests without preflights."""
        return [request for request in self.requests if request.method != "OPTIONS"]


def run_node(script: str, base_url: str, refusals: Sequence[int] = (), **env: str) -> Run:
    """Run `node/<script>`, an ES module, until it ends. Raise ClientFailed when it fails or takes over 240 s.

    It finds the collector in the variable BASE_URL and the write key in WRITE_KEY, flushes, prints a line of JSON last.
    """
    node = shutil.which("node")
    assert node is not None, "Node.js is missing: `node` 20 or newer is needed on the PATH"
    return _run_script([node, str(FOLDER / "node" / script)], base_url, refusals, env)


def run_python(script: str, base_url: str, refusals: Sequence[int] = (), **env: str) -> Run:
    """Run `python/<script>` as `run_node` does, in a Python of its own."""
    return _run_script([sys.executable, str(FOLDER / "python" / script)], base_url, refusals, env)


def _run_script(command: list[str], base_url: str, refusals: Sequence[int], env: dict[str, str]) -> Run:
    with Recorder(base_url, refusals) as recorder:
        # What a client says of its surroundings is the same on every machine.
        fixed = {"TZ": "Etc/UTC", "LANG": "en_GB.UTF-8", "NO_PROXY": "localhost", "no_proxy": "localhost"}
        surroundings = {**os.environ, **fixed, "BASE_URL": recorder.base_url, "WRITE_KEY": "demo", **env}
        try:
            done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=SCRIPT_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise ClientFailed(f"{command[-1]} did not end: {late.stderr!r}") from late
        if done.returncode != 0:
            raise ClientFailed(f"{command[-1]} ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        lines = done.stdout.splitlines()
        try:
            told = json.loads(lines[-1])
        except (IndexError, ValueError) as error:
            raise ClientFailed(f"{command[-1]} printed no JSON last:\n{done.stdout}{done.stderr}") from error
        return Run(told, recorder.requests())


class Browser:
    """One headless Chromium. Every visit has a profile of its own: no cookie or stored id is left from another."""

    def __init__(self, log: Path, pages_port: int = 0) -> None:
        self._driver = Driver(FOLDER / "browser" / "driver.mjs", log, pages_port)
        self.version = self._driver.version

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.__exit__()

    def run(
        self,
        page: str,
        base_url: str,
        steps: Sequence[str] = ("run",),
        *,
        path: str = "/start",
        host: str = "localhost",
        refusals: Sequence[int] = (),
        awaited: Awaited = lambda sent: True,
    ) -> Run:
        """Open a page, take the steps, leave it, and return once its last beacon has arrived. Raise ClientFailed.

        `page` names a file in `browser/`: a script, which is bundled and put on a page, or a whole `.html` page, where
        `{{baseUrl}}` stands for the collector and `/node_modules/...` for files of the installed packages. The page
        is on another port than the collector, so it is another origin; with `host="127.0.0.1"` another site as well,
        which keeps cookies away. A step is the name of a function on `window`, called with the collector's address and
        awaited, or a path of the page's origin to go to next, where the same page is loaded anew. `path` comes first.
        `awaited` tells whether the beacons that matter have come.
        """
        with Recorder(base_url, refusals) as recorder:
            visit = {
                "page": str(FOLDER / "browser" / page),
                "baseUrl": recorder.base_url,
                "host": host,
                "path": path,
                "steps": list(steps),
            }
            self._driver.ask(visit)
            outcome = self._driver.read()
            if "failure" in outcome:
                raise ClientFailed(f"{page}: {outcome['failure']}")
            told = outcome["told"]
            return Run(
                told=told[-1] if told else None,
                requests=recorder.requests(QUIET_SECONDS, awaited),
                steps=told,
                errors=outcome["errors"],
                cookies=outcome["cookies"],
                origin=outcome["origin"],
            )
