"""Who enters and leaves audiences, over a real lake."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from clickstream.audiences.asking import Asking
from clickstream.audiences.leaving import Leaving
from clickstream.audiences.previewing import Preview, Previews
from clickstream.audiences.sending import Sender
from clickstream.errors import NotFound, Unavailable
from clickstream.sites.document import parse_site
from local.azurite import Azurite
from local.event_hubs.process import EventHubsEmulator
from tests.integration.audiences.audience_lake import AudienceLake, consumed, did, opened
from tests.integration.compacting.lake import START
from tests.integration.deriving.derived_lake import CANARY, erase

pytestmark = pytest.mark.integration
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = Draft202012Validator(orjson.loads((DOCS / "audience-message.schema.json").read_bytes()))
AUDIENCES = """
goals: [{name: Order, event: purchase}]
audience_messages: {hub: changes, traits: [email, plan, age]}
audiences:
  - name: Cart abandoners
    slug: cart-abandoners
    where: {all: [{did: {event: add_to_cart}, within: 7d}, {did_not: {goal: Order}, within: 7d}]}
  - name: Buyers
    slug: buyers
    where: {did: {goal: Order}, within: 30d}
"""


@pytest.fixture
def lake(azurite: Azurite) -> AudienceLake:
    lake = AudienceLake(azurite)
    lake.site("shop", None, AUDIENCES)
    lake.add(did("0", START - DAY, "zoe", "purchase"))
    lake.moves(HOUR)
    lake.run()
    return lake


def brief(change: dict[str, Any]) -> tuple[str, ...]:
    return tuple(change[name] for name in ("audience", "person", "kind", "reason"))


def test_who_buys_leaves_and_enters_in_one_message(lake: AudienceLake) -> None:
    assert [brief(change) for change in lake.changes()] == [("buyers", "zoe", "enter", "existing")]
    assert lake.hub.taken == []
    lake.add(
        did("i", lake.at, "ada", "identify", event_type="identify", properties='{"email":"old@shop.example"}'),
        did("j", lake.at + HOUR, "ada", "identify", event_type="identify", properties='{"email":"ada@shop.example"}'),
        did("k", lake.at + HOUR, "ada", "identify", event_type="identify", properties='{"email":"","plan":7}'),
        did("1", lake.at + HOUR, "ada", "add_to_cart", properties='{"email":"not a trait"}'),
    )
    lake.moves(2 * HOUR)
    lake.run()
    lake.add(did("2", lake.at + HOUR, "ada", "purchase"))
    lake.moves(2 * HOUR)
    lake.run()
    first, second = lake.bodies()
    for document in (first, second):
        SCHEMA.validate(document)
    entered, left = "2026-03-10T15:00:00.000000000Z", "2026-03-10T17:00:00.000000000Z"
    assert first["data"]["_created"] == "2026-03-10T13:00:00.000000000Z"
    assert {name: first["data"].get(name) for name in ("user_id", "email", "plan", "age")} == {
        "user_id": "ada",
        "email": "ada@shop.example",
        "plan": "7",
        "age": None,
    }
    (event,) = first["data"]["segment_events"]
    assert (event["event"], event["slug"]) == ("enter", "cart-abandoners")
    assert (event["enter"], event["exit"]) == (entered, "2026-03-17T14:00:00.000000000Z")
    bought, abandoned = sorted(second["data"]["segment_events"], key=lambda each: each["slug"])
    assert (abandoned["event"], abandoned["enter"], abandoned["exit"]) == ("exit", entered, left)
    assert (bought["event"], bought["enter"], bought["exit"]) == ("enter", left, "2026-04-09T16:00:00.000000000Z")
    assert second["meta"]["reason"] == "event"
    before = lake.delta("audience_changes").version()
    lake.moves(HOUR)
    assert lake.run().changes == 0
    assert lake.delta("audience_changes").version() == before


def test_a_membership_ends_by_time_to_the_microsecond_and_without_an_event(lake: AudienceLake) -> None:
    at = lake.at + timedelta(microseconds=7)
    lake.add(did("1", at, "ada", "add_to_cart"))
    lake.moves(HOUR)
    lake.run()
    lake.moves(at + 7 * DAY - lake.at - timedelta(microseconds=1))
    assert lake.run().changes == 0
    lake.moves(DAY)
    lake.run()
    last = lake.changes()[-1]
    assert brief(last) == ("cart-abandoners", "ada", "exit", "time")
    assert last["changed_at"] == at + 7 * DAY


def test_what_all_of_the_past_says_follows_events_and_ends_by_time(lake: AudienceLake) -> None:
    lake.site(
        "shop",
        None,
        """
audience_messages: {hub: changes, traits: [trial_ends]}
audiences:
  - name: Trials that end
    slug: trials
    where: {all: [{trait: {name: trial_ends, in_next: 3d}}, {field: {name: acts, at_most: 2}}]}
  - {name: Recent, slug: recent, where: {score: {name: recency, at_least: 50}}}
""",
    )
    at, trait = lake.at, '{"trial_ends":"2026-03-15"}'
    lake.add(did("1", at, "ada"), did("2", at, "ada", "identify", event_type="identify", properties=trait))
    lake.moves(HOUR)
    lake.run()
    lake.moves(3 * DAY)
    lake.run()
    # Long before any window of the audiences.
    lake.add(*(did(f"old {number}", START - 100 * DAY, "ada") for number in range(2)))
    lake.moves(HOUR)
    lake.run()
    lake.moves(20 * DAY)
    lake.run()
    changes = lake.changes()[1:]
    assert [brief(change) for change in changes] == [
        ("recent", "ada", "enter", "existing"),
        ("recent", "zoe", "enter", "existing"),
        ("buyers", "zoe", "exit", "definition"),
        ("trials", "ada", "enter", "time"),
        ("trials", "ada", "exit", "late"),
        ("recent", "ada", "exit", "time"),
        ("recent", "zoe", "exit", "time"),
    ]
    # Messages say the traits and the first event of all the past, although no condition is about events.
    said = [document["data"] for document in lake.bodies()]
    assert [(each["user_id"], each["_created"], each.get("trial_ends")) for each in said] == [
        ("zoe", "2026-03-09T12:00:00.000000000Z", None),
        ("ada", "2026-03-10T13:00:00.000000000Z", "2026-03-15"),
        ("ada", "2025-11-30T12:00:00.000000000Z", "2026-03-15"),
        ("ada", "2025-11-30T12:00:00.000000000Z", "2026-03-15"),
        ("zoe", "2026-03-09T12:00:00.000000000Z", None),
    ]
    fortnight = 14 * DAY + timedelta(microseconds=1)
    midnight = START.replace(hour=0)
    assert changes[3]["changed_at"] == midnight + 2 * DAY
    assert changes[3]["exit_at"] == midnight + 5 * DAY
    assert [change["changed_at"] for change in changes[5:]] == [at + fortnight, START - DAY + fortnight]


LASTING = """
audience_messages: {hub: changes}
audiences:
  - {name: Visitors, slug: visitors, stay: 5h, pause: 8h, grace: 30m, where: {did: {event: view}, within: 3h}}
"""


def test_a_membership_lasts_rests_and_waits_for_late_events_to_the_microsecond(azurite: Azurite) -> None:
    lake, minute = AudienceLake(azurite), timedelta(minutes=1)
    lake.site("shop", None, LASTING)
    lake.moves(HOUR)
    lake.run()
    at = lake.at + timedelta(microseconds=3)
    lake.add(did("1", at, "ada"))
    lake.moves(minute)
    lake.run()
    entered = lake.at
    (enter,) = lake.changes()
    assert (enter["changed_at"], enter["exit_at"]) == (entered, entered + 5 * HOUR)
    lake.moves(4 * HOUR)  # the condition ended an hour ago
    assert lake.run().changes == 0
    lake.add(did("2", lake.at, "ada"))
    lake.moves(minute)
    assert lake.run().changes == 0
    lake.moves(4 * HOUR)  # the stay ended, and the condition again, an hour ago
    assert lake.run().changes == 1
    left = lake.changes()[-1]
    assert (brief(left), left["changed_at"]) == (("visitors", "ada", "exit", "time"), entered + 7 * HOUR)
    lake.add(did("3", lake.at, "ada"))
    lake.moves(2 * HOUR)
    assert lake.run().changes == 0  # a pause
    lake.add(did("4", lake.at + 2 * HOUR, "ada"))
    lake.moves(6 * HOUR)
    assert lake.run().changes == 0  # it is over, and so is the condition
    lake.add(did("5", lake.at + minute, "ada"))
    lake.moves(2 * minute)
    assert lake.run().changes == 1
    again = lake.changes()[-1]
    assert brief(again) == ("visitors", "ada", "enter", "event")
    lake.moves(5 * HOUR)
    assert lake.run().changes == 1
    assert len(lake.bodies()) == len(lake.changes()) == 4


def test_an_entry_at_the_end_of_a_pause_and_a_grace_that_a_late_event_uses(azurite: Azurite) -> None:
    lake, minute = AudienceLake(azurite), timedelta(minutes=1)
    lake.site("shop", None, LASTING.replace("stay: 5h, pause: 8h", "pause: 5h"))
    lake.moves(HOUR)
    lake.run()
    began = lake.at
    lake.add(did("1", began, "ada"))
    lake.moves(minute)
    lake.run()
    lake.moves(began + 3 * HOUR + 10 * minute - lake.at)  # within the grace
    assert lake.run().changes == 0
    lake.add(did("2", began + HOUR, "ada"))
    lake.moves(10 * minute)
    assert lake.run().changes == 0  # what arrived late renewed it
    lake.moves(began + 4 * HOUR + 20 * minute - lake.at)
    assert lake.run().changes == 0  # within the grace again
    lake.moves(HOUR)
    assert lake.run().changes == 1
    left = lake.changes()[-1]
    assert (brief(left), left["changed_at"]) == (("visitors", "ada", "exit", "time"), began + 4 * HOUR)
    lake.add(did("3", began + 8 * HOUR, "ada"))
    lake.moves(began + 8 * HOUR + minute - lake.at)
    assert lake.run().changes == 0
    lake.moves(2 * HOUR)
    assert lake.run().changes == 1
    again = lake.changes()[-1]
    assert (brief(again), again["changed_at"]) == (("visitors", "ada", "enter", "time"), began + 9 * HOUR)
    assert again["exit_at"] == began + 11 * HOUR
    lake.add(did("out", lake.at, "ada", advertising=False))
    lake.moves(minute)
    assert lake.run().changes == 1
    assert brief(lake.changes()[-1]) == ("visitors", "ada", "exit", "opted_out")


def test_a_late_event_corrects_and_opting_out_ends_what_it_can(lake: AudienceLake) -> None:
    lake.add(*(did(f"cart {name}", lake.at, name, "add_to_cart") for name in ("ada", "bo", "cy")))
    lake.moves(HOUR)
    lake.run()
    lake.add(
        did("late", lake.at - 2 * HOUR, "ada", "purchase"),
        did("out", lake.at + timedelta(minutes=1), "bo", advertising=False),
    )
    lake.moves(HOUR)
    lake.run()
    assert {brief(change) for change in lake.changes()[-3:]} == {
        ("cart-abandoners", "ada", "exit", "late"),
        ("buyers", "ada", "enter", "late"),
        ("cart-abandoners", "bo", "exit", "opted_out"),
    }
    assert sorted(lake.memberships()["cart-abandoners"]) == ["cy"]


@pytest.mark.parametrize("removed", ["exits", "nothing"])
def test_members_of_a_removed_audience_leave_as_the_document_says(lake: AudienceLake, removed: str) -> None:
    text = AUDIENCES.replace("{hub: changes,", f"{{hub: changes, removed: {removed},")
    lake.site("shop", None, text[: text.index("  - name: Buyers")])
    lake.run()
    assert brief(lake.changes()[-1]) == ("buyers", "zoe", "exit", "definition")
    assert [document["data"]["segment_events"][0]["event"] for document in lake.bodies()] == (
        ["exit"] if removed == "exits" else []
    )
    lake.site("shop", None, text)
    lake.run()
    assert brief(lake.changes()[-1]) == ("buyers", "zoe", "enter", "existing")


def test_too_many_changes_wait_for_a_release(lake: AudienceLake) -> None:
    people = [f"p{number}" for number in range(12)]
    lake.add(*(did(person, lake.at, person, "purchase") for person in people))
    lake.moves(HOUR)
    document = f"site: shop\nkeys: [{{kind: public, key: shop-key}}]\n{AUDIENCES}".encode()
    previews = Previews(lake.account, lake.settings, lake.engine)
    text = document.replace(b"slug: cart-abandoners", b"slug: carts")
    assert previews.of(parse_site(text, expected="shop")) == [
        Preview("carts", 0, 0, 0, False),
        Preview("buyers", 13, 12, 0, False),
    ]
    assert previews.of(parse_site(document[: document.index(b"  - name: Buyers")], expected="shop")) == [
        Preview("cart-abandoners", 0, 0, 0, False),
        Preview("buyers", 0, 0, 1, False),
    ]
    assert lake.evaluate(held_from=10).held == ["shop/buyers"]
    assert set(lake.memberships()["buyers"]) == {"zoe"}
    lake.moves(HOUR)
    assert lake.evaluate(held_from=10).held == []
    asking = Asking(lake.account, lake.settings)
    asking.release("shop", "buyers")
    assert lake.evaluate(held_from=10).changes == len(people)
    with pytest.raises(NotFound):
        asking.release("shop", "buyers")


def test_existing_members_are_reported_at_the_rate_of_the_site_and_again_if_asked(lake: AudienceLake) -> None:
    people = [f"p{number}" for number in range(12)]
    lake.add(*(did(person, lake.at, person, "purchase") for person in people))
    lake.moves(HOUR)
    lake.run()
    before = len(lake.hub.taken)
    text = AUDIENCES.replace("{hub: changes,", "{hub: changes, existing_per_minute: 5,")
    more = "  - {name: All, slug: all, messages: existing, where: {did: {}, within: 90d}}\n"
    lake.site("shop", None, text + more)
    sizes = []
    for _ in range(5):
        lake.moves(timedelta(minutes=1))
        lake.run()
        sizes.append(len(lake.hub.taken) - before)
    assert sizes == [0, 5, 10, 13, 13]
    backfill = lake.bodies()[before:]
    assert {document["data"]["user_id"] for document in backfill} == {"zoe", *people}
    assert all(document["meta"]["backfill"] for document in backfill)
    Asking(lake.account, lake.settings).backfill("shop", "all")
    for _ in range(4):
        lake.moves(timedelta(minutes=1))
        lake.run()
    assert len(lake.hub.taken) - before == 26


def test_an_erased_person_leaves_with_a_last_message_and_no_trace(lake: AudienceLake) -> None:
    user, device = CANARY
    lake.add(did("c", lake.at, user, "purchase", anonymous_id=device), did("z", lake.at, "zoe"))
    lake.moves(HOUR)
    lake.run()
    sender = Sender(lake.account, lake.settings, lambda connection, name: lake.hub, lambda: lake.at)
    text = f"site: shop\nkeys: [{{kind: public, key: shop-key}}]\n{AUDIENCES}"
    leaving = Leaving(
        lake.account, lake.settings, lambda name: parse_site(text.encode(), expected=name), sender, lambda: lake.at
    )
    lake.hub.dies = "half"
    with pytest.raises(Unavailable):
        erase(lake, lake.at, leave=leaving.end)
    receipt = erase(lake, lake.at, leave=leaving.end)
    last = lake.bodies()[-1]
    assert (last["data"]["user_id"], last["meta"]["reason"]) == (user, "erased")
    assert [each["event"] for each in last["data"]["segment_events"]] == ["exit"]
    assert receipt["counts"]["audience_changes"] == 2
    assert [name for name in lake.finds(*CANARY) if name.startswith("audience")] == []
    assert set(lake.memberships()["buyers"]) == {"zoe"}
    lake.moves(HOUR)
    assert lake.run().changes == 0


def test_the_example_of_the_documentation_meets_the_schema() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (DOCS / "audiences.md").read_text(), re.DOTALL)
    SCHEMA.validate(orjson.loads(example))


def test_a_consumer_gets_each_change_with_its_properties(
    lake: AudienceLake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    people = [f"p{number}" for number in range(30)]
    lake.add(*(did(person, lake.at + HOUR, person, "add_to_cart") for person in people))
    lake.moves(2 * HOUR)
    lake.evaluate()
    lake.add(*(did(f"{person} buys", lake.at + HOUR, person, "purchase") for person in people))
    lake.moves(2 * HOUR)
    lake.evaluate()
    with EventHubsEmulator(tmp_path_factory.mktemp("hub"), {"changes": 2}) as emulator:
        assert lake.send(hub=opened(emulator)) == 60
        assert lake.send() == 0
        received = consumed(emulator, 60)
    seen: dict[str, list[str]] = {}
    for data in received:
        document = orjson.loads(data.body_as_str())
        SCHEMA.validate(document)
        seen.setdefault(document["data"]["user_id"], []).append(document["meta"]["message_id"])
        properties = {name.decode(): value.decode() for name, value in (data.properties or {}).items()}  # type: ignore[union-attr]
        assert properties["site"] == "shop"
        assert properties["message_id"] == data.message_id == document["meta"]["message_id"]
        assert properties["events"] == ",".join(
            dict.fromkeys(each["event"] for each in document["data"]["segment_events"])
        )
        assert data.content_type == "application/json"
    stored: dict[str, list[str]] = {}
    for change in lake.changes():
        if change["message"] is not None:
            stored.setdefault(change["person"], []).append(change["message_id"])
    assert seen == stored
