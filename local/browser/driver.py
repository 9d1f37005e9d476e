"""Drive headless Chromium through a Node.js program that reads a JSON line per command and writes one per outcome."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import IO, Any, Self

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
SHELL_NAME = "chromium-headless-shell"
END_SECONDS = 15


class BrowserFailed(RuntimeError):
    """No browser is installed, or the driver exited. The message has the reason or the driver's log."""


def find_chromium() -> str:
    """Path of the browser: the variable CHROMIUM, else one on the PATH. Raise BrowserFailed if there is none."""
    for name in (os.environ.get("CHROMIUM"), *CHROMIUM_NAMES):
        if name and (path := shutil.which(name)):
            return path
    raise BrowserFailed("Chromium is missing: run local/chromium.sh, or set CHROMIUM=/path/to/it")


def find_shell() -> str:
    """Path of Chromium's headless shell, if one is on the PATH and CHROMIUM names no browser; else as `find_chromium`.

    It is the same engine without the parts of a window, and takes less processor time. Raise BrowserFailed.
    """
    shell = None if os.environ.get("CHROMIUM") else shutil.which(SHELL_NAME)
    return shell or find_chromium()


class Driver:
    """One driver process and its browser; `program` uses `serveLines` of chromium.mjs. Raise BrowserFailed.

    `pages_port` is the port of the program's own pages, if it serves any; 0 is any free port.
    """

    def __init__(self, program: Path, log: Path, pages_port: int = 0) -> None:
        browsers = {"CHROMIUM": find_chromium(), "CHROMIUM_SHELL": find_shell()}
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._output = log.open("wb")
        self._process = subprocess.Popen(
            ["node", str(program)],
            env={**os.environ, **browsers, "PAGES_PORT": str(pages_port)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            start_new_session=True,
        )
        try:
            self.version: str = self.read()["ready"]
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe(self._process.stdin).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe(self._process.stdout).close()
        self._output.close()

    def ask(self, *commands: object) -> None:
        """Send commands, one JSON line each. Raise BrowserFailed if the driver has exited."""
        stdin = self._pipe(self._process.stdin)
        try:
            stdin.write(b"".join(json.dumps(one).encode() + b"\n" for one in commands))
            stdin.flush()
        except BrokenPipeError:
            raise BrowserFailed(self._failure()) from None

    def read(self) -> dict[str, Any]:
        """Wait for the next outcome. Raise BrowserFailed if the driver has exited."""
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise BrowserFailed(self._failure())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self) -> str:
        return f"the browser driver exited:\n{self._log.read_text(errors='replace')}"

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None, "opened as a pipe"
        return stream
