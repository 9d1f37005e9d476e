"""Ids of one person are followed, those of others are not, whatever a stranger says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.erasing.linking import MAX_IDS, Link, Linked, linked
from clickstream.erasing.person import Person
from clickstream.errors import LimitExceeded
from tests.integration.compacting.lake import NOW


def follow(links: Sequence[Link], users: Collection[str] = (), devices: Collection[str] = ()) -> Linked:
    def links_of(ids: Collection[str]) -> Sequence[Link]:
        return [link for link in links if {link.user_id, link.anonymous_id, link.previous_id} & set(ids)]

    return linked(Person("shop", frozenset(users), frozenset(devices), NOW), links_of)


def trusted(user_id: str | None, anonymous_id: str | None, previous_id: str | None = None) -> Link:
    return Link(user_id, anonymous_id, previous_id, is_trusted=True)


def test_a_user_leads_to_their_devices() -> None:
    found = follow([Link("jane", "phone"), Link("jane", "laptop"), Link("joe", "tablet")], users=["jane"])
    assert found.person.user_ids == {"jane"}
    assert found.person.anonymous_ids == {"phone", "laptop"}
    assert found.shared == frozenset()


def test_a_device_leads_to_its_only_user_by_the_word_of_a_secret_key() -> None:
    found = follow([trusted("jane", "phone"), Link("jane", "laptop"), Link("joe", "tablet")], devices=["phone"])
    assert found.person.user_ids == {"jane"}
    assert found.person.anonymous_ids == {"phone", "laptop"}


def test_a_device_that_another_used_is_left_to_them() -> None:
    found = follow([Link("jane", "phone"), Link("jane", "library"), Link("joe", "library")], users=["jane"])
    assert found.person.anonymous_ids == {"phone"}
    assert found.shared == {"library"}
    assert "joe" not in found.person.user_ids


def test_a_shared_device_that_was_asked_for_is_meant_but_leads_to_nobody() -> None:
    links = [trusted("jane", "library"), trusted("joe", "library"), trusted("joe", "phone")]
    found = follow(links, devices=["library"])
    assert found.person.user_ids == frozenset()
    assert found.person.anonymous_ids == {"library"}


def test_an_alias_with_a_secret_key_joins_old_names_and_the_devices_they_had() -> None:
    links = [trusted("jane-2", None, "jane"), Link("jane", "phone"), Link("jane-2", "phone")]
    found = follow(links, users=["jane"])
    assert found.person.user_ids == {"jane", "jane-2"}
    assert "phone" in found.person.anonymous_ids


@pytest.mark.parametrize(
    "forged",
    [
        [Link("attacker", None, "victim")],
        [Link("victim", None, "attacker")],
        [Link("attacker", "attackers-phone", "victim")],
        [Link("attacker", None, "x1"), Link("x1", None, "x2"), Link("x2", None, "victim")],
        [Link("attacker", None, "victims-phone")],
        # A device that both are said to be on, by whoever says that they are one.
        [Link("attacker", "phone"), Link("victim", "phone"), Link("attacker", "phone", "victim")],
        [trusted("attacker", "attackers-phone"), Link("victim", "attackers-phone"), Link("attacker", None, "victim")],
    ],
)
def test_nobody_takes_anothers_data_by_an_alias_with_the_key_of_a_page(forged: list[Link]) -> None:
    others = [trusted("victim", "victims-phone"), Link("victim", "victims-laptop")]
    found = follow([*forged, *others], users=["attacker"])
    assert found.person.user_ids == {"attacker"}
    assert not found.person.anonymous_ids & {"victims-phone", "victims-laptop", "victim"}


def test_nobody_takes_anothers_data_by_saying_that_they_log_in_on_a_device_of_his() -> None:
    found = follow([Link("victim", "attackers-phone"), trusted("victim", "phone")], devices=["attackers-phone"])
    assert found.person.user_ids == frozenset()
    assert found.person.anonymous_ids == {"attackers-phone"}
    assert found.suggested == {"victim"}, "for a person to confirm"


def test_an_alias_of_a_page_counts_where_secret_keys_know_both_ids_on_one_device() -> None:
    on_the_phone = [trusted("jane", "phone"), trusted("jane-2", "phone")]
    assert follow([*on_the_phone, Link("jane-2", None, "jane")], users=["jane"]).person.user_ids == {"jane", "jane-2"}
    same = [trusted("jane", "phone"), Link("jane", None, "phone")]
    assert follow(same, users=["jane"]).person.anonymous_ids == {"phone"}


def test_what_public_keys_state_is_suggested_for_a_person_to_confirm() -> None:
    found = follow([Link("jane", None, "old-name"), Link("jane-3", None, "jane")], users=["jane"])
    assert found.person.user_ids == {"jane"}
    assert found.suggested == {"old-name", "jane-3"}


def test_a_stranger_who_links_without_end_is_told_where_it_ends() -> None:
    endless = [trusted(f"u{number // 8}", None, f"u{number + 1}") for number in range(2 * MAX_IDS)]
    with pytest.raises(LimitExceeded, match="name them"):
        follow(endless, users=["u0"])
    with pytest.raises(LimitExceeded):
        follow([Link("jane", f"device-{number}") for number in range(2 * MAX_IDS)], users=["jane"])


def same(user_id: str, person: str) -> Link:
    return Link(user_id, None, person, is_trusted=True, is_of_event=False)


def seen(person: str, device: str) -> Link:
    return Link(person, device, is_of_event=False)


def test_a_person_of_identities_is_all_its_users_and_the_devices_that_nobody_else_used() -> None:
    people = [same("u2", "u1"), same("u3", "u1"), seen("u1", "phone"), seen("u1", "library"), seen("joe", "library")]
    for user in ("u1", "u2", "u3"):
        found = follow(people, users=[user])
        assert found.person.user_ids == {"u1", "u2", "u3"}
        assert "phone" in found.person.anonymous_ids
        assert found.shared == {"library"}
    found = follow([*people, Link("eve", "phone")], users=["u2"])
    assert found.shared == {"library", "phone"}


def test_a_device_leads_to_nobody_by_identities_alone() -> None:
    people = [same("u2", "u1"), seen("u1", "phone")]
    found = follow(people, devices=["phone"])
    assert found.person.user_ids == frozenset() and found.suggested == {"u1"}
    assert follow([*people, trusted("u2", "phone")], devices=["phone"]).person.user_ids == {"u1", "u2"}


NAMES = st.sampled_from("abcdef")
LINKS = st.lists(
    st.builds(Link, st.none() | NAMES, st.none() | NAMES.map(str.upper), st.none() | NAMES, st.booleans()), max_size=12
)


@given(LINKS, NAMES)
def test_it_comes_to_an_end_and_loses_nobody_who_was_asked_for(links: list[Link], user: str) -> None:
    found = follow(links, users=[user])
    assert user in found.person.user_ids
    assert not found.shared & found.person.anonymous_ids
    assert follow(links, found.person.user_ids, found.person.anonymous_ids).person.user_ids >= found.person.user_ids


@given(LINKS, NAMES)
def test_events_with_the_key_of_a_page_add_no_user(links: list[Link], user: str) -> None:
    of_secret_keys = [link for link in links if link.is_trusted]
    of_pages = [link for link in links if not link.is_trusted]
    added = follow(links, users=[user]).person.user_ids - follow(of_secret_keys, users=[user]).person.user_ids
    for name in added:  # by an alias between users whom secret keys know on one device, or by a device of theirs
        assert any(name in link.ids for link in of_secret_keys), (name, of_pages)
