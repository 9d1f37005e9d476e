"""The tables of people follow `events`: in any batches, after any crash, erasures and retention, as if built anew."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clickstream.deriving.deriver import Deriver, Report
from clickstream.errors import Unavailable
from clickstream.identity.rules import Rules
from clickstream.model.identity_tables import IDENTITY_SCHEMA
from local.azurite import Azurite
from tests.functional.identity.asking import whose_in_sql
from tests.functional.identity.plain_people import people_of
from tests.functional.identity.random_people import random_streams
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.compacting.lake import NOW, START
from tests.integration.deriving.derived_lake import CANARY, DerivedLake, erase, page
from tests.integration.maintaining.maintained_lake import LATER, row

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> DerivedLake:
    lake = DerivedLake(azurite)
    lake.site("shop", None)
    return lake


def test_pages_read_before_a_login_become_the_users_once_it_is_compacted(lake: DerivedLake) -> None:
    lake.add(page("1", 0, anonymous_id="phone"), page("2", 1, anonymous_id="phone"))
    assert lake.derive() == Report(2 - 1, 0, 1, 0, 1)
    assert lake.people().num_rows == 0
    lake.add(page("3", 2, anonymous_id="phone", user_id="ada"))
    assert lake.derive().sites == 1
    (found,) = lake.people().to_pylist()
    assert (found["kind"], found["id"], found["person"], found["rule"]) == ("device", "phone", "ada", "first login")
    assert found["evidence_id"] == "3"
    lake.check()


def test_a_run_without_news_opens_no_table(lake: DerivedLake) -> None:
    lake.add(page("1", 0, anonymous_id="phone", user_id="ada"))
    deriver = lake.deriver()
    assert deriver.run().finished
    container = lake.service.get_container_client(lake.settings.lake_container)
    gone = list(container.list_blob_names(name_starts_with="profiles/"))
    for name in gone:
        container.delete_blob(name)
    assert gone and deriver.run() == Report()
    assert list(container.list_blob_names(name_starts_with="profiles/")) == []
    lake.site("shop", None, "identity: {protected_ids: [ada]}\n")
    assert deriver.run().sites == 1, "a changed document is news"
    assert deriver.run() == Report()
    lake.add(page("2", 1, anonymous_id="phone", user_id="bob"))
    assert deriver.run().edges > 0, "and so is a commit of `events`"
    assert [profile["person"] for profile in lake.profiles()] == ["bob"]


def test_a_run_without_news_commits_nothing(lake: DerivedLake) -> None:
    lake.add(page("1", 0, anonymous_id="phone", user_id="ada"))
    lake.derive()
    before = lake.versions()
    assert lake.derive() == Report()
    assert lake.versions() == before


def test_nobody_without_full_consent_and_no_bot_leaves_evidence(lake: DerivedLake) -> None:
    ids = {"anonymous_id": CANARY[1], "user_id": CANARY[0], "previous_id": CANARY[1]}
    lake.add(
        page("1", 0, consent="anonymous", **ids),
        page("2", 1, consent="denied", **ids),
        page("3", 2, consent="anonymous", event_type="alias", **ids),
    )
    assert lake.derive() == Report(profiles=1)
    assert lake.profiles() == []
    assert [
        name for name in lake.finds(*CANARY) if name.startswith(("identit", "activity", "traits", "profiles"))
    ] == []


def stored_streams(seed: int) -> tuple[Sequence[dict[str, Any]], Rules]:
    """Random events of people, and the rules of a site without a document of its own."""
    streams = random_streams(seed, 12)
    events = [{**event, "is_bot": False} for event in streams.events]
    return events, Rules(logout_events=("logout",))


@pytest.mark.parametrize("seed", range(2))
def test_random_people_in_batches_are_those_of_the_rules(lake: DerivedLake, seed: int) -> None:
    events, rules = stored_streams(seed)
    lake.site("shop", None, "identity: {logout_events: [logout]}\n")
    chance, deriver = random.Random(seed), lake.deriver()
    for start in range(0, len(events), 40):
        lake.add(*(row(**event) for event in events[start : start + 40]))
        if chance.random() < 0.7:
            deriver.run()
    deriver.run()
    identities = lake.delta("identities").to_pyarrow_table().select(IDENTITY_SCHEMA.names)
    assert whose_in_sql(events, identities, rules) == people_of(events, [], rules)
    lake.check()


def test_rules_that_change_hold_for_the_past(lake: DerivedLake) -> None:
    lake.add(page("1", 0, anonymous_id="phone", user_id="ada"), page("2", 1, anonymous_id="phone", event_name="bye"))
    lake.add(page("3", 40, anonymous_id="phone"), page("4", 80, anonymous_id="phone", user_id="Demo"))
    lake.derive()
    assert {each["person"] for each in lake.people().to_pylist()} == {"ada", "Demo"}
    lake.site("shop", None, "identity: {logout_events: [bye], protected_ids: [demo]}\n")
    lake.derive()
    assert {(each["kind"], each["person"]) for each in lake.people().to_pylist()} == {
        *(("device", "ada"), ("device", "phone"), ("nobody", "Demo")),
    }
    lake.check()


@pytest.fixture(scope="module")
def storage(azurite: Azurite) -> Iterator[FailingStorage]:
    with FailingStorage(azurite.blob_endpoint) as failing:
        yield failing


def test_a_crash_at_any_request_leaves_what_the_next_run_completes(lake: DerivedLake, storage: FailingStorage) -> None:
    events, rules = stored_streams(7)
    account = replace(lake.account, blob_endpoint=storage.endpoint)
    storage.die_at(None)
    lake.derive(account)  # the tables are there
    at, crashes = 0, 0
    for start in range(0, len(events), 25):
        lake.add(*(row(**event) for event in events[start : start + 25]))
        at += 3
        storage.die_at(at, does_the_last=bool(start % 2))
        try:
            lake.derive(account)
        except Unavailable:
            crashes += 1
    assert crashes > 2
    storage.die_at(None)
    lake.derive(account)
    identities = lake.delta("identities").to_pyarrow_table().select(IDENTITY_SCHEMA.names)
    plain = Rules()
    assert rules != plain
    assert whose_in_sql(events, identities, plain) == people_of(events, [], plain)
    lake.check()


@pytest.mark.parametrize("mode", ["erase", "anonymise"])
def test_an_erased_person_is_in_no_file_of_people_and_the_others_stay(lake: DerivedLake, mode: str) -> None:
    user, device = CANARY
    deriver = lake.deriver()  # one process, which keeps what it read
    lake.add(
        page("1", 0, anonymous_id=device),
        page("2", 1, anonymous_id=device, user_id=user),
        page("3", 2, anonymous_id="shared", user_id=user),
        page("4", 90, anonymous_id="shared", user_id="bob"),
        page("5", 91, user_id=user, previous_id="zoe", event_type="alias", event_name="alias") | {"key_kind": "server"},
        page("6", 92, anonymous_id="laptop", user_id="zoe"),
        page("8", 5, user_id=user, event_type="identify", event_name="identify", properties='{"name":"Canary"}'),
    )
    deriver.run()
    lake.add(page("7", 93, anonymous_id=device))
    deriver.run()
    assert {person["person"] for person in lake.people().to_pylist()} == {user, "bob"}
    receipt = erase(lake, mode=mode)
    assert lake.finds(*CANARY) == []
    assert receipt["counts"]["identity_edges"] > 0 and receipt["counts"]["identities"] > 0
    assert [statement["result"] for statement in receipt["proof"]] == [0, 0, 0, 0, 0]
    assert receipt["counts"]["activity"] > 0 and receipt["counts"]["traits"] > 0 and lake.profiles() == []
    deriver.run()
    assert lake.finds(*CANARY) == []
    people = {row["id"]: row["person"] for row in lake.people().to_pylist()}
    assert people["laptop"] == "zoe"
    assert {"bob", "zoe"} <= {profile["person"] for profile in lake.profiles()}
    lake.check()


def test_retention_takes_evidence_and_the_people_that_follow_from_it(lake: DerivedLake) -> None:
    lake.add(page("1", 0, anonymous_id="phone", user_id="ada"))
    lake.add(row("2", LATER, anonymous_id="phone", id_source="client"))
    lake.derive()
    assert lake.people().num_rows == 1
    lake.site("shop", 7)
    assert [profile["person"] for profile in lake.profiles()] == ["ada"]
    assert lake.maintain().tables["activity"].expired_rows == 1
    lake.derive()
    assert lake.people().num_rows == 0
    assert [profile["person"] for profile in lake.profiles()] == ["phone"]
    lake.check()


def test_merging_files_of_evidence_changes_nobody(lake: DerivedLake) -> None:
    for number in range(12):
        lake.add(page(str(number), number, anonymous_id=f"phone-{number}", user_id="ada"))
        lake.derive()
    before = lake.people().to_pylist()
    assert lake.maintain(START + timedelta(days=20)).tables["identity_edges"].merged_files >= 12
    assert lake.derive() == Report()
    assert lake.people().to_pylist() == before
    lake.check()


def test_only_files_with_people_who_did_anything_are_written_again(lake: DerivedLake) -> None:
    deriver, numbers = lake.deriver(), itertools.count()

    def files_after(*devices: str) -> set[str]:
        lake.add(*(page(f"{next(numbers)}", 0, anonymous_id=device) for device in devices))
        assert deriver.run(at_once=True).profiles == 1
        return set(lake.delta("profiles").file_uris())

    (first,) = files_after(*(f"phone-{each}" for each in range(8)))
    for _ in range(3):
        files = files_after("tablet")
        assert len(files) == 2 and first in files, "the tablet has a small file of its own"
    assert first not in files_after("phone-0", "tablet")
    assert [(each["person"], each["acts"]) for each in lake.profiles()] == [
        ("phone-0", 2),
        *((f"phone-{each}", 1) for each in range(1, 8)),
        ("tablet", 4),
    ]
    lake.check()


def test_profiles_follow_people_and_the_sites_choices_and_new_events_wait_for_their_share_of_time(
    lake: DerivedLake,
) -> None:
    said = {"event_type": "identify", "event_name": "identify"}
    lake.add(
        page("1", 0, anonymous_id="phone", page_path="/a", session_id="s"),
        page("2", 1, anonymous_id="phone", user_id="ada", properties='{"name":"Ada","plan":"free"}', **said),
        page("3", 2, user_id="ada", properties='{"plan":"pro"}', **said),
    )
    lake.derive()
    (ada,) = lake.profiles()
    assert (ada["person"], ada["label"], ada["visits"], ada["devices"]) == ("ada", "Ada", 1, 1)
    assert ada["traits"] == '{"name":"Ada","plan":"pro"}'
    lake.site("shop", None, "profiles: {label: plan, first_write: [plan]}\n")
    assert lake.derive().profiles == 1
    (ada,) = lake.profiles()
    assert (ada["label"], ada["traits"]) == ("free", '{"name":"Ada","plan":"free"}')
    ticks = itertools.count()
    slow = Deriver(lake.account, lake.settings, lambda: NOW + timedelta(seconds=next(ticks)))
    for number, (at_once, built) in enumerate(((False, 1), (False, 0), (True, 1), (False, 0))):
        lake.add(page(f"t{number}", 90, anonymous_id="tablet"))
        assert slow.run(at_once=at_once).profiles == built
    ticks = itertools.count(60)
    assert slow.run().profiles == 1
    assert [each["acts"] for each in lake.profiles() if each["person"] == "tablet"] == [4]
    # Who the tablet's user is waits, too, once a build takes more than 5 seconds.
    ticks = itertools.count(100)
    for number, (pace, built) in enumerate(((1, 1), (10, 1), (10, 0))):
        slower = Deriver(lake.account, lake.settings, lambda pace=pace: NOW + timedelta(seconds=pace * next(ticks)))  # type: ignore[misc]
        lake.add(page(f"u{number}", 90 + number, anonymous_id=f"tablet{number}", user_id=f"bob{number}"))
        assert slower.run().profiles == built
    assert {each["person"] for each in lake.profiles()} == {"ada", "bob0", "bob1", "tablet"}
    assert slower.run(at_once=True).profiles == 1
    lake.check()
