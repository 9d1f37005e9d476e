"""Ids that mean nobody: visitors who are not signed in never become one big person."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream.privacy.nobody import NO_PERSON
from clickstream.privacy.pseudonyms import PseudonymKeys, pseudonym
from tests.functional.border import (
    SITE,
    Border,
    ga4,
    jitsu,
    matomo,
    plain,
    posthog,
    segment,
    self_describing,
    snowplow,
    umami,
)

WORDS = [
    *("undefined", "null", "NULL", "None", "nil", "NaN", "[object Object]", "anonymous", "Anonymous", "guest", "GUEST"),
    *("0", "-1", "true", "False", "not_authenticated", "distinct_id", "distinctid", "unknown", "id", "email", "(null)"),
    *(" ", "  undefined ", "\tnull\n", "000", "0000-00-00", "-", "00000000-0000-0000-0000-000000000000"),
]
SOMEBODY = [
    *("nullable", "Nil Armstrong", "guest-42", "undefined@shop.example", "00012", "10", "-12", "anonymous42", "Nona"),
    *("a", "00000000-0000-0000-0000-000000000001", "trueman", "id-1", "0x0", "unknown soldier", "Email Smith"),
]
NAMED = ["user_id"]


@pytest.fixture
def border() -> Border:
    return Border()


def user_of(word: object) -> dict[str, tuple[str, object]]:
    """An event of this user and a device, in each protocol that has users."""
    return {
        "plain": plain("x", anonymous_id="d1", user_id=word),
        "segment": segment("x", userId=word),
        "segment identify": ("/v1/identify", {"anonymousId": "d1", "userId": word}),
        "jitsu": jitsu("x", userId=word),
        "posthog": posthog("x", {"$device_id": "d1", "$is_identified": True}, distinct_id=word),
        "posthog identify": posthog("$identify", {"$device_id": "d1", "$anon_distinct_id": "d1"}, distinct_id=word),
        "ga4": ga4("x", client_id="d1", user_id=word),
        "umami": umami("x", vid="d1", id=word),
        "matomo": matomo(_id="d1", uid=word),
        "snowplow": snowplow("pv", duid="d1", uid=word),
    }


@pytest.mark.parametrize("dialect", user_of("x"))
async def test_a_word_for_nobody_is_no_user_in_any_protocol(border: Border, dialect: str) -> None:
    for word in WORDS:
        event = await border.send_one(*user_of(word)[dialect])
        assert (event.get("user_id"), event["anonymous_id"], event["id_source"]) == (None, "d1", "client"), word
        assert event["context"]["ids_of_nobody"] == NAMED, word
        assert event.get("user_verified") is None


@pytest.mark.parametrize("dialect", user_of("x"))
async def test_somebody_whose_id_only_looks_like_it_stays(border: Border, dialect: str) -> None:
    for word in SOMEBODY:
        event = await border.send_one(*user_of(word)[dialect])
        assert event["user_id"] == word or "@" in word
        assert "ids_of_nobody" not in event["context"]


@pytest.mark.parametrize("dialect", ["plain", "segment", "jitsu", "posthog", "ga4", "umami"])
async def test_a_whole_number_is_the_same_user_with_and_without_a_decimal_point(border: Border, dialect: str) -> None:
    for value in (4711, 4711.0, "4711"):
        event = await border.send_one(*user_of(value)[dialect])
        assert (event["user_id"], "ids_of_nobody" in event["context"]) == ("4711", False), value


@pytest.mark.parametrize("value", [0, -1, False, True, 0.0, -1.0])
@pytest.mark.parametrize("dialect", ["plain", "segment", "jitsu", "posthog", "ga4", "umami"])
async def test_a_value_that_is_no_id_is_none_and_costs_no_event(border: Border, dialect: str, value: object) -> None:
    event = await border.send_one(*user_of(value)[dialect])
    assert (event.get("user_id"), event["context"]["ids_of_nobody"]) == (None, NAMED)


async def test_three_devices_that_identify_as_undefined_are_three_persons(border: Border) -> None:
    def of(device: str, name: str, distinct_id: str, **more: Any) -> dict[str, Any]:
        known = distinct_id != device
        properties = {"distinct_id": distinct_id, "$device_id": device, "$is_identified": known, **more}
        return {"event": name, "properties": properties}

    batch = [
        *(of(device, "$pageview", device) for device in ("dA", "dB", "dC")),
        *(of(device, "$identify", "undefined", **{"$anon_distinct_id": device}) for device in ("dA", "dB", "dC")),
        of("dA", "signup", "undefined"),
        of("dC", "purchase", "undefined"),
    ]
    events = await border.send("/batch", {"api_key": "shop-web", "batch": batch})
    assert {event.get("user_id") for event in events} == {None}
    assert [event["anonymous_id"] for event in events] == ["dA", "dB", "dC", "dA", "dB", "dC", "dA", "dC"]


DEVICES = {
    "plain": plain("x", anonymous_id="undefined"),
    "segment": segment("x", anonymousId="null"),
    "posthog": posthog("x", {"$is_identified": False}, distinct_id="undefined"),
    "ga4": ga4("x", client_id="undefined"),
    "umami": umami("x", vid="null"),
    "matomo": matomo(_id="0000000000000000"),
    "snowplow": snowplow("pv", duid="00000000-0000-0000-0000-000000000000"),
}


@pytest.mark.parametrize("sent", DEVICES.values(), ids=DEVICES.keys())
async def test_devices_without_an_id_are_told_apart_by_address_and_agent(
    border: Border, sent: tuple[str, object]
) -> None:
    events = [await border.send_one(*sent, address=f"198.51.100.{host}") for host in (1, 2, 1)]
    first, second, again = (event["anonymous_id"] for event in events)
    assert first == again != second
    assert {event["id_source"] for event in events} == {"day"}


OTHER_ID = {
    "posthog's device": posthog("x", {"$device_id": "d1", "$is_identified": False}, distinct_id="undefined"),
    "ga4's app": ga4("x", client_id="undefined", app_instance_id="d1"),
    "matomo's other parameter": matomo(cid="0000000000000000", _id="d1"),
    "snowplow's session": self_describing(
        "com.acme/x",
        {},
        [("com.snowplowanalytics.snowplow/client_session", {"userId": "d1", "sessionId": "s1", "sessionIndex": 1})],
        duid="undefined",
    ),
}


@pytest.mark.parametrize("sent", OTHER_ID.values(), ids=OTHER_ID.keys())
async def test_the_device_is_known_where_only_one_of_its_ids_means_nobody(
    border: Border, sent: tuple[str, object]
) -> None:
    assert (await border.send_one(*sent))["anonymous_id"] == "d1"


async def test_a_server_that_knows_nobody_makes_no_visitor_of_it(border: Border) -> None:
    event = await border.send_one(*segment("Invoice Paid", userId="None", anonymousId=None), key="shop-server")
    assert (event.get("user_id"), event.get("anonymous_id"), event["id_source"]) == (None, None, "none")


ALIASES = {
    "plain": plain("alias", user_id="u1", previous_id="anonymous"),
    "segment": ("/v1/alias", {"userId": "u1", "previousId": "undefined"}),
    "posthog": posthog("$create_alias", {"alias": "null"}, distinct_id="u1"),
    "posthog identify": posthog("$identify", {"$anon_distinct_id": "guest"}, distinct_id="u1"),
}


@pytest.mark.parametrize("sent", ALIASES.values(), ids=ALIASES.keys())
async def test_nobody_is_joined_to_nobody(border: Border, sent: tuple[str, object]) -> None:
    event = await border.send_one(*sent)
    assert (event["user_id"], event.get("previous_id")) == ("u1", None)
    assert "previous_id" in event["context"]["ids_of_nobody"]


async def test_groups_and_visits_without_an_id_are_none_but_a_group_may_be_called_default(border: Border) -> None:
    event = await border.send_one(*plain("x", group_id="undefined", session_id="null"))
    assert (event.get("group_id"), event.get("session_id")) == (None, None)
    assert event["context"]["ids_of_nobody"] == ["group_id", "session_id"]
    assert (await border.send_one(*plain("x", group_id="default")))["group_id"] == "default"


async def test_a_pseudonym_of_a_word_for_nobody_is_nobody_too() -> None:
    settings = {"PSEUDONYM_KEYS": "2:the second secret!,1:the first secret!!"}
    border = Border(f"{SITE}privacy: {{user_ids: pseudonymize}}\n", settings)
    keys = PseudonymKeys.parse(settings["PSEUDONYM_KEYS"], "0123456789abcdef")
    for word in (
        "undefined",
        "Guest",
        "[object Object]",
        "00000000-0000-0000-0000-000000000000",
        *filter(None, sorted(NO_PERSON)[:9]),
    ):
        for key in keys.keys:
            made = pseudonym(word, PseudonymKeys((key,)))
            assert (await border.send_one(*plain("x", user_id=made))).get("user_id") is None, (word, made)
        assert (await border.send_one(*plain("x", user_id=word))).get("user_id") is None
    assert (await border.send_one(*plain("x", user_id="ada")))["user_id"].startswith("p2_")


async def test_what_the_client_says_of_the_circumstances_stays_beside_the_name_of_the_id(border: Border) -> None:
    event = await border.send_one(*plain("x", user_id="guest", context={"app": "shop"}))
    assert event["context"] == {"app": "shop", "ids_of_nobody": NAMED}
