"""Ids of one person are followed, those of others are not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hypothesis import given
from hypothesis import strategies as st

from clickstream.erasing.linking import Link, Linked, linked
from clickstream.erasing.person import Person
from tests.integration.compacting.lake import NOW


def follow(links: Sequence[Link], users: Collection[str] = (), devices: Collection[str] = ()) -> Linked:
    def links_of(ids: Collection[str]) -> Sequence[Link]:
        return [link for link in links if {link.user_id, link.anonymous_id, link.previous_id} & set(ids)]

    return linked(Person("shop", frozenset(users), frozenset(devices), NOW), links_of)


def test_a_user_leads_to_their_devices_and_a_device_to_its_only_user() -> None:
    links = [Link("jane", "phone"), Link("jane", "laptop"), Link("joe", "tablet")]
    for found in (follow(links, users=["jane"]), follow(links, devices=["phone"])):
        assert found.person.user_ids == {"jane"}
        assert found.person.anonymous_ids == {"phone", "laptop"}
        assert found.shared == frozenset()


def test_a_device_that_another_used_is_left_to_them() -> None:
    found = follow([Link("jane", "phone"), Link("jane", "library"), Link("joe", "library")], users=["jane"])
    assert found.person.anonymous_ids == {"phone"}
    assert found.shared == {"library"}
    assert "joe" not in found.person.user_ids


def test_a_shared_device_that_was_asked_for_is_meant_but_leads_to_nobody() -> None:
    found = follow([Link("jane", "library"), Link("joe", "library"), Link("joe", "phone")], devices=["library"])
    assert found.person.user_ids == frozenset()
    assert found.person.anonymous_ids == {"library"}


def test_an_alias_joins_old_names_and_the_devices_they_had() -> None:
    links = [Link("jane-2", None, "jane"), Link("jane", "phone"), Link("jane-2", "phone")]
    found = follow(links, users=["jane"])
    assert found.person.user_ids == {"jane", "jane-2"}
    assert "phone" in found.person.anonymous_ids


NAMES = st.sampled_from("abcdef")
LINKS = st.lists(st.builds(Link, st.none() | NAMES, st.none() | NAMES.map(str.upper), st.none() | NAMES), max_size=12)


@given(LINKS, NAMES)
def test_it_comes_to_an_end_and_loses_nobody_who_was_asked_for(links: list[Link], user: str) -> None:
    found = follow(links, users=[user])
    assert user in found.person.user_ids
    assert not found.shared & found.person.anonymous_ids
    assert follow(links, found.person.user_ids, found.person.anonymous_ids).person.user_ids >= found.person.user_ids
