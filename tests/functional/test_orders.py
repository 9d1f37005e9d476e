"""What an order is worth, whichever protocol tells it: an amount, a currency and a number."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.border import (
    SITE,
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
ECOMMERCE = "com.snowplowanalytics.snowplow.ecommerce"
ENHANCED = "com.google.analytics.enhanced-ecommerce"
TWO_ITEMS = [{"price": 10, "quantity": 2}, {"price": "5,5"}]


@pytest.fixture
def border() -> Border:
    return Border()


async def order(border: Border, sent: Sent) -> tuple[Any, Any, Any]:
    event = await border.send_one(*sent)
    return event["properties"].get("revenue"), event.get("currency"), event.get("order_id")


SALES: dict[str, tuple[Sent, tuple[Any, Any, Any]]] = {
    "plain": (plain("purchase", {"revenue": 9.5, "currency": "eur", "order_id": "A1"}), (9.5, "EUR", "A1")),
    "plain, on top": (plain("purchase", revenue="9,50", currency="CHF", order_id=7), (9.5, "CHF", "7")),
    "a data layer's object": (
        plain("purchase", {"ecommerce": {"transaction_id": "T7", "value": "12,50", "currency": "EUR"}}),
        (12.5, "EUR", "T7"),
    ),
    "a data layer's items": (
        segment("purchase", {"ecommerce": {"transaction_id": "T7", "items": TWO_ITEMS}}),
        (25.5, None, "T7"),
    ),
    "an old data layer's field of the action": (
        plain(
            "purchase",
            {"ecommerce": {"currencyCode": "CHF", "purchase": {"actionField": {"id": "T8", "revenue": "35.43"}}}},
        ),
        (35.43, "CHF", "T8"),
    ),
    "shopify's pixel": (
        jitsu(
            "checkout_completed",
            {
                "checkout": {
                    "token": "c1",
                    "id": "not the order's",
                    "order": {"id": "9871"},
                    "subtotalPrice": {"amount": 20, "currencyCode": "CAD"},
                    "totalPrice": {"amount": 24.5, "currencyCode": "CAD"},
                }
            },
        ),
        (24.5, "CAD", "9871"),
    ),
    "a number that passed a data frame": (plain("Order Placed", {"total": 12, "order_id": 1001.0}), (12, None, "1001")),
    "shopify's order": (plain("Order Placed", {"total_price": "12.00", "order_number": 1001}), (12, None, "1001")),
    "adobe's model": (
        plain("order_completed", {"commerce": {"order": {"priceTotal": 9, "purchaseID": "P1", "currencyCode": "USD"}}}),
        (9, "USD", "P1"),
    ),
    "the event's own number, not its object's": (
        plain("purchase", {"value": 5, "order_id": "A1", "order": {"id": "B2", "total": 7}}),
        (5, None, "A1"),
    ),
    "plausible's text": (
        plausible("Purchase", revenue={"currency": "USD", "amount": "1322.22"}),
        (1322.22, "USD", None),
    ),
    "plausible's script": (plausible("Purchase", **{"$": {"currency": "USD", "amount": 10.5}}), (10.5, "USD", None)),
    "plausible as JSON text": (plausible("x", **{"$": '{"amount": 3, "currency": "EUR"}'}), (3, "EUR", None)),
    "plausible's order": (plausible("Purchase", {"order_id": "A1"}, **{"$": {"amount": 1}}), (1, None, "A1")),
    "umami": (umami("checkout-cart", {"revenue": "19.99", "currency": "USD"}), (19.99, "USD", None)),
    "umami's purchase": (umami("purchase", {"revenue": "19.99", "currency": "USD"}), (19.99, "USD", None)),
    "matomo": (matomo(idgoal="0", ec_id="A100", revenue="150.5"), (150.5, None, "A100")),
    "matomo's decimal comma": (matomo(idgoal="0", ec_id="A100", revenue="1.150,50"), (1150.5, None, "A100")),
    "matomo's items": (
        matomo(idgoal="0", ec_id="A1", ec_items=[["s", "Hat", "", 10, 2], ["t", "", "", "5.5"]]),
        (25.5, None, "A1"),
    ),
    "matomo's goal": (matomo(idgoal="3", revenue="20"), (20, None, None)),
    "segment": (
        segment("Order Completed", {"order_id": "50", "total": 27.5, "revenue": 25.0, "currency": "USD"}),
        (25.0, "USD", "50"),
    ),
    "segment's total": (segment("Order Completed", {"orderId": "50", "total": 27.5}), (27.5, None, "50")),
    "segment's products": (segment("Completed Order", {"products": TWO_ITEMS, "currency": "EUR"}), (25.5, "EUR", None)),
    "jitsu": (jitsu("Order Completed", {"order_id": "50", "revenue": "$1,234.56"}), (1234.56, None, "50")),
    "posthog": (posthog("Order Completed", {"order_id": 51, "revenue": "12,50 €"}), (12.5, "EUR", "51")),
    "ga4": (ga4("purchase", {"transaction_id": "T1", "value": 99.5, "currency": "EUR"}), (99.5, "EUR", "T1")),
    "ga4's items": (ga4("purchase", {"transaction_id": "T1", "items": TWO_ITEMS}), (25.5, None, "T1")),
    "ga4's items with a currency": (ga4("purchase", {"items": [{"price": 2, "currency": "JPY"}]}), (2, "JPY", None)),
    "ga4's millionths": (
        ga4("in_app_purchase", {"price": 4990000, "quantity": 2, "currency": "USD"}),
        (9.98, "USD", None),
    ),
    "ga4's app store": (ga4("in_app_purchase", {"value": 4.99, "currency": "USD"}), (4.99, "USD", None)),
    "snowplow": (snowplow("tr", tr_id="T1", tr_tt="20.25", tr_cu="GBP"), (20.25, "GBP", "T1")),
    "snowplow's item": (snowplow("ti", ti_id="T1", ti_pr="20.25", ti_cu="GBP"), (None, "GBP", "T1")),
    "snowplow's ecommerce": (
        self_describing(
            f"{ECOMMERCE}/snowplow_ecommerce_action",
            {"type": "transaction"},
            [(f"{ECOMMERCE}/transaction", {"transaction_id": "T1", "revenue": 230, "currency": "USD"})],
        ),
        (230, "USD", "T1"),
    ),
    "snowplow's enhanced ecommerce": (
        self_describing(
            f"{ENHANCED}/action",
            {"action": "purchase"},
            [(f"{ENHANCED}/actionFieldObject", {"id": "T1", "revenue": "37,39", "currency": "EUR"})],
        ),
        (37.39, "EUR", "T1"),
    ),
    "snowplow's order without a worth": (
        self_describing(
            f"{ENHANCED}/action", {"action": "purchase"}, [(f"{ENHANCED}/actionFieldObject", {"id": "T1"})]
        ),
        (None, None, "T1"),
    ),
    "snowplow's products": (
        self_describing(
            f"{ENHANCED}/action",
            {"action": "purchase"},
            [
                (f"{ENHANCED}/actionFieldObject", {"id": "T1"}),
                (f"{ENHANCED}/productFieldObject", {"price": 3, "quantity": 2, "currency": "EUR"}),
            ],
        ),
        (6, "EUR", "T1"),
    ),
    "millionths": (plain("purchase", {"revenue_micros": 12_340_000, "currency": "EUR"}), (12.34, "EUR", None)),
    "millionths in an object": (
        plain("x", {"revenue": {"amountMicros": "12340000", "currencyCode": "EUR"}}),
        (12.34, "EUR", None),
    ),
    "hundredths": (plain("purchase", {"amount_cents": 1299}), (12.99, None, None)),
    "Google's Money": (
        plain("x", {"revenue": {"units": "3", "nanos": 750000000, "currencyCode": "EUR"}}),
        (3.75, "EUR", None),
    ),
    "a price of a shop system": (
        plain("x", {"revenue": {"amount": {"value": "3", "currency": "EUR"}}}),
        (3, "EUR", None),
    ),
    "meta": (plain("Purchase", {"value": 30, "currency": "EUR", "contents": [{"id": 1}]}), (30, "EUR", None)),
    "tiktok": (plain("CompletePayment", {"value": 30, "currency": "EUR"}), (30, "EUR", None)),
    "braze": (plain("ecommerce.order_placed", {"total": 30, "order_id": "5"}), (30, None, "5")),
    "ga4's subscription": (ga4("app_store_subscription_renew", {"value": 3, "currency": "USD"}), (3, "USD", None)),
    "any event": (segment("Invoice Paid", {"revenue": "1 234,50"}), (1234.5, None, None)),
}


@pytest.mark.parametrize(("sent", "expected"), SALES.values(), ids=SALES.keys())
async def test_a_sale_is_worth_what_its_own_protocol_says(
    border: Border, sent: Sent, expected: tuple[Any, Any, Any]
) -> None:
    assert await order(border, sent) == expected


REFUNDS: dict[str, tuple[Sent, tuple[Any, Any, Any]]] = {
    "ga4": (ga4("refund", {"transaction_id": "T1", "value": 99.5, "currency": "EUR"}), (-99.5, "EUR", "T1")),
    "ga4's part": (ga4("refund", {"transaction_id": "T1", "items": TWO_ITEMS}), (-25.5, None, "T1")),
    "ga4 without an amount": (ga4("refund", {"transaction_id": "T1"}), (None, None, "T1")),
    "segment": (segment("Order Refunded", {"order_id": "50", "total": 30}), (-30, None, "50")),
    "segment's cancellation": (segment("Order Cancelled", {"order_id": "50", "revenue": 25}), (-25, None, "50")),
    "negative already": (plain("refund", {"revenue": "-12,50"}), (-12.5, None, None)),
    "in other words": (plain("Refund Issued", {"revenue": 12, "order_id": "50"}), (-12, None, "50")),
    "of a payment": (plain("charge.refunded", {"amount": 12, "currency": "USD"}), (-12, "USD", None)),
    "in part": (plain("order_partially_refunded", {"amount": 12}), (-12, None, None)),
    "by the bank": (plain("Chargeback", {"revenue": 12}), (-12, None, None)),
    "braze": (plain("ecommerce.order_refunded", {"total": 12, "order_id": "50"}), (-12, None, "50")),
    "matomo": (matomo(idgoal="0", ec_id="A1", revenue="-9.9"), (-9.9, None, "A1")),
    "snowplow's ecommerce": (
        self_describing(
            f"{ECOMMERCE}/snowplow_ecommerce_action",
            {"type": "refund"},
            [(f"{ECOMMERCE}/refund", {"transaction_id": "T1", "refund_amount": 20, "currency": "USD"})],
        ),
        (-20, "USD", "T1"),
    ),
}


@pytest.mark.parametrize(("sent", "expected"), REFUNDS.values(), ids=REFUNDS.keys())
async def test_what_is_given_back_is_taken_off(border: Border, sent: Sent, expected: tuple[Any, Any, Any]) -> None:
    assert await order(border, sent) == expected


CARTS: dict[str, tuple[Sent, Any]] = {
    "matomo": (matomo(idgoal="0", revenue="120.5", ec_items=[["sku1", "Hat", "Hats", 120.5, 1]]), 120.5),
    "segment's cart": (segment("Cart Viewed", {"revenue": 25, "products": TWO_ITEMS}), 25),
    "segment's checkout": (segment("Checkout Started", {"order_id": "50", "value": 30, "revenue": "25,00"}), 25),
    "segment's step": (segment("Checkout Step Completed", {"revenue": 25}), 25),
    "jitsu": (jitsu("Product Added", {"revenue": 25}), 25),
    "posthog": (posthog("checkout started", {"revenue": 25}), 25),
    "ga4": (ga4("begin_checkout", {"value": 25, "items": TWO_ITEMS}), None),
    "ga4's cart": (ga4("add_to_cart", {"value": 25}), None),
    "ga4's payment": (ga4("add_payment_info", {"value": 25, "revenue": 25}), 25),
    "plausible": (plausible("Add to cart", **{"$": {"amount": "25", "currency": "EUR"}}), 25),
    "umami": (umami("add-to-cart", {"revenue": 25}), 25),
    "meta": (plain("InitiateCheckout", {"value": 25}), None),
    "snowplow": (
        self_describing(
            f"{ECOMMERCE}/snowplow_ecommerce_action",
            {"type": "add_to_cart"},
            [(f"{ECOMMERCE}/cart", {"total_value": 25, "currency": "USD"})],
        ),
        None,
    ),
}


@pytest.mark.parametrize(("sent", "total"), CARTS.values(), ids=CARTS.keys())
async def test_what_lies_in_a_cart_is_no_revenue(border: Border, sent: Sent, total: Any) -> None:
    properties = (await border.send_one(*sent))["properties"]
    assert "revenue" not in properties
    assert properties.get("cart_total") == total


@pytest.mark.parametrize("word", ["undefined", "null", "NaN", "0", "[object Object]", " ", "(not set)", "0000"])
async def test_orders_without_a_number_are_not_one_order(border: Border, word: str) -> None:
    assert (await border.send_one(*segment("Order Completed", {"order_id": word, "revenue": 5}))).get(
        "order_id"
    ) is None
    event = await border.send_one(*ga4("purchase", {"order_id": word, "transaction_id": "T1", "value": 5}))
    assert event["order_id"] == "T1"


@pytest.mark.parametrize(
    "stated", ["free", {}, {"currency": "EUR"}, [], True, "1,234.567.890", "9" * 100, {"amount": []}]
)
async def test_a_worth_that_is_no_amount_stays_as_it_is_and_costs_no_event(border: Border, stated: object) -> None:
    event = await border.send_one(*segment("Order Completed", {"revenue": stated, "order_id": "50"}))
    assert (event["properties"]["revenue"], event["order_id"]) == (stated, "50")


@pytest.mark.parametrize("stated", [5, "EURO", "", None, {"code": "EUR"}, "nan", "€€€"])
async def test_a_currency_that_is_none_is_left_out(border: Border, stated: object) -> None:
    event = await border.send_one(*segment("Order Completed", {"revenue": 5, "currency": stated}))
    assert event.get("currency") is None
    assert event["properties"]["currency"] == stated


async def test_an_order_number_that_holds_an_address_of_mail_becomes_a_pseudonym(border: Border) -> None:
    numbers = [
        (await border.send_one(*segment("Order Completed", {"order_id": number})))["order_id"]
        for number in ("ada@shop.example-1", "ada@shop.example-1", "bob@shop.example-2")
    ]
    assert numbers[0] == numbers[1] != numbers[2]
    assert all(number.startswith("p0_") for number in numbers)


async def test_who_denied_leaves_no_order_and_who_is_anonymous_leaves_it_without_a_person() -> None:
    border = Border()
    denied = await border.send_one(
        *plain("purchase", {"revenue": 5, "currency": "EUR", "order_id": "A1"}, consent="denied")
    )
    assert {"order_id", "currency"}.isdisjoint(denied)
    anonymous = await border.send_one(*plain("purchase", {"revenue": 5, "order_id": "A1"}, consent="anonymous"))
    assert (anonymous["order_id"], anonymous["properties"]["revenue"]) == ("A1", 5)


STRICT = f"""{SITE}
events:
  mode: block
  unknown_properties: block
  definitions:
  - name: purchase
    properties:
      value: {{type: number, required: true}}
  - name: Purchase
    properties:
      revenue: {{type: number, required: true}}
  - name: Checkout Started
    properties:
      revenue: {{type: string, required: true}}
"""


async def test_an_event_definition_is_held_to_what_the_site_says_not_to_what_is_made_of_it() -> None:
    border = Border(STRICT)
    assert (await border.send_one(*ga4("purchase", {"value": 5})))["properties"] == {"value": 5, "revenue": 5}
    assert (await border.send_one(*plausible("Purchase", revenue={"amount": "5"})))["properties"] == {"revenue": 5}
    started = await border.send_one(*segment("Checkout Started", {"revenue": "25,00"}))
    assert started["properties"] == {"cart_total": 25}
    assert await border.send(*segment("Checkout Started", {"revenue": 25})) == []
    assert [failed["pointer"] for failed in border.failed.bodies()] == ["/properties/revenue"]
