"""Visitors who agree on the site: their anonymous views are found by the id of the day, and nobody else's are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.functional.border import NOW, SITE, Border

AGREED = {"name": "consent", "consent": "full", "anonymous_id": "device", "session_id": "visit"}
VIEW = {"name": "page_view", "page_url": "https://shop.example/"}


async def sent(border: Border, event: object, **more: Any) -> dict[str, Any]:
    (stored,) = await border.send("api/events", event, **more)
    return stored


async def test_who_agrees_takes_the_id_of_the_day_along() -> None:
    border = Border()
    view = await sent(border, {**VIEW, "consent": "anonymous"})
    agreed = await sent(border, {**AGREED, "properties": {"page_view_id": view["event_id"]}})
    assert view["id_source"] == "day" and view["anonymous_id"]
    assert (agreed["anonymous_id"], agreed["previous_id"]) == ("device", view["anonymous_id"])
    assert agreed["properties"] == {"page_view_id": view["event_id"]}


@pytest.mark.parametrize("elsewhere", [{"address": "198.51.100.8"}, {"agent": "another"}], ids=["address", "agent"])
async def test_nobody_takes_over_the_id_of_another(elsewhere: dict[str, str]) -> None:
    border = Border()
    theirs = await sent(border, {**VIEW, "consent": "anonymous"})
    words = {"ip": "198.51.100.7", "user_agent": theirs["user_agent"], "context": {"ip": "198.51.100.7"}}
    agreed = await sent(border, {**AGREED, **words}, **elsewhere)
    assert agreed["previous_id"] not in (None, theirs["anonymous_id"])


@pytest.mark.parametrize("choice", ["denied", "anonymous"])
async def test_who_refuses_or_takes_consent_back_is_joined_to_nothing(choice: str) -> None:
    refused = await sent(Border(), {**AGREED, "consent": choice})
    assert refused.get("previous_id") is None


@pytest.mark.parametrize("signal", ["sec_gpc", "dnt", "sp_anonymous"])
async def test_a_browser_that_objects_is_joined_to_nothing_whatever_a_banner_says(signal: str) -> None:
    agreed = await sent(Border(), AGREED, **{signal: "1"})
    assert (agreed["consent"], agreed.get("previous_id")) == ("anonymous", None)


@pytest.mark.parametrize(
    "event",
    [
        {**AGREED, "name": "consented"},
        {**AGREED, "consent": None},
        {**AGREED, "anonymous_id": None},
        {**VIEW, "consent": "full", "anonymous_id": "device"},
        {**AGREED, "properties": {"page_view_id": None}},
        {**AGREED, "created_at": (NOW - timedelta(hours=2)).isoformat(), "sent_at": NOW.isoformat()},
    ],
    ids=[
        "another event",
        "a choice not stated",
        "nobody who agrees",
        "a view",
        "no view before",
        "told hours later, maybe elsewhere",
    ],
)
async def test_no_other_event_takes_the_id_of_the_day_along(event: dict[str, Any]) -> None:
    assert (await sent(Border(), event)).get("previous_id") is None


async def test_an_id_that_the_client_states_goes_before() -> None:
    agreed = await sent(Border(), {**AGREED, "previous_id": "before"})
    assert agreed["previous_id"] == "before"


async def test_an_agreement_that_is_sent_again_from_another_network_is_still_one_event() -> None:
    border = Border()
    first = await sent(border, {**AGREED, "event_id": "one"})
    again = await sent(border, {**AGREED, "event_id": "one"}, address="203.0.113.9")
    assert first["previous_id"] != again["previous_id"]
    assert first["fingerprint"] == again["fingerprint"]


async def test_a_site_that_pseudonymises_persons_finds_the_views_all_the_same() -> None:
    border = Border(SITE + "privacy: {user_ids: pseudonymize}\n")
    view = await sent(border, {**VIEW, "consent": "anonymous"})
    assert (await sent(border, AGREED))["previous_id"] == view["anonymous_id"]


async def test_a_server_that_speaks_for_a_device_means_the_address_of_that_device() -> None:
    border = Border()
    device = {"ip": "198.51.100.9", "user_agent": "a phone"}
    view = await sent(border, {**VIEW, **device, "consent": "anonymous"}, key="shop-server")
    agreed = await sent(border, {**AGREED, **device}, key="shop-server")
    assert agreed["previous_id"] == view["anonymous_id"] is not None
    assert (await sent(border, AGREED, key="shop-server")).get("previous_id") is None


async def test_who_opts_in_by_posthog_takes_the_id_of_the_day_along() -> None:
    border = Border()
    properties = {"distinct_id": "$posthog_cookieless", "$device_id": "$posthog_cookieless", "$cookieless_mode": True}
    (view,) = await border.send("batch", {"event": "$pageview", "properties": properties})
    known = {"distinct_id": "device", "$device_id": "device", "$is_identified": False}
    (agreed,) = await border.send("batch", {"event": "$opt_in", "properties": known})
    assert (agreed["anonymous_id"], agreed["previous_id"]) == ("device", view["anonymous_id"])


async def test_who_agrees_in_segments_wrapper_takes_the_id_of_the_day_along() -> None:
    border = Border(SITE + "privacy: {unknown_consent: anonymous}\n")
    (view,) = await border.send("v1/page", {"anonymousId": "device", "properties": {"url": VIEW["page_url"]}})
    choice = {"consent": {"categoryPreferences": {"Analytics": True}}}
    told = {"anonymousId": "device", "event": "Segment Consent Preference Updated", "context": choice}
    (agreed,) = await border.send("v1/track", told)
    assert view["id_source"] == "day"
    assert (agreed["anonymous_id"], agreed["previous_id"]) == ("device", view["anonymous_id"])


async def test_who_grants_consent_by_snowplow_takes_the_id_of_the_day_along() -> None:
    border = Border()
    (view,) = await border.send("i?e=pv&url=https%3A%2F%2Fshop.example%2F&p=web&tv=js-3", sp_anonymous="*")
    granted = (
        '{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":'
        '"iglu:com.snowplowanalytics.snowplow/consent_granted/jsonschema/1-0-0","data":{"expiry":"2027-01-01"}}}'
    )
    event = {"e": "ue", "p": "web", "tv": "js-3", "duid": "device", "ue_pr": granted}
    payload = {"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [event]}
    (agreed,) = await border.send("com.snowplowanalytics.snowplow/tp2", payload)
    assert (agreed["anonymous_id"], agreed["previous_id"]) == ("device", view["anonymous_id"])
