"""Profiles of the people whom batches and edits change, and of the others as before, are those built at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from clickstream.identity.parts import joined_columns
from clickstream.model.identity_tables import IDENTITY_SCHEMA
from clickstream.profiles.activity import EVENT_COLUMNS as ACTIVITY_READ
from clickstream.profiles.activity import activity_of
from clickstream.profiles.building import profiles_of
from clickstream.profiles.changes import Changes
from clickstream.profiles.rules import ProfileRules
from clickstream.profiles.traits import EVENT_COLUMNS as TRAITS_READ
from clickstream.profiles.traits import traits_of
from tests.functional.identity.asking import resolved
from tests.functional.identity.random_people import random_streams
from tests.functional.profiles.described import described, extracted

STREAMS, STEPS = 25, 3
TODAY = date(2026, 3, 10)
IDS = ("anonymous_id", "user_id")


def with_ids(rows: pa.Table, ids: pa.Array, names: Sequence[str] = IDS) -> pa.Table:
    return rows.filter(reduce(pc.or_, (pc.is_in(rows[name], ids) for name in names)))


def known(events: Sequence[dict[str, Any]]) -> tuple[pa.Table, pa.Table]:
    """Activity and traits."""
    return extracted([events], activity_of, ACTIVITY_READ), extracted([events], traits_of, TRAITS_READ)


@pytest.mark.parametrize("seed", range(2))
def test_profiles_of_changed_people_and_the_others_as_before_are_those_built_at_once(seed: int) -> None:
    streams, chance = random_streams(seed, STREAMS), random.Random(seed)
    events = [described(event, chance) for event in streams.events]
    chance.shuffle(events)
    rules, trust = ProfileRules(), streams.rules.trust
    profiles, before = dict[str, Any](), IDENTITY_SCHEMA.empty_table()
    for step in range(STEPS):
        start, end = (len(events) * each // STEPS for each in (step, step + 1))
        edits = streams.log[: len(streams.log) * (step + 1) // STEPS]
        now = resolved(events[:end], edits, streams.rules).table("shop", TODAY)
        activity, traits = known(events[:end])

        def devices_of(users: pa.Array, rows: Sequence[pa.Table] = (activity, traits)) -> pa.Array:
            return joined_columns(*(with_ids(each, users, IDS[1:])["anonymous_id"] for each in rows))

        news = joined_columns(*(rows[name] for rows in known(events[start:end]) for name in IDS))
        changes = Changes.of(news, now, before, devices_of)
        acted, wrote = (with_ids(rows, changes.ids) for rows in (activity, traits))
        built = profiles_of(acted, wrote, now, trust, rules, "shop", TODAY, only=changes.people).to_pylist()
        changed = set(changes.people.to_pylist())
        profiles = {person: row for person, row in profiles.items() if person not in changed}
        profiles |= {row["person"]: row for row in built}
        at_once = profiles_of(activity, traits, now, trust, rules, "shop", TODAY).to_pylist()
        assert profiles == {row["person"]: row for row in at_once}
        before = now


def said(*rows: tuple[str, str, str]) -> pa.Table:
    """Rows of identities: kind, id, person."""
    document = {"site": "shop", "rule": "login", "resolved_date": TODAY}
    return pa.Table.from_pylist(
        [{**document, "kind": kind, "id": id, "person": person} for kind, id, person in rows], schema=IDENTITY_SCHEMA
    )


def changed_by(before: pa.Table, now: pa.Table, *news: str) -> set[str]:
    """The people whom these rows change. Everybody who means nobody was on the till."""
    found = Changes.of(pa.array(news, pa.string()), now, before, lambda users: pa.array(["till"] * len(users)))
    return set(found.people.to_pylist())


def test_whoever_loses_a_device_without_an_event_has_another_profile_and_so_does_the_device() -> None:
    others = ("device", "laptop", "bob")
    assert changed_by(said(("device", "phone", "ada"), others), said(others)) == {"ada", "phone"}


def test_a_till_has_the_events_of_a_user_who_now_means_nobody() -> None:
    assert changed_by(said(), said(("nobody", "ada", "ada"))) == {"ada", "till"}


def test_a_new_event_of_one_of_a_persons_ids_changes_that_person_and_nobody_else() -> None:
    people = said(("device", "phone", "ada"), ("device", "laptop", "ada"), ("device", "tablet", "bob"))
    assert changed_by(people, people, "phone") == {"ada", "phone"}
    found = Changes.of(pa.array(["phone"]), people, None, lambda users: users)
    assert set(found.ids.to_pylist()) == {"ada", "phone", "laptop"}
