"""Benchmark the operator's log lines: processor time of counting and of one line a minute, as shares of an event.

The baseline is one plain event per request, from headers and body to the answer, with a sink in memory. It excludes the
host and the send to Event Hubs, so the shares of a real event are smaller.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import orjson

from benchmarks.collect import EVENT
from benchmarks.dialects import HEADERS
from clickstream.collecting.collector import Collected
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.request import Request
from clickstream.sites.preflights import Preflights
from clickstream.tally import Tally
from functions._collecting import answer_of, count
from tests.functional.border import NOW, Border

ORIGIN = "https://shop.example"
PER_MINUTE = 60  # one event a second; with more events the share of the line is smaller
DIALECT = DIALECTS["plain"]
ENDPOINT = DIALECT.endpoints[0]


@dataclass
class Measured:
    """Microseconds of processor time by round."""

    event: list[float] = field(default_factory=list)
    counting: list[float] = field(default_factory=list)
    line: list[float] = field(default_factory=list)


class Clock:
    """A clock that is set by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def microseconds(began: float, times: int) -> float:
    """Processor time since `began`, divided by `times`."""
    return (time.process_time() - began) * 1e6 / times


async def measure(rounds: int, requests: int) -> Measured:
    """Measure collecting, counting and the line in turns. The first round is a warm-up and not counted."""
    border, clock, measured = Border(), Clock(), Measured()
    tally, preflights = Tally(clock), Preflights(frozenset([ORIGIN]))
    request = partial(
        Request, {**HEADERS, "x-write-key": "shop-server", "origin": ORIGIN}, {}, orjson.dumps(EVENT), NOW
    )
    for number in range(rounds + 1):
        collected: list[Collected] = []
        began = time.process_time()
        for _ in range(requests):
            one = request()
            collected.append(await border.collector.collect(one, DIALECT, ENDPOINT))
            answer_of(one, collected[-1])
        measured.event.append(microseconds(began, requests))
        assert len(border.events.messages) == requests
        border.events.messages.clear()

        headers = request().headers
        began = time.process_time()
        for each in collected:
            tally.sent(0.01)
            count(each, preflights.unlisted_origin(each.site, headers), tally)
        measured.counting.append(microseconds(began, requests))

        minutes = max(requests // PER_MINUTE, 1)
        began = time.process_time()
        for each in collected[:minutes]:
            clock.seconds += 60
            count(each, None, tally)
        measured.line.append(microseconds(began, minutes))
        if number == 0:
            measured = Measured()
    return measured


def main() -> int:
    """Print the shares."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.observing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=3000, help="requests of one round")
    arguments = parser.parse_args()
    with Path(os.devnull).open("w") as nowhere:  # lines are formatted as in a worker, and dropped
        logging.basicConfig(stream=nowhere, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
        measured = asyncio.run(measure(arguments.rounds, arguments.requests))
    event, counting, line = median(measured.event), median(measured.counting), median(measured.line)
    parts = {"counting, for each event": counting, "the line a minute, at one event a second": line / PER_MINUTE}
    print("observing: processor time, median of rounds; 100 % is to collect one plain event, without host and send")
    spread = f"{min(measured.event):.0f}-{max(measured.event):.0f}"
    print(f"  {'to collect one event':<44}100.00%   ({event:.1f} us here, {spread})")
    for name, cost in parts.items():
        print(f"  {name:<44}{cost / event:7.2%}   ({cost:.2f} us here)")
    print(f"  {'both':<44}{sum(parts.values()) / event:7.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
