"""Exports of members of audiences over real tables and a real container: who, what of each, and in which form."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from clickstream.deriving.deriver import Deriver
from clickstream.jobs.failing import Actor
from clickstream.model.profile_tables import PROFILE_COLUMNS
from clickstream.sites.document import Site
from clickstream.sites.member_exports import MEMBER_FIELDS, OF_MEMBERSHIP
from local.azurite import Azurite
from tests.integration.jobs.world import DAILY, KEYS, NOW, TO, World, site_with
from tests.integration.querying.lake import event

pytestmark = pytest.mark.integration
AUDIENCES = [
    {"name": "Buyers", "slug": "buyers", "where": {"did": {"event": "purchase"}, "within": "7d"}},
    {"name": "All", "slug": "all", "of": "everyone", "where": {"did": {}, "within": "30d"}},
]
DAY = timedelta(days=1)
TRAITS = {"plan": "pro", "tags": ["a&b", "c", 3], "address": {"zip": "8000", "city": "Zürich"}, "score": 0, "old": True}


@pytest.fixture
def world(azurite: Azurite) -> World:
    """Ada, on two devices, and Bo bought; Cy bought too long ago; somebody only looked."""
    world = World(azurite)
    lake = world.lake
    lake.settings = replace(lake.settings, config_container=lake.settings.lake_container)
    document = yaml.safe_dump({"site": "shop", "keys": KEYS}).encode()
    lake.account.container(lake.settings.config_container).write("sites/shop.yaml", document)
    add(
        world,
        did("a0", 40 * DAY, "page_view", anonymous_id="phone"),
        did("a1", 3 * DAY, "identify", "ada", "phone", properties=json.dumps({**TRAITS, "plan": "free", "old": True})),
        did("a2", 2 * DAY, "identify", "ada", "desk", properties=json.dumps({**TRAITS, "old": None, "score": ""})),
        did("a3", DAY, "purchase", "ada", "desk", properties='{"plan": "not a trait"}'),
        did("b1", DAY, "purchase", "bo", "=1+1"),
        did("c1", 8 * DAY, "purchase", "cy", "c"),
        did("d1", DAY, "page_view", anonymous_id="d"),
        did("e1", DAY, "purchase", "other", "e", site="blog"),
        did("f1", -DAY, "purchase", "after", "f"),
    )
    return world


def did(
    event_id: str, before: timedelta, name: str, user: str | None = None, anonymous_id: str = "x", **fields: Any
) -> dict[str, Any]:
    kind = name if name in ("identify", "page_view") else "custom"
    values = {"event_type": kind, "event_name": name, "user_id": user, "anonymous_id": anonymous_id, "is_bot": False}
    return event(event_id, fields.pop("site", "shop"), NOW - before, **{**values, **fields})


def add(world: World, *rows: dict[str, Any]) -> None:
    world.commit_rows(list(rows))
    Deriver(world.lake.account, world.lake.settings, lambda: world.now).run(at_once=True)


def members(**fields: Any) -> dict[str, Any]:
    to = {**TO, "filename": "buyers-{TIMESTAMP}", **fields.get("to", {})}
    return {"name": "events", "export": "members", "audience": "buyers", **fields, "to": to}


def site(**fields: Any) -> Site:
    return site_with(members(**fields), audiences=AUDIENCES)


def exported(world: World) -> str:
    (text,) = [data.decode() for name, data in world.files().items() if "manifest" not in name]
    return text


def test_all_that_is_known_of_each_member_as_lines_of_json(world: World) -> None:
    ended = world.ended(site(format="ndjson"))
    assert (ended.outcome, ended.counts["rows"], ended.scope["evaluated_at"]) == ("succeeded", 2, NOW.isoformat())
    ada, bo = map(json.loads, exported(world).splitlines())
    assert tuple(ada) == MEMBER_FIELDS
    assert (
        ada.items()
        >= {
            "person": "ada",
            "is_known": True,
            "changes_at": rfc(NOW + 6 * DAY),
            "user_ids": ["ada"],
            "device_ids": ["desk", "phone"],
            "devices": 2,
            "first_seen_at": rfc(NOW - 40 * DAY),
            "last_seen_at": rfc(NOW - DAY),
            "traits": TRAITS,
            "revenue": {},
        }.items()
    )
    assert (bo["person"], bo["traits"], bo["device_ids"]) == ("bo", {}, ["=1+1"])


def test_fields_are_the_columns_of_profiles_and_the_membership() -> None:
    left_out = {"site", "person", "is_known", "built_date"}
    assert (*OF_MEMBERSHIP, *(c.name for c in PROFILE_COLUMNS if c.name not in left_out)) == MEMBER_FIELDS


def rfc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_csv_file_joins_lists_and_encodes_maps(world: World) -> None:
    fields = [
        "person",
        "is_known",
        "users",
        "device_ids",
        "traits.plan",
        "traits.tags",
        "traits.address",
        "traits.none",
        "traits",
    ]
    ended = world.ended(site(fields=fields, delimiter="tab", join="&", headers=True))
    ada, bo = csv.DictReader(io.StringIO(exported(world), newline=""), delimiter="\t")
    assert (ada["person"], ada["is_known"], ada["device_ids"], ada["traits.plan"]) == (
        "ada",
        "true",
        "desk&phone",
        "pro",
    )
    assert ada["traits.tags"] == "a&b&c&3"
    assert ended.counts["ambiguous_values"] == 1, "a value has the & that joins"
    assert ada["traits.address"] == "city=Z%C3%BCrich&zip=8000"
    assert dict(parse_qsl(ada["traits"])) == {
        "address": '{"city":"Zürich","zip":"8000"}',
        "old": "true",
        "plan": "pro",
        "score": "0",
        "tags": '["a&b","c",3]',
    }
    assert list(ada) == fields
    assert set(bo.values()) == {"bo", "true", "1", "=1+1", ""}


def test_options_of_members(world: World) -> None:
    world.ended(
        site(
            audience="all",
            fields=["person", "device_ids"],
            headers=False,
            delimiter=";",
            join=", ",
            spreadsheet_safe=True,
        )
    )
    assert exported(world) == '"ada";"desk, phone"\n"bo";"\'=1+1"\n"cy";"c"\n"d";"d"\n'


def test_a_scheduled_export_has_all_members_of_each_moment(world: World) -> None:
    daily = site(fields=["person"], keep_updated=DAILY)
    world.ended(daily)
    world.now = NOW + 2 * DAY
    second = world.ended(daily)
    files = [data.decode() for name, data in sorted(world.files().items()) if "manifest" not in name]
    assert files == ['"person"\n"ada"\n"bo"\n', '"person"\n"ada"\n"after"\n"bo"\n']
    assert second.scope["written_to"] == "partner/exports"


def test_a_run_of_many_steps_and_files_has_each_member_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clickstream.exporting.members.BATCH_ROWS", 1)
    add(world, *(did(f"m{number}", DAY, "purchase", f"m{number}", f"device {number}") for number in range(5)))
    slow = site(fields=["person"], headers=False, to={"max_file_bytes": 10})
    steps = 0
    while world.run(slow, minutes=0) is None:
        steps += 1
        assert steps < 20
    assert steps >= 3
    texts = [data.decode() for name, data in sorted(world.files().items()) if "manifest" not in name]
    assert len(texts) > 1
    assert sorted("".join(texts).splitlines()) == [f'"{name}"' for name in ("ada", "bo", *(f"m{n}" for n in range(5)))]


def test_an_audience_that_is_gone_is_the_authors(world: World) -> None:
    runner, asked = world.runner(), site(keep_updated=DAILY)
    before = asked.model_copy(update={"audiences": ()})
    ended = runner.run(before, before.jobs[0], world.now + timedelta(minutes=8))
    assert ended is not None
    assert (ended.actor, ended.code) == (Actor.AUTHOR, "job_definition")


def test_members_that_need_too_much_memory_are_the_operators(world: World) -> None:
    add(world, *(did(f"m{number}", DAY, "purchase", f"m{number}" * 20) for number in range(5_000)))
    world.lake.settings = replace(world.lake.settings, query_memory_mb=2, query_spill_mb=1)
    ended = world.ended(site(audience="all"))
    assert (ended.outcome, ended.actor, ended.code) == ("failed", Actor.OPERATOR, "too_large")
