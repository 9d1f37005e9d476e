"""Whoever has only a public key changes nobody else's events, whatever ids it sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from clickstream.deriving.people import Basis
from clickstream.deriving.problems import MAX_OF_A_KIND, problem_document
from clickstream.identity.edges import edges_of
from clickstream.identity.edits import Edit, EditKind, EditsInForce
from clickstream.identity.problems import refusals
from clickstream.identity.rules import Limits, Rules, Trust
from clickstream.model.identity_tables import NOBODY
from tests.functional.identity.asking import people_in_sql, resolved
from tests.functional.identity.random_people import START, event, table

Events = Sequence[dict[str, Any]]
ALIASES = 20_000


def of_honest_people() -> Events:
    """A day of three people: page views before a login, two devices, aliases of the site's server."""
    proven = {"user_verified": True}
    fields: Sequence[dict[str, Any]] = (
        {"anonymous_id": "phone"},
        {"anonymous_id": "phone", "user_id": "ada", **proven},
        {"event_type": "alias", "user_id": "ada", "previous_id": "crm-1", "key_kind": "server"},
        {"user_id": "crm-1", "key_kind": "server"},
        {"anonymous_id": "laptop", "user_id": "ada", **proven},
        {"anonymous_id": "laptop"},
        {"anonymous_id": "tablet"},
        {"anonymous_id": "tablet", "user_id": "bob", **proven},
        {"event_type": "alias", "user_id": "bob", "previous_id": "tablet", "key_kind": "import"},
        {"anonymous_id": "kiosk"},
        {"user_id": "cleo", "key_kind": "server"},
        # Two users of bob's whom the site's server joins through a number that no event carries.
        {"event_type": "alias", "user_id": "bob", "previous_id": "crm-2", "key_kind": "server"},
        {"event_type": "alias", "user_id": "bobby", "previous_id": "crm-2", "key_kind": "server"},
        {"user_id": "bobby", "key_kind": "server"},
    )
    return [event(f"h{number}", START + timedelta(hours=number), **each) for number, each in enumerate(fields)]


def by_eve(number: int, **fields: Any) -> dict[str, Any]:
    """An event with a public key from a device of the attacker's."""
    return event(f"a{number}", START + timedelta(minutes=number % 700), **{"anonymous_id": "eve", **fields})


def alias_of_everybody() -> Events:
    ids = ("ada", "bob", "crm-1", "cleo", *(f"x{number}" for number in range(ALIASES)))
    said = {"event_type": "alias", "user_id": "eve-1"}
    return [by_eve(number, previous_id=id, **said) for number, id in enumerate(ids)]


def everybody_alias_of_ada() -> Events:
    said = {"event_type": "alias", "previous_id": "ada"}
    return [by_eve(number, user_id=f"x{number}", **said) for number in range(300)]


def many_devices_of_ada() -> Events:
    devices = [by_eve(number, anonymous_id=f"e{number}") for number in range(300)]
    said = {"event_type": "alias", "user_id": "ada"}
    return [*devices, *(by_eve(1000 + number, previous_id=f"e{number}", **said) for number in range(300))]


def chain_through_everybody() -> Events:
    ids = ["ada", *(f"x{number}" for number in range(2000)), "bob", "cleo", "crm-1"]
    said = {"event_type": "alias"}
    return [by_eve(number, user_id=ids[number], previous_id=ids[number + 1], **said) for number in range(len(ids) - 1)]


def login_as_everybody() -> Events:
    users = ("ada", "bob", "cleo", "crm-1", *(f"x{number}" for number in range(30)))
    return [by_eve(number, user_id=user) for number, user in enumerate(users)]


def login_as_nobody() -> Events:
    return [by_eve(number, user_id=id) for number, id in enumerate(("guest", "null", "0", "GUEST "))]


def devices_of_ids_that_aliases_name() -> Events:
    views = [by_eve(number, anonymous_id="crm-2") for number in range(3)]
    logins = [by_eve(10 + number, anonymous_id="crm-2", user_id=user) for number, user in enumerate(("eve", "ada"))]
    said = {"event_type": "alias", "anonymous_id": "crm-2"}
    return [*views, *logins, *(by_eve(100 + number, previous_id=f"e{number}", **said) for number in range(300))]


ATTACKS: dict[str, Callable[[], Events]] = {
    "an alias of everybody": alias_of_everybody,
    "everybody is an alias of one user": everybody_alias_of_ada,
    "one user has hundreds of devices": many_devices_of_ada,
    "a chain of aliases through everybody": chain_through_everybody,
    "logins as everybody on one device": login_as_everybody,
    "logins as nobody": login_as_nobody,
    "ids that only aliases name are devices": devices_of_ids_that_aliases_name,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_public_key_changes_nobody_elses_events(attack: str) -> None:
    honest, attacking = of_honest_people(), ATTACKS[attack]()
    for trust in Trust:
        rules = Rules(trust=trust)
        before = people_in_sql(honest, resolved(honest, [], rules), rules)
        assert {"ada", "bob", "cleo"} < set(before.values())
        everything = [*attacking, *honest]
        after = people_in_sql(everything, resolved(everything, [], rules), rules)
        assert {id: after[id] for id in before} == before
        # Whoever knows an id of a device can send events as that device.
        if trust is not Trust.ANY and ATTACKS[attack] is not devices_of_ids_that_aliases_name:
            others = set(after[each["event_id"]] for each in attacking) & set(before.values())
            assert not others, "no event of the attacker is anybody else's"


def test_a_login_that_is_not_believed_separates_no_users() -> None:
    honest = of_honest_people()
    attacking = [by_eve(number, anonymous_id="crm-2", user_id=user) for number, user in enumerate(("bob", "bobby"))]
    for trust in Trust:
        whose = people_in_sql([*attacking, *honest], resolved([*attacking, *honest], [], Rules(trust)), Rules(trust))
        of_bobby = next(each["event_id"] for each in honest if each["user_id"] == "bobby" and not each["previous_id"])
        assert whose[of_bobby] == ("bobby" if trust is Trust.ANY else "bob")


def refused(events: Events, rules: Rules, log: Sequence[Edit] = ()) -> set[tuple[str, str, int, int | None]]:
    edges = edges_of(table(events), {})
    found = refusals(edges, EditsInForce.of(log), rules)
    assert all(each.first_at >= START for each in found)
    return {(each.kind.value, each.id, each.count, each.limit) for each in found}


def test_what_was_refused_is_reported_with_its_reason() -> None:
    honest = of_honest_people()
    assert refused(honest, Rules()) == set()
    assert refused([*honest, *everybody_alias_of_ada()], Rules()) == {("unproven alias", "ada", 300, None)}
    assert refused([*honest, *many_devices_of_ada()], Rules()) == {("placeholder", "ada", 301, 20)}
    assert refused([*honest, *login_as_everybody()], Rules()) == {("crowded device", "eve", 33, 10)}
    assert refused(login_as_nobody(), Rules()) == {(NOBODY, id, 1, None) for id in ("guest", "null", "0", "GUEST ")}
    assert refused(honest, Rules(trust=Trust.SIGNED)) == set()
    assert refused(honest, Rules(trust=Trust.SERVER)) == {
        ("unproven user", "ada", 2, None),
        ("unproven user", "bob", 1, None),
    }
    chain = [by_eve(n, user_id=f"x{n}", previous_id=f"x{n + 1}", event_type="alias") for n in range(9)]
    assert refused(chain, Rules(public_aliases=True, limits=Limits(ids=8))) == {("too many ids", "x0", 10, 8)}
    blocked = Edit(number=1, kind=EditKind.BLOCK, ids=("ada",))
    assert refused(honest, Rules(), [blocked]) == {(NOBODY, "ada", 2, None)}
    # One device may be crowded by hand, and is in no other part of the evidence.
    links = [
        Edit(number=n, kind=EditKind.LINK, ids=("kiosk", user), at=START) for n, user in enumerate(("ada", "bob"), 1)
    ]
    assert refused(honest, Rules(limits=Limits(people=1)), links) == {("crowded device", "kiosk", 2, 1)}


def test_many_ids_of_one_problem_are_counted_and_the_largest_listed() -> None:
    logins = [
        by_eve(number, anonymous_id=f"e{number % 7}-{number}", user_id=f"x{number % 150}") for number in range(151)
    ]
    document = problem_document(edges_of(table(logins), {}), Basis(Rules(trust=Trust.SERVER)))
    assert document["ids"] == {"unproven user": 150}
    assert len(document["problems"]) == MAX_OF_A_KIND
    assert (document["problems"][0]["id"], document["problems"][0]["count"]) == ("x0", 2)
