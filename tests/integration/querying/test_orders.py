"""Revenue from what clients send to what a report says: each order once, in its currency, less what was given back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from clickstream.capture.body_columns import parse_events
from clickstream.enriching.steps import Knowledge, enrich
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import currencies_of_site, goals_of
from clickstream.querying.request import parse_query
from clickstream.querying.scope import SiteScope
from clickstream.sites.document import parse_site
from local.azurite import Azurite
from tests.functional.border import (
    SITE,
    Border,
    ga4,
    matomo,
    plain,
    plausible,
    posthog,
    segment,
    self_describing,
    snowplow,
    umami,
)
from tests.integration.querying.lake import NOW, event, make_lake

pytestmark = pytest.mark.integration

Sent = tuple[str, object]
ECOMMERCE = "com.snowplowanalytics.snowplow.ecommerce"
HAT, SOCK = ["sku1", "Hat", "Hats", 120.5, 1], ["sku2", "Sock", "Socks", 15, 2]
ORDER = {"transaction_id": "T1", "value": 100, "currency": "EUR"}


class Shop:
    """What a site's clients have sent, and the reports about it."""

    def __init__(self, azurite: Azurite, document: str = "") -> None:
        self._lake = make_lake(azurite)
        site = parse_site((SITE + document).encode(), expected="shop")
        self._scope = SiteScope("shop", "UTC", goals_of(site), currencies=currencies_of_site(site))

    def take(self, *sent: Sent, days_ago: float = 0, site: str = "shop", key: str = "shop-web") -> None:
        """Requests that come one second after the other."""
        border = Border()
        for request in sent:
            asyncio.run(border.send(*request, key=key))
        bodies = pa.chunked_array([[message.body for message in border.events.messages]], pa.binary())
        schema = arrow_schema(EVENT_COLUMNS)
        rows: list[dict[str, Any]] = []
        for second, row in enumerate(parse_events(bodies).events.to_pylist()):
            at = row["occurred_at"] - timedelta(days=days_ago) + timedelta(seconds=second)
            told = {**event(f"{row['event_id']}-{days_ago}", site, at), **row, "site": site, "occurred_at": at}
            told |= {"event_date": at.date(), "event_id": f"{row['event_id']}-{days_ago}-{key}"}
            rows.append({name: value for name, value in told.items() if name in schema.names})
        self._lake.append_table(enrich(pa.Table.from_pylist(rows, schema=schema), Knowledge()))

    def ask(self, *metrics: str, **more: Any) -> Mapping[str, Any]:
        """The answer about the day."""
        body = {"site_id": "shop", "metrics": list(metrics) or ["total_revenue"], "date_range": "day", **more}
        engine = QueryEngine(self._lake.account, self._lake.settings, lambda: NOW)
        return engine.query(parse_query(json.dumps(body).encode()), self._scope).document()

    def revenue(self, *metrics: str, **more: Any) -> list[Any]:
        """The only row of it."""
        [row] = self.ask(*metrics, **more)["results"]
        return list(row["metrics"])

    def by_currency(self) -> dict[str, float]:
        """Those that there is any revenue in."""
        rows = self.ask("total_revenue", dimensions=["event:currency"])["results"]
        return {row["dimensions"][0]: row["metrics"][0] for row in rows if row["dimensions"] != ["(none)"]}


@pytest.fixture
def shop(azurite: Azurite) -> Shop:
    return Shop(azurite)


def test_a_shop_that_comes_from_plausible_keeps_its_revenue(shop: Shop) -> None:
    script = plausible("Purchase", **{"$": {"currency": "USD", "amount": 10.5}})
    named = {"name": "Purchase", "url": "https://shop.example/", "domain": "shop-web"}
    shop.take(("/api/event", {**named, "revenue": {"currency": "USD", "amount": "1322.22"}}), script)
    assert shop.revenue("total_revenue", "average_revenue") == [1332.72, 666.36]
    assert shop.ask()["meta"]["currency"] == "USD"


def test_what_a_matomo_visitor_puts_into_the_cart_is_not_sold_until_it_is_ordered(shop: Shop) -> None:
    shop.take(
        matomo(action_name="Cart"),
        matomo(idgoal="0", revenue="120.5", ec_items=[HAT]),
        matomo(idgoal="0", revenue="150.5", ec_items=[HAT, SOCK]),
        matomo(idgoal="0", ec_id="A100", revenue="150.5", ec_st="140", ec_items=[HAT, SOCK]),
    )
    assert shop.revenue() == [150.5]


RELOADS: dict[str, Sent] = {
    "matomo": matomo(idgoal="0", ec_id="A100", revenue="99.9"),
    "segment": segment("Order Completed", {"order_id": "A100", "revenue": 99.9}),
    "ga4": ga4("purchase", {"transaction_id": "A100", "value": 99.9}),
    "posthog": posthog("Order Completed", {"order_id": "A100", "revenue": "99,90"}),
    "plausible": plausible("Purchase", {"order_id": "A100"}, **{"$": {"amount": "99.9"}}),
    "umami": umami("purchase", {"order_id": "A100", "revenue": 99.9}),
    "snowplow": snowplow("tr", tr_id="A100", tr_tt="99.9"),
    "snowplow's ecommerce": self_describing(
        f"{ECOMMERCE}/snowplow_ecommerce_action",
        {"type": "transaction"},
        [(f"{ECOMMERCE}/transaction", {"transaction_id": "A100", "revenue": 99.9})],
    ),
    "the script": plain("purchase", {"order_id": "A100", "revenue": 99.9}),
}


@pytest.mark.parametrize("sent", RELOADS.values(), ids=RELOADS.keys())
def test_whoever_reloads_the_thank_you_page_has_bought_once(shop: Shop, sent: Sent) -> None:
    shop.take(sent, sent, sent)
    assert shop.revenue("total_revenue", "average_revenue") == [99.9, 99.9]


def test_an_order_that_every_tracker_of_the_shop_tells_is_one_order(shop: Shop) -> None:
    shop.take(*RELOADS.values())
    later = segment("Order Completed", {"order_id": "A100", "revenue": 120})
    shop.take(later, key="shop-server", days_ago=-0.001)
    assert shop.revenue("total_revenue", "events") == [99.9, len(RELOADS) + 1]


def test_the_first_to_tell_of_an_order_says_what_it_is_worth(shop: Shop) -> None:
    shop.take(segment("Order Completed", {"order_id": "A100", "revenue": 80}), key="shop-server")
    shop.take(ga4("purchase", ORDER | {"transaction_id": "A100"}), days_ago=0.01)
    assert shop.revenue() == [100.0]


@pytest.mark.parametrize(("days", "expected"), [(1, 0.0), (29.9, 0.0), (30, 0.0), (30.1, 100.0)])
def test_an_order_of_yesterday_that_is_reloaded_today_is_no_revenue_of_today(
    shop: Shop, days: float, expected: float
) -> None:
    for days_ago in (days, 0):
        shop.take(ga4("purchase", ORDER), days_ago=days_ago)
    assert shop.revenue() == [expected]


def test_orders_of_two_sites_may_have_one_number(shop: Shop) -> None:
    shop.take(ga4("purchase", ORDER), days_ago=0.1, site="blog")
    shop.take(ga4("purchase", ORDER))
    assert shop.revenue() == [100.0]


REFUNDS: dict[str, tuple[list[Sent], float]] = {
    "ga4 without a value": ([ga4("refund", {"transaction_id": "T1"})], 0.0),
    "ga4 without a value, twice": ([ga4("refund", {"transaction_id": "T1"})] * 2, 0.0),
    "ga4 in parts": ([ga4("refund", ORDER | {"value": 30})] * 2, 40.0),
    "ga4 in part, and then the rest": (
        [ga4("refund", ORDER | {"value": 30}), ga4("refund", {"transaction_id": "T1"})],
        0.0,
    ),
    "ga4's items of no price": ([ga4("refund", {"transaction_id": "T1", "items": [{"item_id": "a"}]})], 100.0),
    "ga4 of another order": ([ga4("refund", {"transaction_id": "T2"})], 100.0),
    "segment": ([segment("Order Refunded", {"order_id": "T1"})], 0.0),
    "segment's cancellation": ([segment("Order Cancelled", {"order_id": "T1", "total": 100})], 0.0),
    "matomo in parts": ([matomo(idgoal="0", ec_id="T1", revenue="-10")] * 3, 70.0),
    "by the shop's server with its own ids": (
        [
            segment("Order Refunded", {"order_id": "T1", "refund_id": number, "total": 20})
            for number in ("R1", "R1", "R2")
        ],
        60.0,
    ),
    "snowplow": (
        [
            self_describing(
                f"{ECOMMERCE}/snowplow_ecommerce_action",
                {"type": "refund"},
                [(f"{ECOMMERCE}/refund", {"transaction_id": "T1"})],
            )
        ],
        0.0,
    ),
    "more than there was": ([matomo(idgoal="0", ec_id="T1", revenue="-150")], -50.0),
}


@pytest.mark.parametrize(("sent", "expected"), REFUNDS.values(), ids=REFUNDS.keys())
def test_what_is_given_back_is_taken_off_once(shop: Shop, sent: list[Sent], expected: float) -> None:
    shop.take(ga4("purchase", ORDER), *sent)
    assert shop.revenue() == [expected]
    assert shop.by_currency() == {"EUR": expected}


@pytest.mark.parametrize(("days", "expected"), [(29, -100.0), (31, 0.0)])
def test_a_refund_without_an_amount_finds_its_order_for_30_days(shop: Shop, days: int, expected: float) -> None:
    shop.take(ga4("purchase", ORDER), days_ago=days)
    shop.take(ga4("refund", {"transaction_id": "T1"}))
    assert shop.revenue() == [expected]


THREE = [
    segment("Order Completed", {"order_id": "1", "revenue": 100, "currency": "EUR"}),
    ga4("purchase", {"transaction_id": "2", "value": 50, "currency": "USD"}),
    plausible("Purchase", **{"$": {"amount": "7,50", "currency": "GBP"}}),
]
RATES = 'currency: EUR\nrates: {USD: 0.5, GBP: {"2026-01-01": 3, "2026-10-28": 2, "2026-10-29": 9}}\n'


def test_three_currencies_are_never_added_up(shop: Shop) -> None:
    shop.take(*THREE)
    answer = shop.ask("total_revenue", "average_revenue", "visitors")
    [row] = answer["results"]
    assert row["metrics"][:2] == [None, None]
    assert row["metrics"][2] > 0
    meta = answer["meta"]
    assert (meta["currency"], meta["currencies"]) == (None, ["EUR", "GBP", "USD"])
    assert "event:currency" in meta["currency_note"]
    assert shop.by_currency() == {"EUR": 100.0, "USD": 50.0, "GBP": 7.5}
    filtered = shop.ask(filters=[["is", "event:currency", ["USD"]]])
    assert filtered["results"][0]["metrics"] == [50.0]
    assert filtered["meta"]["currency"] == "USD"
    by_name = shop.ask("total_revenue", dimensions=["event:name"])["results"]
    assert {row["metrics"][0] for row in by_name} == {None}


def test_three_currencies_become_one_by_the_sites_rates(azurite: Azurite) -> None:
    shop = Shop(azurite, RATES)
    shop.take(*THREE, umami("purchase", {"revenue": 1}))
    answer = shop.ask("total_revenue", "average_revenue")
    assert answer["results"][0]["metrics"] == [100 + 25 + 15 + 1, (100 + 25 + 15 + 1) / 4]
    assert answer["meta"]["currency"] == "EUR"
    assert "currency_note" not in answer["meta"]
    assert shop.by_currency() == {"EUR": 101.0, "USD": 25.0, "GBP": 15.0}


def test_a_currency_without_a_rate_is_left_out_and_named(azurite: Azurite) -> None:
    shop = Shop(azurite, RATES)
    shop.take(*THREE, umami("purchase", {"revenue": 1000, "currency": "SEK"}))
    answer = shop.ask("total_revenue", "average_revenue")
    assert answer["results"][0]["metrics"] == [140.0, 140 / 3]
    assert "SEK" in answer["meta"]["currency_note"]


def test_amounts_that_name_no_currency_are_in_the_sites_own(azurite: Azurite) -> None:
    for document, currency in (("", "(not set)"), ("currency: CHF\n", "CHF")):
        shop = Shop(azurite, document)
        shop.take(matomo(idgoal="0", ec_id="A1", revenue="10"), umami("purchase", {"revenue": 5}))
        assert shop.by_currency() == {currency: 15.0}
        assert shop.ask()["meta"]["currency"] == (None if currency == "(not set)" else currency)
        assert shop.revenue() == [15.0]


def test_a_refund_that_names_no_currency_is_in_that_of_its_order(azurite: Azurite) -> None:
    shop = Shop(azurite, "currency: CHF\n")
    shop.take(
        ga4("purchase", ORDER | {"currency": "USD"}), matomo(idgoal="0", ec_id="T1", revenue="-10"),
        ga4("refund", {"transaction_id": "T1"}),
    )  # fmt: skip
    assert shop.by_currency() == {"USD": 0.0}


def test_money_of_another_currency_is_compared_with_none(shop: Shop) -> None:
    shop.take(ga4("purchase", ORDER | {"currency": "USD", "transaction_id": "T0"}), days_ago=1)
    shop.take(ga4("purchase", ORDER))
    compared = {"include": {"comparisons": {"mode": "custom", "date_range": "yesterday"}}}
    [row] = shop.ask("total_revenue", "events", **compared)["results"]
    assert row["comparison"] == {"dimensions": [], "metrics": [None, 1], "change": [None, 0.0]}
    [row] = shop.ask(dimensions=["event:currency"], **compared)["results"]
    assert row["metrics"] == [100.0]


def test_a_goals_own_property_is_a_text_of_any_country(azurite: Azurite) -> None:
    goals = "goals:\n- {name: Offer, event: offer, revenue: /offer/sum}\n- {name: Lead, event: lead, revenue: worth}\n"
    shop = Shop(azurite, goals)
    shop.take(
        plain("offer", {"offer": {"sum": "1.234,50", "currency": "EUR"}, "revenue": 5}),
        plain("lead", {"worth": "12,50 €"}),
        plain("lead", {"worth": {"amount": "7.5", "currency": "EUR"}}),
    )
    assert shop.by_currency() == {"EUR": 1254.5}
    by_goal = shop.ask("total_revenue", "average_revenue", dimensions=["event:goal"])["results"]
    assert {row["dimensions"][0]: row["metrics"] for row in by_goal} == {"Offer": [1234.5] * 2, "Lead": [20.0, 10.0]}
