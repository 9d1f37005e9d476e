"""A person has one pseudonym per key, and nobody without the key can make it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.errors import SettingsError
from clickstream.privacy.pseudonyms import PseudonymKeys, all_pseudonyms, pseudonym, storable_id
from clickstream.settings import Settings

OPERATOR = "0123456789abcdef"
OLD = "the first secret is long"
NEW = "the second secret is long"
FIRST = PseudonymKeys.parse(f"1:{OLD}", OPERATOR)
ROTATED = PseudonymKeys.parse(f"2:{NEW}, 1:{OLD}", OPERATOR)
DERIVED = PseudonymKeys.parse("", OPERATOR)


def test_a_pseudonym_tells_its_key_and_nothing_else() -> None:
    made = pseudonym("user-7", ROTATED)
    assert re.fullmatch(r"p2_[0-9a-f]{32}", made)
    assert made == pseudonym("user-7", ROTATED)
    assert made != pseudonym("user-8", ROTATED)
    assert re.fullmatch(r"p0_[0-9a-f]{32}", pseudonym("user-7", DERIVED))
    assert pseudonym("user-7", DERIVED) != pseudonym("user-7", PseudonymKeys.parse("", OPERATOR + "x"))


def test_after_a_rotation_older_rows_are_still_found() -> None:
    assert all_pseudonyms("user-7", ROTATED) == (
        pseudonym("user-7", ROTATED),
        pseudonym("user-7", FIRST),
        pseudonym("user-7", DERIVED),
    )


@given(st.text(min_size=1))
def test_twice_is_once(user_id: str) -> None:
    made = pseudonym(user_id, ROTATED)
    assert pseudonym(made, ROTATED) == made
    older = pseudonym(user_id, FIRST)
    assert pseudonym(older, ROTATED) == older, "a replay keeps what was made before the rotation"
    assert all_pseudonyms(older, ROTATED) == (older,)


def test_a_version_that_is_unknown_is_an_id_like_any_other() -> None:
    foreign = "p9_" + "0" * 32
    assert pseudonym(foreign, ROTATED).startswith("p2_")


def test_an_email_address_is_one_person_however_it_is_typed() -> None:
    made = pseudonym("jane@canary.example", ROTATED)
    assert pseudonym("  Jane@Canary.EXAMPLE ", ROTATED) == made
    assert pseudonym("User-7", ROTATED) != pseudonym("user-7", ROTATED)


@pytest.mark.parametrize(
    "user_id", ["jane@canary.example", "mailto:jane@canary.example", "jane%40canary.example", "203.0.113.77"]
)
def test_a_site_cannot_keep_what_names_a_person(user_id: str) -> None:
    assert storable_id(user_id, ROTATED, keep=True) == pseudonym(user_id, ROTATED)


def test_a_site_may_keep_other_ids() -> None:
    assert storable_id("user-7", ROTATED, keep=True) == "user-7"
    assert storable_id("user-7", ROTATED, keep=False) == pseudonym("user-7", ROTATED)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("secret", "entry 1 is not"),
        (f"1:{OLD},x", "entry 2 is not"),
        (f"0:{OLD}", "versions from 1"),
        ("1:short-secret", "that of version 1 is short"),
        (f"1:{OLD},2:{NEW}", "2 follows 1"),
        (f"1:{OLD},1:{NEW}", "1 follows 1"),
    ],
)
def test_a_problem_is_told_without_the_secret(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        PseudonymKeys.parse(text, OPERATOR)
    assert "secret" not in str(caught.value).replace("version:secret", "").replace("secrets", "")


def test_keys_are_not_shown() -> None:
    assert OLD not in repr(ROTATED)


def test_keys_that_cannot_be_used_are_a_problem_of_the_settings() -> None:
    env = {"EventHubConnection": "Endpoint=x", "Lake": "AccountName=x", "VISITOR_ID_KEY": OPERATOR}
    assert Settings.from_env(env).pseudonym_keys == ""
    settings = Settings.from_env({**env, "PSEUDONYM_KEYS": f"1:{OLD}"})
    assert OLD not in repr(settings)
    with pytest.raises(SettingsError, match="PSEUDONYM_KEYS must be version:secret pairs"):
        Settings.from_env({**env, "PSEUDONYM_KEYS": OLD})
