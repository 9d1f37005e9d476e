"""Benchmark `collect`: processor time per event, as ratios to a function that only awaits the same send.

The functions run on the local host, so the numbers do not include Azure's overhead. The ratios show what the collector
adds to the unavoidable send.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
import orjson

from benchmarks.processes import cpu_seconds
from local.functions_host.process import FunctionsHost
from local.processes import free_port
from local.stack import Stack, StackSettings

IN_FLIGHT = 8
EVENT = {
    "name": "page_view",
    "event_id": "3f0f7a52-9f0e-4c57-8d7b-2f6a4f1c9f11",
    "anonymous_id": "6f1c9f11-3f0f-4c57-8d7b-2f6a7a529f0e",
    "session_id": "9f0e7a52-6f1c-4c57-8d7b-2f6a3f0f9f11",
    "created_at": "2026-03-01T11:59:30.123Z",
    "sent_at": "2026-03-01T12:00:00.456Z",
    "page_url": "https://shop.example/shoes/trail-runner?utm_source=news&utm_medium=mail&colour=red",
    "page_title": "Trail Runner - Shop",
    "referrer": "https://www.google.com/",
    "language": "en",
    "screen_width": 1920,
    "screen_height": 1080,
    "viewport_width": 1280,
    "viewport_height": 720,
    "properties": {"price": 129.9, "currency": "EUR", "sizes": [42, 43, 44], "in_stock": True},
}


@dataclass
class Case:
    """One way to send, with its cost in each round, in microseconds per event."""

    name: str
    host: FunctionsHost
    path: str
    body: bytes
    events: int
    requests: int
    cpu_us: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Run one round, and append the host's processor time per event. Raise httpx.HTTPError."""
        before = cpu_seconds(self.host.pid)
        numbers = iter(range(self.requests))
        headers = {"X-Write-Key": "demo", "Content-Type": "application/json", "User-Agent": "Mozilla/5.0 Benchmark"}
        async with httpx.AsyncClient(base_url=self.host.base_url, headers=headers, timeout=60) as client:

            async def work() -> None:
                for _ in numbers:
                    answer = await client.post(self.path, content=self.body)
                    answer.raise_for_status()

            await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        self.cpu_us.append((cpu_seconds(self.host.pid) - before) * 1e6 / (self.requests * self.events))


async def measure(cases: Sequence[Case], rounds: int) -> None:
    """Run the cases in turns. The first round is a warm-up and not counted."""
    for number in range(rounds + 1):
        for case in cases:
            await case.run()
            if number == 0:
                case.cpu_us.clear()


def main() -> int:
    """Print the table of ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collect", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="requests of one round")
    arguments = parser.parse_args()
    one = orjson.dumps(EVENT)
    fifty = orjson.dumps([{**EVENT, "event_id": f"{number:032}"} for number in range(50)])
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        settings = StackSettings(free_port(), free_port(), free_port(), free_port(), state, compact_every_seconds=3600)
        baselines = Path(__file__).parent / "baselines"
        with Stack(settings) as stack:
            assert stack.functions is not None
            env = {"EventHubConnection": stack.event_hubs.connection_string}
            with FunctionsHost(baselines, state / "baselines", env=env) as other:
                count = arguments.requests
                bare = Case("a bare function with the same send", other, "/bare", one, 1, count)
                cases = [
                    bare,
                    Case("collect, one event a request", stack.functions, "/api/events", one, 1, count),
                    Case(
                        "collect, 50 events a request", stack.functions, "/api/events", fifty, 50, max(count // 10, 8)
                    ),
                    Case("the tutorial way: a producer a request", other, "/tutorial", one, 1, max(count // 40, 8)),
                ]
                asyncio.run(measure(cases, arguments.rounds))
    base = median(bare.cpu_us)
    print("collect: processor time of the functions per event, median of rounds; 1.0 is the bare function")
    for case in cases:
        cost = median(case.cpu_us)
        spread = f"{min(case.cpu_us):.0f}-{max(case.cpu_us):.0f}"
        print(f"  {case.name:<40} {cost / base:7.2f}   ({cost:.0f} us here, rounds {spread})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
