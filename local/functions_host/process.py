"""Run the host as a child process, for the local stack and for tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from local.processes import Child, Service, require_free_port

ROOT = Path(__file__).parents[2]


class FunctionsHost(Service):
    """One host, with its workers in one process group. Port 0 means any free port."""

    def __init__(
        self,
        app_dir: Path,
        folder: Path,
        *,
        port: int = 0,
        env: Mapping[str, str] | None = None,
        workers: int = 1,
        options: Sequence[str] = (),
    ) -> None:
        self._app_dir = app_dir
        self._folder = folder
        self._requested_port = port
        self._env = {"FUNCTIONS_HOST_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(ROOT), **(env or {})}
        self._options = ["--workers", str(workers), *options]
        self.port = port

    @property
    def base_url(self) -> str:
        """URL without a trailing slash."""
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> Path:
        """The log file of all workers."""
        return self._folder / "functions.log"

    def start(self) -> Self:
        """Return once the host serves. Raise StartFailed with the reason if it does not."""
        if self._requested_port:
            require_free_port(self._requested_port, "PORT")
        command = [sys.executable, "-m", "local.functions_host", "start", "--app-dir", str(self._app_dir)]
        child = Child(
            "functions", [*command, "--port", str(self._requested_port), *self._options], self.log, self._env, ROOT
        )
        self._run(child, lambda: "ready http" in self.log.read_text(errors="replace"), seconds=60)
        ready = re.search(r"ready http://localhost:(\d+)", self.log.read_text(errors="replace"))
        assert ready is not None, "the log has the line"
        self.port = int(ready[1])
        return self
