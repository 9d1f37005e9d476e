"""Benchmark the start of the Event Hubs emulator, as a ratio to a Python process that only imports asyncio."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from local.event_hubs.process import CaptureToFolder, EventHubsEmulator
from local.processes import free_port

ROUNDS = 9


def baseline() -> float:
    """Seconds of a Python process that imports asyncio."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
    return time.perf_counter() - began


def first_connection(folder: Path) -> float:
    """Seconds from the start of the command to the first accepted connection."""
    port = free_port()
    command = [sys.executable, "-m", "local.event_hubs", "--hub", "events:4", "--port", str(port), "--admin-port", "0"]
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, "--capture-folder", str(folder)], cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL
    ) as process:
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.001)
        took = time.perf_counter() - began
        process.terminate()
    return took


def fixture(folder: Path) -> float:
    """Seconds until the emulator of a test is ready."""
    began = time.perf_counter()
    with EventHubsEmulator(folder, {"events": 4}, capture=CaptureToFolder(folder / "capture")):
        return time.perf_counter() - began


def main() -> None:
    """Print medians and ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured: dict[str, Callable[[], float]] = {
            "baseline: python -c 'import asyncio'": baseline,
            "command: first accepted connection": lambda: first_connection(folder),
            "fixture: ready for a test": lambda: fixture(folder),
        }
        # In turns, so that load on the machine affects all of them.
        times: dict[str, list[float]] = {what: [] for what in measured}
        for _ in range(ROUNDS):
            for what, measure in measured.items():
                times[what].append(measure())
    first = statistics.median(next(iter(times.values())))
    print(f"{'start of the Event Hubs emulator':<40} {'median':>8} {'fastest':>8} {'ratio':>6}")
    for what, took in times.items():
        middle = statistics.median(took)
        print(f"{what:<40} {middle:7.3f}s {min(took):7.3f}s {middle / first:6.1f}")


if __name__ == "__main__":
    main()
