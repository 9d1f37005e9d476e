"""Whose preflights the platform refuses, as far as requests and documents tell."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from clickstream.settings import Settings
from clickstream.sites.preflights import MOST_REMEMBERED, Preflights, advice

REQUIRED = {"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"}
FLEX = {"WEBSITE_SKU": "FlexConsumption"}
SHOP = "https://www.shop.example"


def preflights(env: Mapping[str, str], **settings: str) -> Preflights:
    return Preflights.of(Settings.from_env({**REQUIRED, **settings}), env)


@pytest.mark.parametrize(
    ("env", "settings"),
    [(FLEX, {}), (FLEX, {"ALLOWED_ORIGINS": "https://other.example"}), ({}, {"ALLOWED_ORIGINS": "https://a.example"})],
    ids=["flex without a list", "flex with others", "another plan with others"],
)
def test_a_page_that_is_not_listed_is_told_of(env: Mapping[str, str], settings: Mapping[str, str]) -> None:
    asked = preflights(env, **settings)
    assert asked.unlisted_origin("shop", {"origin": SHOP}) == SHOP
    assert asked.unlisted({"shop": []}) == {"shop": [SHOP]}


@pytest.mark.parametrize(
    ("env", "settings"),
    [({}, {}), (FLEX, {"ALLOWED_ORIGINS": f"https://other.example,{SHOP}"}), (FLEX, {"ROLE": "lake"})],
    ids=["the app answers", "listed", "no page sends to this app"],
)
def test_nothing_is_told_where_nothing_is_wrong(env: Mapping[str, str], settings: Mapping[str, str]) -> None:
    asked = preflights(env, **settings)
    assert asked.unlisted_origin("shop", {"origin": SHOP}) is None
    assert asked.unlisted({"shop": [SHOP]}) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://www.shop.example/ <script>"},
        {"origin": "chrome-extension://abcdef"},
        {"origin": SHOP, "host": "www.shop.example"},
        {"origin": SHOP, "host": "app.azurewebsites.net", "sec-fetch-site": "same-origin"},
    ],
    ids=["none", "null", "no origin", "an extension", "the collector's own", "behind a proxy"],
)
def test_what_no_list_could_hold_and_the_collectors_own_pages_are_no_news(headers: Mapping[str, str]) -> None:
    assert preflights(FLEX).unlisted_origin("shop", headers) is None


def test_a_document_tells_of_pages_whose_requests_never_arrive() -> None:
    asked = preflights(FLEX, ALLOWED_ORIGINS=SHOP)
    assert asked.unlisted({"shop": [SHOP, "https://*.shop.example"], "blog": []}) == {
        "shop": ["https://*.shop.example"]
    }
    assert "add each host of https://*.shop.example to ALLOWED_ORIGINS" in advice("https://*.shop.example")


def test_who_makes_up_origins_fills_no_memory() -> None:
    asked = preflights(FLEX)
    for number in range(2 * MOST_REMEMBERED):
        asked.unlisted_origin("shop", {"origin": f"https://{number}.example"})
    assert len(asked.unlisted({"shop": []})["shop"]) == MOST_REMEMBERED
