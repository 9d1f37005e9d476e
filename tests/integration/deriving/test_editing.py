"""Operators' edits: what they would change, what they change, and that an undone one has changed nothing."""

from __future__ import annotations

import hmac
import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from clickstream.deriving.edit_request import EditRequest, parse_edit
from clickstream.deriving.editing import Editor
from clickstream.errors import InvalidRequest
from clickstream.privacy.pseudonyms import PseudonymKeys, pseudonym
from clickstream.privacy.signatures import signing_secret
from local.azurite import Azurite
from tests.integration.compacting.lake import NOW, START
from tests.integration.deriving.derived_lake import CANARY, DerivedLake, erase, page

pytestmark = pytest.mark.integration


@pytest.fixture
def lake(azurite: Azurite) -> DerivedLake:
    lake = DerivedLake(azurite)
    lake.site("shop", None)
    lake.add(
        page("1", 0, anonymous_id="phone", user_id="ada"),
        page("2", 1, anonymous_id="laptop", user_id="bob"),
        page("3", 2, anonymous_id="till"),
        page("4", 3, anonymous_id="tablet"),
    )
    lake.derive()
    return lake


def editor(lake: DerivedLake) -> Editor:
    return Editor(lake.account, lake.settings, lake.deriver(), lambda: NOW)


def edit(lake: DerivedLake, kind: str, *ids: str, **more: Any) -> dict[str, Any]:
    request = EditRequest(**{"site_id": "shop", "kind": kind, "ids": ids, "why": "test", **more})
    return editor(lake).edit(request)


def whose(lake: DerivedLake) -> dict[str, str]:
    return {row["id"]: row["person"] for row in lake.people().to_pylist()}


def test_a_dry_run_says_what_a_merge_would_change_and_records_nothing(lake: DerivedLake) -> None:
    before, versions = lake.people().to_pylist(), lake.versions()
    answer = edit(lake, "merge", "ada", "bob", dry_run=True)
    assert (answer["dry_run"], answer["applied"], answer["edit"]["number"]) == (True, False, None)
    assert (answer["change"]["people_before"], answer["change"]["people_after"]) == (["bob"], ["ada"])
    assert [(each["kind"], each["id"], each["after"][0]["person"]) for each in answer["change"]["ids"]] == [
        *(("device", "laptop", "ada"), ("user", "bob", "ada")),
    ]
    assert (lake.people().to_pylist(), lake.versions()) == (before, versions)
    assert editor(lake).lines("shop") == []


def test_a_merge_that_is_undone_leaves_every_row_as_it_was_and_the_log_says_so(lake: DerivedLake) -> None:
    before = lake.people().to_pylist()
    merged = edit(lake, "merge", "ada", "bob", asked_by="ticket 12")
    assert (merged["applied"], merged["edit"]["number"]) == (True, 1)
    assert whose(lake) == {"phone": "ada", "laptop": "ada", "bob": "ada"}
    lake.check()
    undone = edit(lake, "undo", undoes=1, why="other customer")
    assert lake.people().to_pylist() == before
    assert undone["change"]["people_after"] == ["bob"]
    lines = editor(lake).lines("shop")
    assert [(line["number"], line["kind"], line["ids"], line["in_force"]) for line in lines] == [
        (1, "merge", ["ada", "bob"], False),
        (2, "undo", [], False),
    ]
    assert [(line["asked_by"], line["why"]) for line in lines] == [("ticket 12", "test"), ("", "other customer")]
    assert {line["recorded_at"] for line in lines} == {NOW.isoformat()}


def test_every_kind_of_edit_holds_for_the_past_and_for_what_comes(lake: DerivedLake) -> None:
    edit(lake, "link", "tablet", "bob", at=START + timedelta(minutes=3))
    assert whose(lake)["tablet"] == "bob"
    edit(lake, "unlink", "phone", "ada")
    assert "phone" not in whose(lake)
    edit(lake, "merge", "till", "tablet")
    assert whose(lake)["till"] == "bob"
    edit(lake, "split", "till")
    assert "till" not in whose(lake)
    edit(lake, "block", "bob")
    lake.add(page("5", 30, anonymous_id="phone", user_id="ada"), page("6", 31, anonymous_id="desk", user_id="bob"))
    lake.derive()
    assert whose(lake) == {"bob": "bob"}  # of kind `nobody`
    lake.check()


def test_ids_that_nobody_carries_and_edits_that_are_not_there_are_refused_at_their_place(lake: DerivedLake) -> None:
    with pytest.raises(
        InvalidRequest, match="/ids/1: no event of the site with full consent carries this id"
    ) as refused:
        edit(lake, "merge", "ada", "bbo", "cobb")
    assert (refused.value.pointer, "/ids/2: no event" in refused.value.message) == ("/ids/1", True)
    edit(lake, "undo", undoes=edit(lake, "block", "ada")["edit"]["number"])
    for number, why in ((7, "there is no edit"), (1, "is undone already"), (2, "is undone already, or an undo itself")):
        with pytest.raises(InvalidRequest, match=why):
            edit(lake, "undo", undoes=number)
    assert len(editor(lake).lines("shop")) == 2


def test_ids_are_found_plain_and_as_pseudonyms(lake: DerivedLake) -> None:
    keys = PseudonymKeys.parse(lake.settings.pseudonym_keys, lake.settings.visitor_id_key)
    stored = [pseudonym(id, keys) for id in ("eve@shop.example", "ada")]
    lake.add(*(page(id, 40, user_id=id) for id in stored))
    lake.derive()
    assert edit(lake, "merge", " Eve@shop.example", "ada")["edit"]["ids"] == [stored[0], "ada"]
    assert edit(lake, "split", *stored)["edit"]["ids"] == stored


def test_what_the_rules_ignore_is_listed_with_its_reason(lake: DerivedLake) -> None:
    assert editor(lake).problems("shop") == {"ids": {}, "problems": []}
    alias = {"event_type": "alias", "event_name": "alias"}
    lake.add(page("5", 5, user_id="ada", previous_id="bob", **alias), page("6", 6, anonymous_id="pc", user_id="guest"))
    lake.derive()
    problems = editor(lake).problems("shop")
    assert problems["ids"] == {"nobody": 1, "unproven alias": 1}
    assert [(each["kind"], each["id"], each["count"]) for each in problems["problems"]] == [
        ("nobody", "guest", 1),
        ("unproven alias", "bob", 1),
    ]


def test_an_erasure_takes_a_person_out_of_the_log(lake: DerivedLake) -> None:
    lake.add(page("5", 5, anonymous_id=CANARY[1], user_id=CANARY[0]))
    lake.derive()
    edit(lake, "merge", "ada", "bob", CANARY[0], why="Ms. Canary is Ada", asked_by="Canary")
    edit(lake, "link", CANARY[1], "bob", at=START)
    assert lake.finds(*CANARY, "Canary")
    receipt = erase(lake)
    assert receipt["counts"]["identity_edits"] == 2
    assert lake.finds(*CANARY, "Canary") == []
    lake.derive()
    assert lake.finds(*CANARY) == []
    assert whose(lake)["laptop"] == "ada"
    assert [line["ids"] for line in editor(lake).lines("shop")] == [["ada", "bob"], ["bob"]]
    lake.check()


def test_a_linked_erasure_reaches_every_id_of_the_person_and_nobody_else(lake: DerivedLake) -> None:
    ids = ("canary-merged-1", "canary-alias-2", "canary-phone-3", "canary-laptop-4")
    lake.add(
        page("5", 5, user_id=ids[0]),
        page("6", 6, anonymous_id=ids[2]),
        page("7", 7, anonymous_id=ids[2], user_id=ids[0]),
        page("8", 8, anonymous_id=ids[3], user_id=ids[1]),
        page("9", 9, anonymous_id=CANARY[1], user_id=CANARY[0]),
        page("10", 10, anonymous_id="library", user_id=CANARY[0]),
        page("11", 90, anonymous_id="library", user_id="bob"),
        page("12", 11, event_type="alias", event_name="alias", user_id=ids[1], previous_id=ids[0])
        | {"key_kind": "server"},
    )
    lake.derive()
    edit(lake, "merge", CANARY[0], ids[0])
    asked: dict[str, Any] = {"user_ids": [ids[1]], "anonymous_ids": []}
    seen = erase(lake, linked=True, dry_run=True, **asked)
    users = {each["id"] for each in seen["user_ids"]}
    assert users >= {*ids[:2], CANARY[0]} and not users & {"ada", "bob"}
    assert {ids[2], ids[3], CANARY[1]} <= {each["id"] for each in seen["anonymous_ids"]}
    assert seen["shared_devices_left"] == ["library"]
    erase(lake, **asked)
    assert lake.finds(ids[0]) and lake.finds(*CANARY), "without `linked` only the given ids"
    lake.derive()
    receipt = erase(lake, at=START + timedelta(hours=4), linked=True, user_ids=[ids[0]], anonymous_ids=[])
    assert lake.finds(ids[0], ids[2], *CANARY) == []
    assert receipt["shared_devices_left"] == 1 and {statement["result"] for statement in receipt["proof"]} == {0}
    lake.derive()
    assert lake.finds(ids[0], ids[2], *CANARY) == []
    assert {"ada", "bob"} <= {profile["person"] for profile in lake.profiles()}
    lake.check()


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"kind": "merge", "ids": ["a"]}, ["/ids: merge takes 2 to 20 ids", "/why: Field required"]),
        ({"kind": "merge", "ids": ["a", "a"], "why": "x"}, ["/ids/1: is named above already"]),
        ({"kind": "link", "ids": ["a", "b"], "why": "x"}, ["/at: goes with the kind link, and only with it"]),
        ({"kind": "undo", "ids": ["a"], "why": "x"}, ["/ids: undo takes 0 ids", "/undoes: goes with the kind undo"]),
        ({"kind": "forget", "ids": ["a"], "why": " "}, ["/kind: Input should be", "/why: String should have"]),
        ({"kind": "block", "ids": ["a"], "why": "x", "at": "2026-03-01T00:00:00"}, ["/at: Input should have timezone"]),
    ],
)
def test_a_wrong_request_is_refused_with_every_problem(body: dict[str, Any], problems: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_edit(json.dumps({"site_id": "shop", **body}).encode())
    assert [problem for problem in problems if problem not in refused.value.message] == []


def test_the_command_merges_and_prints_the_log(lake: DerivedLake) -> None:
    settings = lake.settings
    environment = {
        "EventHubConnection": "none",
        "Lake": settings.lake.connection_string or "",
        "VISITOR_ID_KEY": settings.visitor_id_key,
        "LAKE_CONTAINER": settings.lake_container,
        "CONFIG_CONTAINER": settings.config_container,
    }

    def run(*arguments: str) -> Any:
        command = [sys.executable, "-m", "clickstream.identity", *arguments]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    assert run("merge", "shop", "ada", "bob", "--why", "same", "--dry-run")["edit"]["number"] is None
    assert run("merge", "shop", "ada", "bob", "--why", "same")["change"]["changed_ids"] == 2
    assert [line["kind"] for line in run("edits", "shop")] == ["merge"]
    assert run("rebuild")["finished"] is True
    signed = run("secret", "shop", "--user-id", "ada")
    assert signed == {
        "site": "shop",
        "version": 1,
        "secret": (secret := signing_secret(settings.visitor_id_key, "shop", 1)),
        "user_id": "ada",
        "signature": hmac.new(secret.encode(), b"ada", "sha256").hexdigest(),
    }
    assert whose(lake)["bob"] == "ada"
