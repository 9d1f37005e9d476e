"""Child processes that are started, waited for by polling, and always stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self


class StartFailed(RuntimeError):
    """A child ended, or was not ready in time; the message carries the end of its log."""


def free_port() -> int:
    """A TCP port nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts_connections(port: int) -> bool:
    """Whether something listens on this port of the loopback address."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def require_free_port(port: int, setting: str) -> None:
    """Raise StartFailed, which names the setting that chooses another, when something listens there already."""
    if accepts_connections(port):
        raise StartFailed(f"port {port} is in use; choose another with {setting}=")


class Child:
    """One child process in its own process group, with its output in a log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._output = log.open("wb")
        try:
            self.process = subprocess.Popen(
                list(command),
                stdout=self._output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            self._output.close()
            raise StartFailed(f"{name} could not be started: {error}") from error

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready()` is true. Raise StartFailed when the child ends or time runs out first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise StartFailed(f"{self.name} ended with code {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.name} was not ready after {seconds:g} s:\n{self.log_tail()}")
            time.sleep(0.02)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of what the child printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, seconds: float = 15) -> None:
        """Ask the child to end, then end its whole process group. Safe to call twice."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._output.close()

    def kill(self) -> None:
        """End the child and its group at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._output.close()


class Service:
    """A part of the local stack that runs as a child process: started once it is ready, always stopped."""

    _child: Child | None = None

    def start(self) -> Self:
        """Return once it is ready. Raise StartFailed with the reason when it is not."""
        raise NotImplementedError

    def _run(self, child: Child, ready: Callable[[], bool], seconds: float) -> None:
        """Wait for a child that was just started; one that is not ready in time is stopped."""
        self._child = child
        try:
            child.wait_until(ready, seconds)
        except StartFailed:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The process that was started, which may have children of its own."""
        assert self._child is not None, "it runs"
        return self._child.process.pid

    def stop(self) -> None:
        """Ask it to end, and see to it. Safe to call twice."""
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
