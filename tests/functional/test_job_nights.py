"""Jobs on the nights when clocks change, and after days without an app: a timer that ticks runs each of them once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml
from obstore.store import MemoryStore

from clickstream.jobs.runner import JobRunner
from clickstream.jobs.state import JobStates
from clickstream.jobs.work import ActiveRun, Done
from clickstream.sites.document import parse_site
from clickstream.sites.exports import EventExport
from clickstream.storage.blobs import Container

SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    "hourly": {"every": "hour"},
    "daily": {"every": "day", "at": "02:30"},
    "weekly": {"every": "week", "at": "02:30", "day": "sunday"},
    "monthly": {"every": "month", "at": "02:30", "day": "last"},
}
TICK = timedelta(minutes=10)


class Noted:
    """Work that notes for when each run was due."""

    def __init__(self) -> None:
        self.runs: dict[str, list[datetime]] = {name: [] for name in SCHEDULES}

    def step(self, run: ActiveRun) -> Done | None:
        self.runs[run.job.name].append(run.run.due_at)
        return Done({})

    def withdraw(self, run: ActiveRun) -> None:
        """Nothing."""


def runs_of(ticks: Iterator[datetime]) -> Mapping[str, list[str]]:
    """When each job's runs after its first one were due, in UTC."""
    target = {"connection": "x", "container": "exports", "timestamp_format": "yyyyMMddHHmm"}
    jobs = [
        {"name": name, "export": "events", "keep_updated": at, "to": {**target, "filename": name + "-{TIMESTAMP}"}}
        for name, at in SCHEDULES.items()
    ]
    keys = [{"kind": "public", "key": "shop-web"}]
    document = {"site": "shop", "time_zone": "Europe/Berlin", "keys": keys, "jobs": jobs}
    site = parse_site(yaml.safe_dump(document).encode(), expected="shop")
    noted, now = Noted(), next(ticks)
    states = JobStates(Container(MemoryStore()))  # type: ignore[arg-type]
    runner = JobRunner(states, {EventExport.kind: noted}, lambda: now, lambda: str(uuid4()))
    while True:
        assert runner.run_due({"shop": site}, now + timedelta(minutes=8)).failed == {}
        if (following := next(ticks, None)) is None:
            break
        now = following
    assert all(len(states.history("shop", name, 200)) == len(found) for name, found in noted.runs.items())
    return {name: [f"{due:%d %H:%M}" for due in found[1:]] for name, found in noted.runs.items()}


def every_tick(first: str, last: str) -> Iterator[datetime]:
    at, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    while at <= end:
        yield at
        at += TICK


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # 02:00 to 03:00 is left out on 29 March: what was due at 02:30 is due at 03:00, 01:00 in UTC.
        ("2026-03-28T12:00", "2026-03-31T12:00", ["29 01:00", "30 00:30", "31 00:30"]),
        # 02:00 to 03:00 is there twice on 25 October: the first 02:30 counts, 00:30 in UTC.
        ("2026-10-24T12:00", "2026-10-27T12:00", ["25 00:30", "26 01:30", "27 01:30"]),
    ],
)
def test_each_job_runs_once_for_each_due_time_of_both_nights(first: str, last: str, expected: list[str]) -> None:
    found = runs_of(every_tick(first, last))
    assert found["daily"] == expected
    assert found["weekly"] == expected[:1]
    assert found["monthly"] == [due for due in expected if due.startswith("31 ")]
    assert len(found["hourly"]) == 72 == len(set(found["hourly"]))


def test_after_three_days_without_an_app_one_run_makes_up_for_all() -> None:
    def ticks() -> Iterator[datetime]:
        yield from every_tick("2026-10-23T12:00", "2026-10-23T12:20")
        yield from every_tick("2026-10-26T12:00", "2026-10-27T12:00")

    found = runs_of(ticks())
    assert found["daily"] == ["26 01:30", "27 01:30"]
    assert found["weekly"] == ["25 00:30"]
    assert (found["hourly"][0], len(found["hourly"])) == ("23 13:00", 25)
