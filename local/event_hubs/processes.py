"""Child processes: start them, poll until they are ready, and stop them in any case."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self


class StartFailed(RuntimeError):
    """A child process exited, or was not ready in time. The message has the end of its log."""


def free_port() -> int:
    """A free TCP port that the system assigns to no other process while this one runs.

    A socket stays bound to it, so the system neither assigns the port nor connects from it. A server with SO_REUSEADDR
    can listen on it nevertheless. This is so on Linux only; elsewhere the port is merely free at this moment.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    if sys.platform == "linux":
        probe.detach()  # the system closes it when the process ends
    else:
        probe.close()
    return port


def accepts_connections(port: int) -> bool:
    """Whether a server listens on this port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def require_free_port(port: int, setting: str) -> None:
    """Raise StartFailed if the port is in use. The message names the setting that selects another port."""
    if accepts_connections(port):
        raise StartFailed(f"port {port} is in use; choose another with {setting}=")


class Child:
    """One child process in its own process group, with stdout and stderr in a log file. Raise StartFailed."""

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
        """Poll until `ready()` is true. Raise StartFailed if the child exits first, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise StartFailed(f"{self.name} ended with code {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.name} was not ready after {seconds:g} s:\n{self.log_tail()}")
            time.sleep(0.02)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def running(self) -> bool:
        """Whether the process has not exited."""
        return self.process.poll() is None

    def stop(self, seconds: float = 15) -> None:
        """Send SIGTERM, wait at most `seconds`, then kill the process group. Safe to call twice."""
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
        """Kill the process group, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._output.close()


class Service:
    """A part of the local stack that runs as a child process. As a context manager it starts and stops the process."""

    _child: Child | None = None

    def start(self) -> Self:
        """Return once it is ready. Raise StartFailed with the reason if it is not."""
        raise NotImplementedError

    def _run(self, child: Child, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until a new child is ready. Stop it and raise StartFailed if it is not ready in time."""
        self._child = child
        try:
            child.wait_until(ready, seconds)
        except StartFailed:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Id of the started process, which may have children."""
        assert self._child is not None, "it runs"
        return self._child.process.pid

    def stop(self) -> None:
        """Stop the process and its children. Safe to call twice."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """Kill the process and its children, as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def ended(self) -> str | None:
        """The end of the log if the process exited without `stop`; None if it runs or was not started."""
        return self._child.log_tail() if self._child is not None and not self._child.running else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
