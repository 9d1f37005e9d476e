"""What counts as something that a visitor did, in every protocol: the rest ends no bounce."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.border import (
    Border,
    ga4,
    jitsu,
    matomo,
    plain,
    plausible,
    posthog,
    segment,
    self_describing,
    snowplow,
    umami,
)

Sent = tuple[str, object]
SNOWPLOW = "com.snowplowanalytics.snowplow"


@pytest.fixture
def border() -> Border:
    return Border()


@pytest.mark.parametrize(
    "name",
    [
        *("$pageleave", "$web_vitals", "$feature_flag_called", "$exception", "$dead_click", "$opt_in", "$heatmap"),
        *("$identify", "$set", "$create_alias", "$groupidentify", "survey shown", "Application Backgrounded"),
    ],
)
async def test_what_posthog_tells_by_itself_ends_no_bounce(border: Border, name: str) -> None:
    event = await border.send_one(*posthog(name, {"alias": "x", "$group_type": "company", "$group_key": "acme"}))
    assert event["interactive"] is False


@pytest.mark.parametrize("name", ["$pageview", "$screen", "$autocapture", "$rageclick", "survey sent", "signup"])
async def test_what_somebody_does_in_posthog_does(border: Border, name: str) -> None:
    assert (await border.send_one(*posthog(name)))["interactive"] is True


@pytest.mark.parametrize("stated", [False, "false", 0, "0"])
@pytest.mark.parametrize("parameter", ["i", "interactive"])
async def test_an_event_that_plausible_is_told_not_to_count_ends_no_bounce(
    border: Border, parameter: str, stated: object
) -> None:
    assert (await border.send_one(*plausible("Banner", **{parameter: stated})))["interactive"] is False
    assert (await border.send_one(*plausible("Banner")))["interactive"] is True
    assert (await border.send_one(*plausible("Banner", **{parameter: True})))["interactive"] is True


async def test_agreeing_to_the_banner_and_a_missing_page_end_no_bounce(border: Border) -> None:
    names = ["page_view", "consent", "not_found", "page_ping", "outbound_link", "form_submit"]
    events = await border.send("/api/events", [{"name": name, "tracker": "t-1"} for name in names])
    assert [event["interactive"] for event in events] == [True, False, False, False, True, True]


BY_THEMSELVES: dict[str, Sent] = {
    "plausible engagement": plausible("engagement", e=1000),
    "plausible 404": plausible("404"),
    "umami performance": ("/api/send", {"type": "performance", "payload": {"website": "shop-web", "lcp": 3}}),
    "umami error": ("/api/send", {"type": "error", "payload": {"website": "shop-web", "name": "TypeError"}}),
    "umami identify": ("/api/send", {"type": "identify", "payload": {"website": "shop-web", "id": "u1"}}),
    "matomo ping": matomo(ping="1"),
    "matomo impression": matomo(c_n="Banner"),
    "matomo crash": matomo(ca="1", cra="TypeError"),
    "segment identify": ("/v1/identify", {"userId": "u1"}),
    "segment alias": ("/v1/alias", {"userId": "u1", "previousId": "d1"}),
    "segment group": ("/v1/group", {"userId": "u1", "groupId": "acme"}),
    "segment installed": segment("Application Installed"),
    "segment consent": segment("Segment Consent Preference Updated"),
    "jitsu identify": ("/api/s/identify", {"userId": "u1"}),
    "ga4 engagement": ga4("user_engagement"),
    "ga4 session": ga4("session_start"),
    "ga4 exception": ga4("exception"),
    "ga4 vitals": ga4("LCP"),
    "snowplow ping": snowplow("pp"),
    "snowplow vitals": self_describing(f"{SNOWPLOW}/web_vitals", {"lcp": 3}),
    "snowplow error": self_describing(f"{SNOWPLOW}/application_error", {"message": "x"}),
    "snowplow consent": self_describing(f"{SNOWPLOW}/consent_preferences", {"eventType": "allow_all"}),
    "snowplow media": self_describing(f"{SNOWPLOW}.media/ping_event", {}),
    "plain web vitals": plain("web-vitals"),
    "plain not found": plain("Page Not Found"),
}


@pytest.mark.parametrize("sent", BY_THEMSELVES.values(), ids=BY_THEMSELVES.keys())
async def test_what_happens_by_itself_ends_no_bounce_in_any_protocol(border: Border, sent: Sent) -> None:
    assert (await border.send_one(*sent))["interactive"] is False


DEEDS: dict[str, Sent] = {
    "plausible": plausible("pageview"),
    "umami": umami("signup"),
    "umami view": ("/api/send", {"type": "event", "payload": {"website": "shop-web", "url": "/"}}),
    "matomo view": matomo(),
    "matomo interaction": matomo(c_n="Banner", c_i="click"),
    "matomo event": matomo(e_c="video", e_a="play"),
    "segment": segment("Signed Up"),
    "segment page": ("/v1/page", {"anonymousId": "d1"}),
    "segment screen": ("/v1/screen", {"anonymousId": "d1", "name": "Home"}),
    "ga4": ga4("page_view"),
    "ga4 click": ga4("click"),
    "snowplow": snowplow("pv"),
    "snowplow structured": snowplow("se", se_ca="shop", se_ac="search"),
    "snowplow link": self_describing(f"{SNOWPLOW}/link_click", {"targetUrl": "https://x.example/"}),
    "somebody else's schema": self_describing("com.acme/web_vitals_quiz", {}),
}


@pytest.mark.parametrize("sent", DEEDS.values(), ids=DEEDS.keys())
async def test_what_a_visitor_does_is_an_interaction_in_any_protocol(border: Border, sent: Sent) -> None:
    assert (await border.send_one(*sent))["interactive"] is True


STATED: dict[str, dict[str, Any]] = {
    "segment": {"nonInteraction": True},
    "segment as number": {"nonInteraction": 1},
    "gtag": {"non_interaction": True},
    "gtag as text": {"non_interaction": "true"},
    "universal analytics": {"ni": "1"},
    "own": {"interactive": False},
}


@pytest.mark.parametrize("build", [plain, segment, jitsu, posthog, ga4, plausible, umami])
@pytest.mark.parametrize("stated", STATED.values(), ids=STATED.keys())
async def test_a_client_that_calls_its_event_no_interaction_is_believed(
    border: Border, build: Any, stated: dict[str, Any]
) -> None:
    assert (await border.send_one(*build("Promo shown", stated)))["interactive"] is False
    (name,) = stated
    turned = {name: not stated[name]} if isinstance(stated[name], bool) else {name: 0}
    assert (await border.send_one(*build("Promo shown", turned)))["interactive"] is True


async def test_a_client_cannot_call_reading_time_an_interaction(border: Border) -> None:
    for sent in (
        plain("page_ping", interactive=True),
        plain("identify", interactive=True),
        plausible("engagement", i=True),
    ):
        assert (await border.send_one(*sent))["interactive"] is False


async def test_the_own_protocol_has_a_field_for_it(border: Border) -> None:
    assert (await border.send_one(*plain("Banner", interactive=False)))["interactive"] is False
    assert (await border.send_one("/api/pixel.gif?name=opened&interactive=0"))["interactive"] is False
