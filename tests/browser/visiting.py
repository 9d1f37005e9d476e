"""Visits of real pages with the tracking script, made by a headless Chromium, and the rows they left."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from local.browser.driver import Driver
from local.stack import Stack
from tests.trackers.harness import QUIET_SECONDS
from tests.trackers.landing import landed
from tests.trackers.recorder import Recorder, Sent

FOLDER = Path(__file__).parent
AT_ONCE = 4
Row = dict[str, Any]


class VisitFailed(AssertionError):
    """A visit came to no end; the message carries what the browser said."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to make: `file.function` in `visits/`."""

    name: str
    given: Any = None
    refusals: Sequence[int] = ()
    """Statuses with which the collector's first requests are refused."""


@dataclass(slots=True)
class Outcome:
    """What a visit told, what it sent, and what stands in the table of it."""

    told: Any
    prefix: str
    """What the paths of its pages begin with."""
    requests: list[Sent]
    errors: list[str]
    rows: list[Row] = field(default_factory=list)
    """In the order in which they happened."""

    def told_rows(self) -> list[Row]:
        """All rows but those of reading time: when a page is left is the browser's to say."""
        return [row for row in self.rows if row["event_name"] != "page_ping"]

    def names(self) -> list[str]:
        """The events' names, in order, without reading time."""
        return [row["event_name"] for row in self.told_rows()]

    def of(self, name: str) -> list[Row]:
        """The rows of one event."""
        return [row for row in self.rows if row["event_name"] == name]

    def sent_events(self) -> list[Mapping[str, Any]]:
        """Every event of every request that was answered with 200, repeated ones included."""
        bodies = [request.body for request in self.requests if "/api/events" in request.path and request.status == 200]
        return [event for body in bodies if body for event in json.loads(body)]


class Visitors:
    """One Chromium in which visits are made, several at a time."""

    def __init__(self, log: Path, pages_port: int = 0) -> None:
        self._driver = Driver(FOLDER / "driver.mjs", log, pages_port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.__exit__()

    def make(self, base_url: str, visits: Sequence[Visit]) -> dict[str, Outcome]:
        """Make the visits, return once their last beacons have arrived. Raise VisitFailed."""
        outcomes: dict[str, Outcome] = {}
        for first in range(0, len(visits), AT_ONCE):
            outcomes |= self._make_at_once(base_url, visits[first : first + AT_ONCE])
        return outcomes

    def _make_at_once(self, base_url: str, visits: Sequence[Visit]) -> dict[str, Outcome]:
        with contextlib.ExitStack() as stack:
            recorders = [stack.enter_context(Recorder(base_url, visit.refusals)) for visit in visits]
            self._driver.ask(
                *(
                    {"id": id, "visit": visit.name, "collector": recorder.base_url, "given": visit.given}
                    for id, (visit, recorder) in enumerate(zip(visits, recorders, strict=True))
                )
            )
            outcomes = {}
            failures = []
            for _ in visits:
                told = self._driver.read()
                visit, recorder = visits[told["id"]], recorders[told["id"]]
                if "failure" in told:
                    failures.append(f"{visit.name}: {told['failure']} {told['errors']}")
                    continue
                requests = recorder.requests(QUIET_SECONDS)
                outcomes[visit.name] = Outcome(told["told"], told["prefix"], requests, told["errors"])
            if failures:
                raise VisitFailed("\n".join(failures))
            return outcomes


def add_rows(stack: Stack, outcomes: Mapping[str, Outcome]) -> None:
    """Give every outcome the rows of its pages."""
    with httpx.Client(base_url=stack.base_url, timeout=180) as client:
        found = landed(stack, client, "tracker = 't-1'", order="created_at, event_id")
    read = [
        {**row, "properties": json.loads(row["properties"]), "context": json.loads(row["context"])} for row in found
    ]
    # Of one millisecond are many events; among those of a visitor the number decides.
    read.sort(key=lambda row: (_moment(row), row["context"].get("sequence", 0)))
    for outcome in outcomes.values():
        outcome.rows = [row for row in read if f"{outcome.prefix}/" in (row["page_url"] or "")]


def _moment(row: Row) -> datetime:
    # Of who denied, the device's clock is not kept.
    return datetime.fromisoformat(row["created_at"] or row["occurred_at"])
