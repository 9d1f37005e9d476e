"""Exports of an audience's changes: each in one file, whatever process ends when."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream.audiences.changing import Change
from clickstream.audiences.recording import Record
from clickstream.sites.document import Site
from clickstream.table.delta import Table
from clickstream.table.specs import AUDIENCE_CHANGES_TABLE
from local.azurite import Azurite
from tests.integration.jobs.dying import Dying
from tests.integration.jobs.world import DAILY, NOW, TO, World, site_with

pytestmark = pytest.mark.integration
AUDIENCES = [{"name": "Buyers", "slug": "buyers", "where": {"did": {"event": "purchase"}, "within": "7d"}}]
ENTERED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def change(world: World, *changes: tuple[str, str], reason: str = "event", audience: str = "buyers") -> None:
    """Add rows of these persons and kinds, as an evaluation does."""
    lake = world.lake
    table = Table.open_or_create(AUDIENCE_CHANGES_TABLE, lake.account, lake.settings.lake_container)
    rows = [Change(audience, person, True, kind, reason, NOW, ENTERED, None, True) for person, kind in changes]
    Record("shop", "crm/audiences", world.now, {}, lambda people: {}).commit(table, rows, {})


def changes(**fields: Any) -> Site:
    job = {"name": "events", "export": "members", "audience": "buyers", "changes": "all", "keep_updated": DAILY}
    to = {**TO, "filename": "buyers-{TIMESTAMP}", **fields.pop("to", {})}
    return site_with({**job, **fields, "to": to}, audiences=AUDIENCES)


def files(world: World) -> list[list[tuple[str, str]]]:
    """The persons and changes of each CSV file, in the order of due times and parts."""
    found = {name.removesuffix(".csv"): data.decode() for name, data in world.files().items() if name.endswith(".csv")}
    return [
        [(row["person"], row["change"]) for row in csv.DictReader(io.StringIO(text))]
        for _, text in sorted(found.items())
    ]


def all_files(world: World) -> list[tuple[str, str]]:
    return list(itertools.chain.from_iterable(files(world)))


def tomorrow(world: World) -> None:
    world.now += timedelta(days=1)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [[], [("ada", "exit"), ("cy", "enter"), ("ada", "enter")], []]),
        ({"changes": "enters"}, [[], [("cy", "enter"), ("ada", "enter")], []]),
        (
            {"existing_users": True},
            [[("ada", "enter"), ("bo", "enter")], [("ada", "exit"), ("cy", "enter"), ("ada", "enter")], []],
        ),
    ],
)
def test_the_first_run_has_the_existing_members_on_request_alone(
    world: World, fields: dict[str, Any], expected: Sequence[Any]
) -> None:
    site = changes(**fields)
    change(world, ("gone", "enter"), ("ada", "enter"), reason="existing")
    change(world, ("gone", "exit"), ("bo", "enter"))
    change(world, ("other", "enter"), audience="others")
    assert world.ended(site).scope["audience"] == "buyers"
    change(world, ("ada", "exit"))
    change(world, ("cy", "enter"))
    change(world, ("ada", "enter"))
    change(world, ("bo", "member"), reason="existing")
    tomorrow(world)
    world.ended(site)
    tomorrow(world)
    world.ended(site)
    assert files(world) == expected


def test_each_change_is_in_one_file_whatever_ends_when(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clickstream.exporting.members.BATCH_ROWS", 1)
    site = changes(to={"max_file_bytes": 1}, fields=["change", "changed_at", "entered_at", "person"])
    world.ended(site)
    change(world, ("a", "enter"), ("b", "enter"))
    tomorrow(world)
    deaths = 0
    while True:
        try:
            run = world.run(site, runner=world.runner(Dying(world, deaths)))
        except KeyboardInterrupt:
            world.now += timedelta(minutes=3)
            change(world, (f"later {deaths}", "enter"))
            deaths += 1
            continue
        break
    assert run is not None and run.outcome == "succeeded"
    assert deaths >= 4
    assert all_files(world) == [("a", "enter"), ("b", "enter")], "later changes are those of the next run"
    tomorrow(world)
    while world.run(site, minutes=0) is None:
        pass
    assert sorted(all_files(world)) == sorted(
        [(name, "enter") for name in ("a", "b", *(f"later {n}" for n in range(deaths)))]
    )
    row = next(csv.DictReader(io.StringIO(world.files()["buyers-20260312023000.csv"].decode())))
    assert row == {
        "change": "enter",
        "changed_at": "2026-03-11T04:00:00.000000Z",
        "entered_at": "2026-03-01T00:00:00.000000Z",
        "person": "a",
    }


def test_a_run_under_way_whose_options_change_begins_anew(world: World) -> None:
    site = changes(existing_users=True)
    change(world, ("ada", "enter"))
    with pytest.raises(KeyboardInterrupt):
        world.run(site, runner=world.runner(Dying(world, 0)))
    world.now += timedelta(minutes=3)
    world.ended(changes(existing_users=True, changes="enters", fields=["person", "change"]))
    assert files(world) == [[("ada", "enter")]]
