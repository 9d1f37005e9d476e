"""Measure one request: processor time, memory, and the longest time that `GET /health` takes meanwhile."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from tests.e2e.amplifiers import Amplifier

CPU_MS, MEMORY_MB, BLOCKED_MS = 250.0, 64.0, 250.0
PAUSE_SECONDS = 0.01
# What `fixed_work` takes on the machine on which the budgets were set.
REFERENCE_SECONDS = 0.022


@cache
def slowness() -> float:
    """How many times as long as the reference this machine takes for the same work; 1 for a faster one."""
    taken = []
    for _ in range(15):
        began = time.process_time()
        fixed_work()
        taken.append(time.process_time() - began)
    return max(1.0, min(taken) / REFERENCE_SECONDS)


def fixed_work() -> None:
    """Read and write JSON, as requests do."""
    text = json.dumps([{"name": f"n{number}", "p": {"a": number, "b": "x" * 20}} for number in range(2_000)])
    for _ in range(5):
        events = json.loads(text)
        sum(len(event["name"]) for event in events)
        json.dumps(events)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one request. `blocked_ms` is the longest that a request for health took meanwhile."""

    name: str
    status: int
    cpu_ms: float
    memory_mb: float
    blocked_ms: float

    @property
    def share(self) -> float:
        """The largest part of a budget that was used; over 1 if one was exceeded. A slow machine has longer budgets."""
        cpu, blocked = CPU_MS * slowness(), BLOCKED_MS * slowness()
        return max(self.cpu_ms / cpu, self.memory_mb / MEMORY_MB, self.blocked_ms / blocked)

    def least(self, other: Cost) -> Cost:
        """The lower of each cost of two tries of one request; a status that is a fault is kept."""
        return Cost(
            self.name,
            max(self.status, other.status),
            min(self.cpu_ms, other.cpu_ms),
            min(self.memory_mb, other.memory_mb),
            min(self.blocked_ms, other.blocked_ms),
        )

    def __str__(self) -> str:
        return (
            f"{self.share:5.2f}  cpu {self.cpu_ms:4.0f} ms  memory {self.memory_mb:5.1f} MB  "
            f"health {self.blocked_ms:4.0f} ms  {self.status}  {self.name}"
        )


class Meter:
    """Measures requests to one process of the functions."""

    def __init__(self, base_url: str, pid: int) -> None:
        self._base_url = base_url
        self._pid = pid
        self._client = httpx.Client(base_url=base_url, timeout=120)
        self._longest_ms = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Request `GET /health` repeatedly within the block."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,))
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self._client.close()

    def cost(self, sent: Amplifier, key: str | None) -> Cost:
        """Send the request and measure its cost. The small cost of `GET /health` is included."""
        headers = {name: value.strip() for name, value in sent.headers.items()}
        if key is not None:
            headers.setdefault("X-Write-Key", key)
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")  # the peak is from now on
        resident, cpu = self._megabytes("VmRSS"), self._cpu_ms()
        self._longest_ms = 0.0
        answer = self._client.request(sent.method, sent.path, content=sent.body, headers=headers)
        return Cost(
            f"{sent.name}, {len(sent.body)} bytes, {'public key' if key else 'no key'}",
            answer.status_code,
            self._cpu_ms() - cpu,
            self._megabytes("VmHWM") - resident,
            self._longest_ms,
        )

    def _watch(self, ended: threading.Event) -> None:
        with httpx.Client(base_url=self._base_url, timeout=120) as client:
            while not ended.wait(PAUSE_SECONDS):
                began = time.monotonic()
                client.get("/health")
                self._longest_ms = max(self._longest_ms, (time.monotonic() - began) * 1_000)

    def _cpu_ms(self) -> float:
        """Of all threads, from the kernel's scheduler: the time on a processor, however busy the machine is."""
        nanoseconds = 0
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            with suppress(OSError):  # it has ended
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e6

    def _megabytes(self, name: str) -> float:
        found = re.search(rf"{name}:\s*(\d+) kB", Path(f"/proc/{self._pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024
