"""Whoever has only a public key changes nobody else's events, whatever ids it sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from clickstream.identity.resolving import ProblemKind
from clickstream.identity.rules import Rules, Trust
from tests.functional.identity.asking import people_in_sql, resolved
from tests.functional.identity.random_people import START, event

Events = Sequence[dict[str, Any]]
ALIASES = 20_000


def of_honest_people() -> Events:
    """A day of three people: page views before a login, two devices, an alias of the site's server."""
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


ATTACKS: dict[str, Callable[[], Events]] = {
    "an alias of everybody": alias_of_everybody,
    "everybody is an alias of one user": everybody_alias_of_ada,
    "one user has hundreds of devices": many_devices_of_ada,
    "a chain of aliases through everybody": chain_through_everybody,
    "logins as everybody on one device": login_as_everybody,
    "logins as nobody": login_as_nobody,
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
        if trust is not Trust.ANY:
            others = set(after[each["event_id"]] for each in attacking) & set(before.values())
            assert not others, "no event of the attacker is anybody else's"


def test_what_was_refused_is_reported() -> None:
    rules = Rules()
    found = [
        {
            (problem.kind, problem.id, problem.count)
            for problem in resolved([*of_honest_people(), *attack()], [], rules).problems
        }
        for attack in (everybody_alias_of_ada, many_devices_of_ada, login_as_everybody)
    ]
    assert found == [
        {(ProblemKind.UNPROVEN_ALIAS, "ada", 300)},
        {(ProblemKind.PLACEHOLDER, "ada", 301)},
        {(ProblemKind.CROWDED_DEVICE, "eve", 33)},
    ]
