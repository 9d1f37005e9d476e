"""Measure whether the functions' memory is flat under load: `python -m benchmarks.soak --minutes 10`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import linear_regression

import httpx
import orjson

from benchmarks.collect import EVENT, IN_FLIGHT
from benchmarks.processes import resident_bytes
from local.processes import free_port
from local.stack import Stack, StackSettings

WARM_UP_SHARE = 0.2
MEGABYTE = 1_000_000


async def load(base_url: str, until: float) -> int:
    """Send one event per request until a time of the monotonic clock. Return the number of answers 200."""
    body = orjson.dumps(EVENT)
    headers = {"X-Write-Key": "demo", "Content-Type": "application/json", "User-Agent": "Mozilla/5.0 Benchmark"}
    accepted = 0
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:

        async def work() -> None:
            nonlocal accepted
            while time.monotonic() < until:
                answer = await client.post("/api/events", content=body)
                accepted += answer.status_code == httpx.codes.OK

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return accepted


async def watch(pid: int, until: float, every: float) -> list[tuple[float, float]]:
    """Sample memory every `every` seconds: minutes since the start, and megabytes."""
    began = time.monotonic()
    samples = []
    while time.monotonic() < until:
        samples.append(((time.monotonic() - began) / 60, resident_bytes(pid) / MEGABYTE))
        await asyncio.sleep(every)
    return samples


async def soak(base_url: str, pid: int, seconds: float) -> tuple[int, list[tuple[float, float]]]:
    """Run `load` and `watch` at once. Return the accepted events and the samples."""
    until = time.monotonic() + seconds
    accepted, samples = await asyncio.gather(load(base_url, until), watch(pid, until, max(seconds / 120, 1)))
    return accepted, samples


def main() -> int:
    """Print the range and the slope of the memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        settings = StackSettings(free_port(), free_port(), free_port(), free_port(), state, compact_every_seconds=3600)
        with Stack(settings) as stack:
            assert stack.functions is not None
            accepted, samples = asyncio.run(soak(stack.base_url, stack.functions.pid, arguments.minutes * 60))
    steady = samples[int(len(samples) * WARM_UP_SHARE) :]
    minutes, megabytes = zip(*steady, strict=True)
    slope = linear_regression(minutes, megabytes).slope
    print(f"{accepted} events in {arguments.minutes:g} minutes, one a request, {IN_FLIGHT} in flight")
    print(f"memory of the functions after the first fifth: {min(megabytes):.1f} to {max(megabytes):.1f} MB")
    print(f"slope {slope:+.2f} MB a minute")
    return 0


if __name__ == "__main__":
    sys.exit(main())
