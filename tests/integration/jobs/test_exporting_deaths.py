"""Exports whose processes end at random, or are several: all files together have each event once, and nobody erased."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from deltalake import DeltaTable

from clickstream.errors import Unavailable
from clickstream.jobs.failing import Actor
from clickstream.storage.account import table_uri
from local.azurite import Azurite
from tests.integration.jobs.dying import Dying, DyingStates
from tests.integration.jobs.erasing import erase_jane
from tests.integration.jobs.world import DAILY, NOW, START, TO, World, export, site_with

pytestmark = pytest.mark.integration
DEATHS = int(os.environ.get("DEATHS", "5"))
MONTHLY = {"every": "month", "at": "02:30", "day": "last"}
SEED = int(os.environ.get("DEATHS_SEED", "18"))


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def exported(world: World) -> dict[str, list[str]]:
    """The ids in each visible CSV file."""
    return {
        name: [row["event_id"] for row in csv.DictReader(io.StringIO(data.decode()))]
        for name, data in world.files().items()
        if name.endswith(".csv")
    }


class History:
    """What happens to a table between the deaths of exports. `erased` has the ids that a job's files may not have."""

    def __init__(self, world: World, jobs: Iterable[str], random_: random.Random) -> None:
        self.world, self.random = world, random_
        self.events: dict[str, str] = {}
        self.erased: dict[str, set[str]] = {job: set() for job in jobs}
        self.deck: list[str] = []
        self.done = 0

    def happen(self) -> None:
        """One thing more."""
        if not self.deck:
            self.deck = self.random.sample(["commit"] * 4 + ["merge", "enrich", "erase", "vacuum"], 8)
        what = self.deck.pop()
        if what == "commit" or not self.events:
            names = [f"e{len(self.events) + number}" for number in range(self.random.randint(1, 3))]
            person = self.random.choice(("jane", "joe"))
            self.events |= dict.fromkeys(names, person)
            late = timedelta(days=self.random.choice((0, 0, 0, 6)))
            self.world.commit(*names, occurred_at=START - late, user_id=person)
            return
        self.done += 1
        if what == "erase":
            files, runs = exported(self.world), self.world.states.ended_exports("shop")
            ended = [(run.job, file["path"]) for run in runs for file in run.files]
            erase_jane(self.world)
            for job, erased in self.erased.items():
                kept = {name for of, path in ended if of == job for name in files.get(path, ())}
                erased |= {name for name, person in self.events.items() if person == "jane" and name not in kept}
        elif what == "vacuum":
            lake = self.world.lake
            uri = table_uri(lake.settings.lake_container, "events")
            table = DeltaTable(uri, storage_options=lake.account.delta_options())
            table.vacuum(0, dry_run=False, enforce_retention_duration=False)
        else:
            self.world.rewrite(**({"page_title": f"title {self.done}"} if what == "enrich" else {}))


def test_random_deaths_between_merges_and_erasures_leave_each_event_once(world: World) -> None:
    schedules = {"daily": (DAILY, timedelta(days=1)), "monthly": (MONTHLY, timedelta(days=31))}
    chosen = random.Random(SEED)
    history = History(world, schedules, chosen)
    site = site_with(
        *(
            export(name=name, keep_updated=schedule, fields=["event_id"])
            | {"to": {**TO, "filename": name + "/{TIMESTAMP}", "max_file_bytes": 1}}
            for name, (schedule, _) in schedules.items()
        )
    )
    deaths = 0
    while deaths < DEATHS or history.deck:
        history.happen()
        job = chosen.choice(("daily", "daily", "monthly"))
        at = chosen.randint(0, 9)
        states = None if chosen.random() < 0.6 else DyingStates(world, at, chosen.random() < 0.5)
        target = Dying(world, at if states is None else 10**6)
        try:
            world.run(site, job, world.runner(target, states=states))
            world.now += schedules[job][1]
        except KeyboardInterrupt:
            deaths += 1
            world.now += timedelta(minutes=3)
    for job, (_, period) in schedules.items():
        for _ in range(3):  # the run under way, its record, and one with what is left
            world.run(site, job)
            world.now += period
    found = exported(world)
    for job, erased in history.erased.items():
        files = {path: names for path, names in found.items() if path.startswith(job)}
        assert sorted(name for names in files.values() for name in names) == sorted(history.events.keys() - erased)
        runs = [run for run in world.states.history("shop", job, 200) if run.outcome == "succeeded"]
        assert sorted(file["path"] for run in runs for file in run.files if file["rows"]) == sorted(
            path for path, names in files.items() if names
        )
    listed = [
        file["path"]
        for name, data in world.files().items()
        if name.endswith(".manifest.json")
        for file in json.loads(data)["files"]
    ]
    assert sorted(listed) == sorted(found), "no file is visible without its manifest"


def test_of_several_timers_at_once_one_runs_what_is_due(world: World) -> None:
    for days in range(3):
        world.commit(f"e{days}", occurred_at=START - timedelta(days=days))
    site = site_with(export(to={"max_file_bytes": 1}, fields=["event_id"], keep_updated=DAILY))
    timers = 4
    together = Barrier(timers)

    def tick(_: int) -> list[str]:
        runner = world.runner()
        together.wait()
        return runner.run_due({"shop": site}, world.now + timedelta(minutes=8)).ended

    with ThreadPoolExecutor(timers) as threads:
        ended = list(threads.map(tick, range(timers)))
    assert sorted(ended) == [[], [], [], ["shop/events"]]
    assert sorted(name for names in exported(world).values() for name in names) == ["e0", "e1", "e2"]
    assert len(world.states.history("shop", "events", 10)) == 1


class TakenSecond(Dying):
    """A container in which the name of the second file is taken by somebody else."""

    def publish(self, path: str, blocks: list[str], content_type: str, writer: str) -> None:
        if path.endswith("-0002.csv"):
            self._world.container.upload_blob(path, b"theirs", overwrite=True)
        super().publish(path, blocks, content_type, writer)


def test_a_run_that_fails_withdraws_the_files_that_it_has_published(world: World) -> None:
    for days in range(3):
        world.commit(f"e{days}", occurred_at=START - timedelta(days=days))
    site = site_with(export(to={"max_file_bytes": 1}, fields=["event_id"], keep_updated=DAILY))
    run = world.run(site, runner=world.runner(TakenSecond(world, 10**6)))
    assert run is not None and (run.actor, run.code) == (Actor.AUTHOR, "name_taken")
    assert list(world.files().values()) == [b"theirs"], "not the first file, whose events the next run exports"
    world.container.delete_blob(next(iter(world.files())))
    world.now = datetime(2026, 3, 12, 3, 0, tzinfo=UTC)
    for _ in range(6):  # the first has staged all, which is progress
        with pytest.raises(KeyboardInterrupt):
            world.run(site, runner=world.runner(Dying(world, 4)))  # three files staged, one published
        world.now += timedelta(minutes=3)
    gave_up = world.ended(site)
    assert (gave_up.code, world.files()) == ("gave_up", {})
    world.now += timedelta(days=1)
    world.ended(site)
    assert sorted(name for names in exported(world).values() for name in names) == ["e0", "e1", "e2"]


class Unreachable(TakenSecond):
    """A container that cannot delete either."""

    def withdraw(self, path: str, writer: str) -> None:
        raise Unavailable("down")


def test_files_that_cannot_be_withdrawn_have_no_manifest(world: World) -> None:
    for days in range(2):
        world.commit(f"e{days}", occurred_at=START - timedelta(days=days))
    site = site_with(export(to={"max_file_bytes": 1}, fields=["event_id"]))
    run = world.run(site, runner=world.runner(Unreachable(world, 10**6)))
    assert run is not None and run.code == "name_taken"
    assert sorted(world.files()) == [f"shop/events-{NOW:%Y%m%d%H%M%S}{part}.csv" for part in ("-0002", "")]
