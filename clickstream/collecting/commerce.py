"""The order of an event: its monetary value, its currency and the order's number.

The property names are those of published specifications. They apply in every dialect, because sites send them through
any tracker:
Segment's and RudderStack's ecommerce events (https://segment.com/docs/connections/spec/ecommerce/v2), Google's
recommended ones (https://developers.google.com/analytics/devguides/collection/ga4/reference/events), Meta's standard
events, Matomo's and Umami's parameters, Shopify's pixels
(https://shopify.dev/docs/api/web-pixels-api/standard-events/checkout_completed). A dialect that has an order elsewhere
sets `revenue`, `order_id` and `currency` of its client event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.json_values import id_as_text
from clickstream.collecting.money import (
    Money,
    currency,
    currency_of,
    first_of,
    money,
    names,
    negative,
    sum_of_items,
)
from clickstream.model.commerce import CONTAINERS, CURRENCY_NAMES, DEEDS, ITEMS, PREFIX, Deed
from clickstream.privacy.nobody import means_nothing

REVENUE, CART_TOTAL = "revenue", "cart_total"
ORDER_IDS = (
    "order_id",
    "orderId",
    "orderID",
    "order_number",
    "orderNumber",
    "transaction_id",
    "transactionId",
    "ec_id",
)
MAX_ORDER_ID = 200
# Names of the order's number within such an object. A checkout has an id of its own.
OWN_IDS: Mapping[str, Sequence[str]] = dict.fromkeys(
    ("order", "purchase", "transaction", "actionField"), ("id", "number", "purchaseID")
)
# Objects within one another: `ecommerce.purchase.actionField` has the deepest order.
LEVELS = 3

# Names of the value of any event, and those of a sale or refund, in order of precedence.
OF_ANY_EVENT = names(REVENUE)
OF_A_SALE = {
    **OF_ANY_EVENT,
    **names("value", "total", "amount", "totalPrice", "total_price", "grandTotal", "grand_total", "priceTotal"),
}
_CONTAINERS = frozenset(CONTAINERS)
_IDS, _WORTHS = frozenset({*ORDER_IDS, *CONTAINERS}), frozenset({*OF_A_SALE, *ITEMS, *CONTAINERS})
_ORDER_PROPERTIES = _IDS | _WORTHS | {*CURRENCY_NAMES}


def describe_order(event: ClientEvent, name: str) -> Mapping[str, Any]:
    """The fields `order_id` and `currency`, and `properties` if the value in them has to be normalised.

    `properties.revenue` is the number that reports add up, negative for a refund. The value of a cart is in
    `properties.cart_total` instead. A value that is no amount stays unchanged.
    """
    properties = event.properties
    names_present = _ORDER_PROPERTIES.intersection(properties)
    if not names_present and event.revenue is None and event.order_id is None:
        return {}
    deed = _deed(name)
    orders = list(_orders(properties)) if deed in (Deed.SALE, Deed.REFUND) else []
    places = [properties, *(order for _, order in orders)]
    code = currency(event.currency) or next((code for place in places if (code := currency_of(place))), None)
    fields: dict[str, Any] = {"currency": code}
    if event.order_id is not None or not _IDS.isdisjoint(names_present):
        fields["order_id"] = _order_id(event, orders)
    if event.revenue is None and _WORTHS.isdisjoint(names_present):
        return fields
    worth = _worth(event, deed, places)
    fields["currency"] = fields["currency"] or worth.currency
    normalised = _with_worth(properties, worth, deed)
    return fields if normalised is properties else {**fields, "properties": normalised}


@lru_cache(maxsize=1024)  # a site has few names
def _deed(name: str) -> Deed:
    return DEEDS.get("".join(filter(str.isalpha, name.lower().removeprefix(PREFIX))), Deed.OTHER)


def _orders(members: Mapping[str, Any], levels: int = LEVELS) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects that contain the order, with their names, an outer one before those in it."""
    for name in CONTAINERS if levels and not _CONTAINERS.isdisjoint(members) else ():
        if isinstance(order := members.get(name), dict):
            yield name, order
            yield from _orders(order, levels - 1)


def _worth(event: ClientEvent, deed: Deed, places: Sequence[Mapping[str, Any]]) -> Money:
    """The event's monetary value: negative for a refund, without an amount if there is none."""
    among = OF_A_SALE if deed in (Deed.SALE, Deed.REFUND) else OF_ANY_EVENT
    worth = Money() if event.revenue is None else money(event.revenue)
    for place in places:
        if worth.amount is None:
            worth = first_of(place, among)
    if deed in (Deed.SALE, Deed.REFUND):
        for items in (place.get(name) for place in places for name in ITEMS):
            if worth.amount is None:
                worth = sum_of_items(items)
    if worth.amount is not None and deed is Deed.REFUND:
        return Money(negative(worth.amount), worth.currency)
    return worth


def _with_worth(properties: Mapping[str, Any], worth: Money, deed: Deed) -> Mapping[str, Any]:
    if deed is Deed.CART and REVENUE in properties:
        left = {name: value for name, value in properties.items() if name != REVENUE}
        return {CART_TOTAL: properties[REVENUE] if worth.amount is None else worth.amount, **left}
    if worth.amount is None:
        return properties
    name = CART_TOTAL if deed is Deed.CART else REVENUE
    value = properties.get(name)
    if type(value) is type(worth.amount) and value == worth.amount:
        return properties
    return {**properties, name: worth.amount}


def _order_id(event: ClientEvent, orders: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    """The shop's number of the order, as text. Placeholders do not count: they would merge all orders of the shop."""
    own = (event.order_id, *map(event.properties.get, ORDER_IDS))
    inner = (order.get(key) for name, order in orders for key in (*ORDER_IDS, *OWN_IDS.get(name, ())))
    for number in map(id_as_text, (*own, *inner)):
        if isinstance(number, str) and 0 < len(number) <= MAX_ORDER_ID and not means_nothing(number):
            return number.strip()
    return None
