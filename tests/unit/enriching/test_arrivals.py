"""Where visits come from, in cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from clickstream.enriching.arrivals import Arrival, Traffic, traffic
from clickstream.enriching.sources import packaged, read_sources
from clickstream.enriching.unusable import Unusable
from clickstream.sites.document import Site, parse_site

KNOWN = read_sources()
# Hosts of Matomo's list of search engines, social networks and AI assistants (public domain), by the channel they have.
PEERS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "listed_hosts.yaml").read_text())
NOTHING = Traffic()


def arrival(**fields: str) -> Arrival:
    return Arrival(**{"event_type": "page_view", "page_host": "shop.example", **fields})


def site(rules: str = "") -> Site:
    return parse_site(b"site: shop\nkeys: [{kind: public, key: shop}]\n" + rules.encode(), expected="shop")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("www.google.com", ("Google", "organic", "Organic Search")),
        ("www.google.co.uk", ("Google", "organic", "Organic Search")),
        ("google.com.au", ("Google", "organic", "Organic Search")),
        ("com.google.android.googlequicksearchbox", ("Google", "organic", "Organic Search")),
        ("mail.google.com", ("Gmail", "email", "Email")),
        ("gemini.google.com", ("Gemini", "ai", "AI Assistants")),
        ("chatgpt.com", ("ChatGPT", "ai", "AI Assistants")),
        ("www.perplexity.ai", ("Perplexity", "ai", "AI Assistants")),
        ("copilot.microsoft.com", ("Microsoft Copilot", "ai", "AI Assistants")),
        ("duckduckgo.com", ("DuckDuckGo", "organic", "Organic Search")),
        ("duck.ai", ("Duck.ai", "ai", "AI Assistants")),
        ("m.facebook.com", ("Facebook", "social", "Organic Social")),
        ("l.instagram.com", ("Instagram", "social", "Organic Social")),
        ("t.co", ("X", "social", "Organic Social")),
        ("www.youtube.com", ("YouTube", "video", "Organic Video")),
        ("www.amazon.de", ("Amazon", "referral", "Organic Shopping")),
        ("www.awin1.com", ("AWIN", "referral", "Affiliates")),
        ("www.blog.example", ("blog.example", "referral", "Referral")),
        ("notgoogle.example", ("notgoogle.example", "referral", "Referral")),
        ("google.example.com", ("google.example.com", "referral", "Referral")),
        ("shop.example", ("shop.example", "internal", "Internal")),
        ("www.shop.example", ("www.shop.example", "internal", "Internal")),
        ("[2001:db8::1]", ("[2001:db8::1]", "referral", "Referral")),
        ("..", ("..", "referral", "Referral")),
    ],
)
def test_a_referring_host_names_a_source(host: str, expected: tuple[str, str, str]) -> None:
    assert traffic(arrival(referrer_host=host), KNOWN, None) == Traffic(*expected)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"utm_source": "google", "utm_medium": "cpc"}, ("Google", "cpc", "Paid Search")),
        ({"utm_source": "Google", "utm_medium": "CPM"}, ("Google", "cpm", "Paid Search")),
        ({"utm_source": "fb", "utm_medium": "paid_social"}, ("Facebook", "paid_social", "Paid Social")),
        ({"utm_source": "fb"}, ("Facebook", "social", "Organic Social")),
        ({"utm_source": "youtube", "utm_medium": "cpv"}, ("YouTube", "cpv", "Paid Video")),
        ({"utm_source": "youtube", "utm_medium": "cpc"}, ("YouTube", "cpc", "Paid Video")),
        ({"utm_source": "amazon", "utm_medium": "ppc"}, ("Amazon", "ppc", "Paid Shopping")),
        ({"utm_source": "somebody", "utm_medium": "retargeting"}, ("somebody", "retargeting", "Paid Other")),
        ({"utm_source": "somebody", "utm_medium": "cpm"}, ("somebody", "cpm", "Display")),
        ({"utm_source": "somebody", "utm_medium": "banner"}, ("somebody", "banner", "Display")),
        ({"utm_source": "Spring", "utm_medium": "E-Mail"}, ("spring", "e-mail", "Email")),
        ({"utm_source": "newsletter"}, ("Newsletter", "email", "Email")),
        ({"utm_source": "facebook", "utm_medium": "email"}, ("Facebook", "email", "Email")),
        ({"utm_source": "partner", "utm_medium": "affiliate"}, ("partner", "affiliate", "Affiliates")),
        ({"utm_source": "app", "utm_medium": "web-push"}, ("app", "web-push", "Mobile Push Notifications")),
        ({"utm_source": "app", "utm_medium": "sms"}, ("app", "sms", "SMS")),
        ({"utm_source": "show", "utm_medium": "podcast"}, ("show", "podcast", "Audio")),
        ({"utm_source": "forum", "utm_medium": "social"}, ("forum", "social", "Organic Social")),
        ({"utm_source": "friend", "utm_medium": "referral"}, ("friend", "referral", "Referral")),
        ({"utm_source": "friend"}, ("friend", "(not set)", "Unassigned")),
        ({"utm_source": "chatgpt.com"}, ("ChatGPT", "ai", "AI Assistants")),
        ({"utm_medium": "cpc", "referrer_host": "www.bing.com"}, ("Bing", "cpc", "Paid Search")),
        ({"utm_medium": "cpc"}, ("(not set)", "cpc", "Paid Other")),
        ({"utm_source": "fb", "referrer_host": "shop.example"}, ("Facebook", "social", "Organic Social")),
        ({"utm_source": "Facebook_Mobile_Feed", "utm_medium": "paid"}, ("Facebook", "paid", "Paid Social")),
        ({"utm_source": "Instagram_Stories", "utm_medium": "cpc"}, ("Instagram", "cpc", "Paid Social")),
        ({"utm_source": "msg", "utm_medium": "paid"}, ("Messenger", "paid", "Paid Social")),
        ({"click_id": "gclid", "referrer_host": "www.google.com"}, ("Google", "cpc", "Paid Search")),
        ({"click_id": "msclkid"}, ("Bing", "cpc", "Paid Search")),
        ({"click_id": "fbclid"}, ("Facebook", "social", "Organic Social")),
        ({"click_id": "dclid"}, ("Google Display Network", "display", "Display")),
        ({"click_id": "gclid", "utm_source": "fb", "utm_medium": "social"}, ("Facebook", "social", "Organic Social")),
        ({"click_id": "unheard", "referrer_host": "bing.com"}, ("Bing", "organic", "Organic Search")),
        ({}, ("(direct)", "(none)", "Direct")),
    ],
)
def test_a_campaign_counts_before_the_referrer(fields: dict[str, str], expected: tuple[str, str, str]) -> None:
    assert traffic(arrival(**fields), KNOWN, None) == Traffic(*expected)


def test_an_event_on_no_page_is_no_arrival_but_a_view_is() -> None:
    assert traffic(Arrival("identify"), KNOWN, None) == NOTHING
    assert traffic(Arrival("page_view"), KNOWN, None).channel == "Direct"
    assert traffic(Arrival("custom", utm_source="fb"), KNOWN, None).source == "Facebook"


@pytest.mark.parametrize(
    "host",
    [
        *("accounts.google.com", "docs.google.com", "classroom.google.com", "translate.google.com", "drive.google.de"),
        *("console.cloud.google.com", "photos.google.com", "calendar.google.com", "sites.google.com"),
        *("google.cloud", "google.dev", "yandex.cloud", "amazon.jobs", "startpage.shop"),
        *("login.yahoo.com", "finance.yahoo.com", "passport.yandex.ru", "disk.yandex.com", "login.aol.com"),
        *("aws.amazon.com", "console.aws.amazon.com", "sellercentral.amazon.de", "accounts.shopify.com"),
        *("passport.baidu.com", "pan.baidu.com", "nid.naver.com", "blog.naver.com", "logins.daum.net"),
        *("login.microsoftonline.com", "login.live.com", "appleid.apple.com", "admin.shopify.com"),
    ],
)
def test_coming_back_from_a_sign_in_or_a_document_of_a_search_company_is_no_search(host: str) -> None:
    assert traffic(arrival(referrer_host=host), KNOWN, None) == Traffic(host, "referral", "Referral")


@pytest.mark.parametrize(
    ("host", "channel"),
    [(host, channel) for channel, hosts in PEERS["same"].items() for host in hosts]
    + [(row["host"], row["channel"]) for row in PEERS["otherwise"]],
)
def test_each_host_of_a_public_list_has_its_channel_or_another_for_a_reason(host: str, channel: str) -> None:
    assert traffic(arrival(referrer_host=host), KNOWN, None).channel == channel


# The rules of Google Analytics' default channel group, one line each: what is stated, and the channel.
DEFAULT_CHANNEL_GROUP: list[tuple[str, str, str, str]] = [
    ("(direct)", "(none)", "", "Direct"),
    ("(direct)", "(not set)", "", "Direct"),
    ("google", "cpc", "x cross-network y", "Cross-network"),
    ("ebay", "ppc", "", "Paid Shopping"),
    ("google", "cpc", "summer-shop", "Paid Shopping"),
    ("somebody", "paid", "shopping week", "Paid Shopping"),
    ("google", "cpc", "workshop", "Paid Search"),
    ("bing", "retargeting", "", "Paid Search"),
    ("facebook", "paid-social", "", "Paid Social"),
    ("youtube", "cpv-cpc", "", "Paid Video"),
    *(("somebody", medium, "", "Display") for medium in ("display", "banner", "expandable", "interstitial", "cpm")),
    ("somebody", "ppc", "", "Paid Other"),
    ("etsy", "", "", "Organic Shopping"),
    ("somebody", "", "eshop", "Organic Shopping"),
    ("facebook", "", "", "Organic Social"),
    *(
        ("somebody", medium, "", "Organic Social")
        for medium in ("social", "social-network", "social-media", "sm", "social network", "social media")
    ),
    ("vimeo", "", "", "Organic Video"),
    ("somebody", "my-video-ads", "", "Organic Video"),
    ("duckduckgo", "", "", "Organic Search"),
    ("somebody", "organic", "", "Organic Search"),
    *((word, "", "", "Email") for word in ("email", "e-mail", "e_mail", "e mail")),
    *(("somebody", word, "", "Email") for word in ("email", "e-mail", "e_mail", "e mail")),
    ("somebody", "affiliate", "", "Affiliates"),
    *(("somebody", medium, "", "Referral") for medium in ("referral", "app", "link")),
    ("somebody", "audio", "", "Audio"),
    ("somebody", "sms", "", "SMS"),
    ("sms", "", "", "SMS"),
    ("somebody", "web-push", "", "Mobile Push Notifications"),
    ("somebody", "in-mobile-app", "", "Mobile Push Notifications"),
    ("somebody", "a notification", "", "Mobile Push Notifications"),
    ("firebase", "", "", "Mobile Push Notifications"),
]


@pytest.mark.parametrize(("source", "medium", "campaign", "expected"), DEFAULT_CHANNEL_GROUP)
def test_campaigns_have_the_channels_of_the_default_channel_group(
    source: str, medium: str, campaign: str, expected: str
) -> None:
    stated = arrival(utm_source=source, utm_medium=medium, utm_campaign=campaign)
    assert traffic(stated, KNOWN, None).channel == expected


@pytest.mark.parametrize("source", ["(direct)", "direct", "Direct "])
@pytest.mark.parametrize("medium", ["(none)", "(not set)", "none", "", "(None)"])
def test_a_link_that_carries_on_another_tools_direct_is_direct(source: str, medium: str) -> None:
    stated = arrival(utm_source=source, utm_medium=medium)
    assert traffic(stated, KNOWN, None) == Traffic("(direct)", "(none)", "Direct")
    assert traffic(arrival(utm_source=source, utm_medium="cpc"), KNOWN, None).channel == "Paid Other"
    assert traffic(replace(stated, click_id="gclid"), KNOWN, None).channel != "Direct"


def test_hosts_that_the_site_calls_its_own_are_internal() -> None:
    rules = site("internal_hosts: ['*.shop.test']\n")
    assert traffic(arrival(referrer_host="pay.shop.test"), KNOWN, rules).channel == "Internal"
    assert traffic(arrival(referrer_host="shop.test"), KNOWN, rules).channel == "Referral"


def test_a_sites_rules_come_first_and_each_says_what_those_before_it_left_out() -> None:
    rules = site(
        """sources:
- {when: {host: www.google.com, utm_campaign: 'brand-*'}, channel: Brand Search}
- {when: {host: www.google.com}, source: Our Google, channel: Never}
- {when: {utm_source: partner, utm_medium: '*'}, source: Partner, medium: affiliate, channel: Affiliates}
- {when: {click_id: GCLID}, medium: ads}
"""
    )
    google = arrival(referrer_host="www.google.com", utm_campaign="Brand-May")
    assert traffic(google, KNOWN, rules) == Traffic("Our Google", "organic", "Brand Search")
    assert traffic(arrival(referrer_host="www.google.com"), KNOWN, rules) == Traffic("Our Google", "organic", "Never")
    partner = arrival(utm_source="PARTNER", utm_medium="x")
    assert traffic(partner, KNOWN, rules) == Traffic("Partner", "affiliate", "Affiliates")
    assert traffic(arrival(utm_source="partner"), KNOWN, rules).source == "partner"
    assert traffic(arrival(click_id="gclid"), KNOWN, rules) == Traffic("Google", "ads", "Paid Search")


def test_an_operators_list_wins_over_the_packaged_one() -> None:
    own = read_sources(
        b"""version: '7'
sources:
- {name: Our Search, kind: search, hosts: [google.*, find.shop.example], names: [ours]}
click_ids: {ourclid: {source: Our Search, medium: cpc}}
"""
    )
    assert traffic(arrival(referrer_host="www.google.fr"), own, None).source == "Our Search"
    assert traffic(arrival(referrer_host="mail.google.com"), own, None).source == "Gmail"
    assert traffic(arrival(click_id="ourclid"), own, None) == Traffic("Our Search", "cpc", "Paid Search")
    assert traffic(arrival(click_id="gclid"), own, None).source == "Google"
    assert own.version != KNOWN.version


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"\xff", "not YAML"),
        (b"[", "not YAML"),
        (b"- a", "valid dictionary"),
        (b"version: '1'\nsources: [{name: A, kind: magic}]", "/sources/0/kind"),
        (b"version: '1'\nsources: [{name: A, kind: ai, hosts: ['https://a.example']}]", "/sources/0/hosts/0"),
        (b"version: '1'\ncolour: red", "/colour"),
    ],
)
def test_a_list_in_another_form_is_refused_with_its_problems(text: bytes, problem: str) -> None:
    with pytest.raises(Unusable, match=problem):
        read_sources(text)


def test_the_packaged_list_names_no_host_and_no_name_twice() -> None:
    sources = packaged().sources
    hosts = [host for source in sources for host in (*source.hosts, *source.sites)]
    names = [name.lower() for source in sources for name in {source.name.lower(), *source.names}]
    assert len(hosts) == len(set(hosts)), sorted(host for host in hosts if hosts.count(host) > 1)
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    assert {click.source for click in packaged().click_ids.values()} <= {source.name for source in sources}
