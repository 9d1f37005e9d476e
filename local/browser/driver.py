"""A program in Node.js that drives one headless Chromium: a line of JSON for each thing asked, one for its outcome."""

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
END_SECONDS = 15


class BrowserFailed(RuntimeError):
    """There is no browser, or its driver ended; the message carries what it said."""


def find_chromium() -> str:
    """The browser's program: the variable CHROMIUM, else one on the PATH. Raise BrowserFailed where there is none."""
    for name in (os.environ.get("CHROMIUM"), *CHROMIUM_NAMES):
        if name and (found := shutil.which(name)):
            return found
    raise BrowserFailed("Chromium is missing: run local/chromium.sh, or name its program with CHROMIUM=/path")


class Driver:
    """One driver and its browser; `program` serves lines as `chromium.mjs` has it. Raise BrowserFailed if it cannot."""

    def __init__(self, program: Path, log: Path) -> None:
        chromium = find_chromium()
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._output = log.open("wb")
        self._process = subprocess.Popen(
            ["node", str(program)],
            env={**os.environ, "CHROMIUM": chromium},
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

    def ask(self, *wanted: object) -> None:
        """Give the driver one line for each. Raise BrowserFailed when it has ended."""
        stdin = self._pipe(self._process.stdin)
        try:
            stdin.write(b"".join(json.dumps(one).encode() + b"\n" for one in wanted))
            stdin.flush()
        except BrokenPipeError:
            raise BrowserFailed(self._last_words()) from None

    def read(self) -> dict[str, Any]:
        """The next outcome. Raise BrowserFailed when the driver has ended."""
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise BrowserFailed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        return f"the browser's driver ended:\n{self._log.read_text(errors='replace')}"

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None, "it was opened as a pipe"
        return stream
