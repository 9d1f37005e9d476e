"""The host as a child process, for the local stack and for tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from local.processes import Child, StartFailed, accepts_connections

ROOT = Path(__file__).parents[2]


class FunctionsHost:
    """One running host, with all its workers in one process group."""

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
        self._asked = port
        self._env = {"FUNCTIONS_HOST_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(ROOT), **(env or {})}
        self._options = ["--workers", str(workers), *options]
        self._child: Child | None = None
        self.port = port

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def pid(self) -> int:
        """The process that was started; with several workers, their parent."""
        assert self._child is not None, "it runs"
        return self._child.process.pid

    @property
    def log(self) -> Path:
        return self._folder / "functions.log"

    def start(self) -> Self:
        """Return once it serves. Raise StartFailed with the reason when it does not."""
        if self._asked and accepts_connections(self._asked):
            raise StartFailed(f"port {self._asked} is in use; choose another with PORT")
        command = [sys.executable, "-m", "local.functions_host", "start", "--app-dir", str(self._app_dir)]
        child = Child("functions", [*command, "--port", str(self._asked), *self._options], self.log, self._env, ROOT)
        self._child = child
        try:
            child.wait_until(lambda: "ready http" in self.log.read_text(errors="replace"), seconds=60)
        except StartFailed:
            self.stop()
            raise
        found = re.search(r"ready http://localhost:(\d+)", self.log.read_text(errors="replace"))
        assert found is not None, "the line was there"
        self.port = int(found[1])
        return self

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """End all its processes as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def ended(self) -> str | None:
        """The end of its log when it has ended by itself; None while it runs or was never started."""
        return self._child.log_tail() if self._child is not None and not self._child.running else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
