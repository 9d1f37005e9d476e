"""What happens to people on their phones, tablets and tills, and whose their events are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from clickstream.identity.edits import Edit, EditKind
from clickstream.identity.rules import Limits, Rules
from tests.functional.identity.asking import people_in_sql, resolved
from tests.functional.identity.plain_people import people_of
from tests.functional.identity.random_people import START, event

RULES = Rules(logout_events=("logout",))


class Story:
    """Events in the order in which they happen, each some minutes after the one before."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules, self.at, self.events, self.whose = rules, START, list[dict[str, Any]](), dict[str, str]()

    def then(self, whose: str, minutes: float = 5, **fields: Any) -> Story:
        """An event that is `whose`, so many minutes later."""
        self.at += timedelta(minutes=minutes)
        self.events.append(event(len(self.events), self.at, **fields))
        self.whose[self.events[-1]["event_id"]] = whose
        return self

    def alias(self, whose: str, user: str, other: str, **fields: Any) -> Story:
        """An alias of a server: it may say that two users are one."""
        said = {"event_type": "alias", "key_kind": "server", "user_id": user, "previous_id": other}
        return self.then(whose, **{**said, **fields})

    def check(self, log: Sequence[Edit] = ()) -> None:
        """Whose the events are, whatever order they arrive in."""
        for events in (self.events, self.events[::-1]):
            people = resolved(events, log, self.rules)
            assert people_in_sql(events, people, self.rules) == self.whose
        assert people_of(self.events, log, self.rules) == self.whose

    def people(self, log: Sequence[Edit] = ()) -> set[str | None]:
        return set(people_in_sql(self.events, resolved(self.events, log, self.rules), self.rules).values())


def test_pages_read_before_a_login_become_the_users_however_long_ago() -> None:
    story = Story().then("ada", anonymous_id="phone").then("ada", minutes=60 * 24 * 90, anonymous_id="phone")
    story.then("ada", anonymous_id="phone", user_id="ada").then("ada", minutes=600, anonymous_id="phone").check()


def test_a_user_who_logs_in_on_two_devices_is_one_person_with_both_histories() -> None:
    story = Story().then("ada", anonymous_id="phone").then("ada", anonymous_id="laptop")
    story.then("ada", anonymous_id="phone", user_id="ada").then("ada", minutes=90, anonymous_id="laptop", user_id="ada")
    story.then("ada", minutes=90, anonymous_id="laptop").check()


def test_two_users_who_take_turns_on_a_tablet_keep_their_own_events() -> None:
    story = Story().then("ada", anonymous_id="tablet", user_id="ada").then("ada", anonymous_id="tablet")
    story.then("bob", minutes=120, anonymous_id="tablet").then("bob", anonymous_id="tablet", user_id="bob")
    story.then("bob", minutes=90, anonymous_id="tablet").then("ada", minutes=90, anonymous_id="tablet")
    story.then("ada", anonymous_id="tablet", user_id="ada").check()


def test_a_logout_that_changes_the_devices_id_separates_who_comes_after() -> None:
    story = Story().then("ada", anonymous_id="first").then("ada", anonymous_id="first", user_id="ada")
    story.then("bob", anonymous_id="second").then("bob", anonymous_id="second", user_id="bob").check()


def test_after_a_known_logout_the_device_is_nobodys_until_somebody_is_about_to_log_in() -> None:
    story = Story().then("ada", anonymous_id="pc", user_id="ada").then("pc", anonymous_id="pc", event_name="logout")
    story.then("pc", minutes=60, anonymous_id="pc").then("bob", minutes=60, anonymous_id="pc")
    story.then("bob", minutes=20, anonymous_id="pc", user_id="bob").check()


def test_a_chain_of_aliases_is_one_person() -> None:
    story = Story().then("a", user_id="a").then("a", user_id="b").then("a", user_id="c")
    story.alias("a", "b", "a").alias("a", "c", "b").check()


def test_an_alias_the_wrong_way_round_and_before_any_event_joins_as_well() -> None:
    story = Story().alias("ada", "phone", "ada").then("ada", anonymous_id="phone").then("ada", user_id="ada")
    story.check()


def test_two_users_who_alias_the_same_device_stay_two_people() -> None:
    story = Story().then("ada", anonymous_id="pc").alias("ada", "ada", "pc", key_kind="public")
    story.then("ada", anonymous_id="pc", user_id="ada").then("bob", minutes=300, anonymous_id="pc", user_id="bob")
    story.alias("bob", "bob", "pc", key_kind="public").check()


def test_two_users_whom_a_server_aliases_to_one_device_stay_two_people_if_they_logged_in_there() -> None:
    story = Story().then("ada", anonymous_id="pc", user_id="ada").alias("ada", "ada", "pc")
    story.then("bob", minutes=300, anonymous_id="pc", user_id="bob").alias("bob", "bob", "pc").check()


def test_two_users_whom_a_server_aliases_to_one_id_are_one_person_even_if_it_is_a_devices() -> None:
    story = Story().then("ada", user_id="ada").alias("ada", "ada", "crm-7").then("ada", user_id="bob")
    story.alias("ada", "bob", "crm-7").then("ada", minutes=300, anonymous_id="crm-7").check()


def test_an_operator_unlinks_a_user_whom_a_server_aliased_to_a_device() -> None:
    story = Story().then("pc", anonymous_id="pc").then("ada", user_id="ada").then("bob", user_id="bob")
    story.alias("ada", "ada", "pc").alias("bob", "bob", "pc")
    assert story.people() == {"ada"}
    assert story.people([Edit(number=1, kind=EditKind.UNLINK, ids=("pc", "bob"))]) == {"ada", "bob"}


def test_what_was_anonymous_by_choice_stays_so_after_consent() -> None:
    day: dict[str, Any] = {"anonymous_id": "of-the-day", "id_source": "day", "consent": "anonymous"}
    Story().then("of-the-day", **day).then("ada", anonymous_id="pc").then(
        "ada", anonymous_id="pc", user_id="ada"
    ).check()


def test_pseudonyms_of_two_keys_that_a_server_links_are_one_person() -> None:
    story = Story().then("p1_ada", user_id="p1_ada").then("p1_ada", anonymous_id="pc", user_id="p2_ada")
    story.alias("p1_ada", "p2_ada", "p1_ada").then("p1_ada", anonymous_id="pc").check()


def test_history_that_is_imported_after_the_login_is_the_users() -> None:
    story = Story().then("ada", anonymous_id="pc").then("ada", anonymous_id="pc", user_id="ada")
    story.events.append(event("imported", START - timedelta(days=400), anonymous_id="pc", key_kind="import"))
    story.whose["eimported"] = "ada"
    story.check()


def test_server_events_with_a_user_alone_are_the_users() -> None:
    story = Story().then("ada", anonymous_id="pc").then("ada", anonymous_id="pc", user_id="ada")
    story.then("ada", user_id="ada", key_kind="server").check()


def test_words_for_nobody_join_nobody() -> None:
    story = Story()
    for device in ("a", "b", "c"):
        story.then(device, anonymous_id=device, user_id="guest").then(device, anonymous_id=device, user_id="null")
    story.check()


def test_a_site_may_name_further_words_for_nobody() -> None:
    story = Story(Rules(protected_ids=frozenset(["demo-user"])))
    story.then("a", anonymous_id="a", user_id="Demo-User").then("b", anonymous_id="b", user_id="demo-user").check()


def test_a_till_with_thirty_customers_belongs_to_none_of_them() -> None:
    story = Story()
    for number in range(30):
        story.then("till", minutes=60, anonymous_id="till")
        story.then(f"customer{number}", anonymous_id="till", user_id=f"customer{number}")
    story.check()


def test_support_that_logs_in_as_customers_becomes_none_of_them() -> None:
    story = Story().then("admin", anonymous_id="desk", user_id="admin")
    for number in range(8):
        story.then(f"customer{number}", minutes=60, anonymous_id="desk", user_id=f"customer{number}")
    story.then("admin", minutes=60, anonymous_id="desk", user_id="admin").then("admin", anonymous_id="desk").check()


def test_an_office_behind_one_address_is_not_one_person() -> None:
    day: dict[str, Any] = {"anonymous_id": "office", "id_source": "day"}
    Story().then("office", **day).then("ada", **day, user_id="ada").then("bob", **day, user_id="bob").then(
        "office", **day
    ).check()


def test_a_page_read_offline_that_arrives_last_is_still_from_before_the_login() -> None:
    story = Story().then("ada", anonymous_id="pc").then("ada", anonymous_id="pc", user_id="ada")
    story.events = [story.events[1], story.events[0]]
    story.check()


def test_the_half_hour_before_somebody_elses_login_is_theirs() -> None:
    story = Story().then("ada", anonymous_id="tablet", user_id="ada").then("ada", minutes=10, anonymous_id="tablet")
    story.then("bob", minutes=10, anonymous_id="tablet").then("bob", minutes=30, anonymous_id="tablet", user_id="bob")
    story.check()


def test_a_tracker_that_says_the_user_once_attributes_all_that_follows() -> None:
    story = Story().then("ada", anonymous_id="pc", user_id="ada")
    for _ in range(4):
        story.then("ada", minutes=60 * 24, anonymous_id="pc")
    story.check()


def test_two_devices_that_an_alias_joins_share_a_login() -> None:
    story = Story().then("ada", anonymous_id="old").then("ada", anonymous_id="new")
    story.then("ada", event_type="alias", anonymous_id="new", previous_id="old")
    story.then("ada", minutes=60, anonymous_id="new", user_id="ada").then("ada", anonymous_id="old").check()


def test_a_placeholder_on_no_list_that_is_an_alias_of_many_joins_none_of_them() -> None:
    story = Story()
    for number in range(30):
        story.then(f"u{number}", user_id=f"u{number}").alias(f"u{number}", f"u{number}", "n.n.")
    story.check()


def test_a_public_key_cannot_make_one_person_of_two_users() -> None:
    story = Story().then("ada", user_id="ada").then("eve", user_id="eve")
    story.alias("eve", "eve", "ada", key_kind="public").check()


@pytest.mark.parametrize("kind", [EditKind.MERGE, EditKind.LINK])
def test_what_an_operator_joined_by_mistake_is_taken_back_to_the_last_event(kind: EditKind) -> None:
    story = Story().then("phone", anonymous_id="phone").then("ada", user_id="ada").then("bob", user_id="bob")
    ids = ("ada", "bob") if kind is EditKind.MERGE else ("phone", "ada")
    edit = Edit(number=1, kind=kind, ids=ids, at=START)
    assert len(story.people([edit])) == 2
    story.check([edit, Edit(number=2, kind=EditKind.UNDO, undoes=1)])


def test_an_operator_splits_what_an_alias_joined_and_may_join_it_again() -> None:
    story = Story().then("a", user_id="a").then("a", user_id="b").alias("a", "a", "b")
    split = Edit(number=1, kind=EditKind.SPLIT, ids=("b",))
    assert story.people([split]) == {"a", "b"}
    assert story.people([split, Edit(number=2, kind=EditKind.MERGE, ids=("a", "b"))]) == {"a"}


def test_an_operator_unlinks_a_login_on_somebody_elses_device() -> None:
    story = Story().then("pc", anonymous_id="pc").then("eve", anonymous_id="pc", user_id="eve")
    assert story.people([Edit(number=1, kind=EditKind.UNLINK, ids=("pc", "eve"))]) == {"pc", "eve"}


def test_a_person_of_too_many_ids_falls_apart_and_is_reported() -> None:
    story = Story(Rules(limits=Limits(ids=3)))
    for user, other in (("a", "b"), ("b", "c"), ("c", "d")):
        story.then(user, user_id=user).alias(user, user, other)
    people = resolved(story.events, [], story.rules)
    assert [(problem.kind, problem.id, problem.count) for problem in people.problems] == [("too many ids", "a", 4)]
    story.check()
