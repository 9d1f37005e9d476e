"""Reads orders of Snowplow's two ecommerce plugins, which send them in entities of the event.

https://docs.snowplow.io/docs/events/ootb-data/ecommerce-events/ and the sources of the browser tracker's plugins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from clickstream.collecting.money import money, negative, sum_of_items


class _Order(NamedTuple):
    """Names for the order of an action: its entity, the entity's value and number, and the entity of an item."""

    entity: str
    worth: str
    number: str
    item: str
    is_refund: bool = False


_ENHANCED = _Order("actionFieldObject", "revenue", "id", "productFieldObject")
# Vendor -> the property with the action, and the actions that have an order.
ORDERS: Mapping[str, tuple[str, Mapping[object, _Order]]] = {
    "com.snowplowanalytics.snowplow.ecommerce": (
        "type",
        {
            "transaction": _Order("transaction", "revenue", "transaction_id", "product"),
            "refund": _Order("refund", "refund_amount", "transaction_id", "product", is_refund=True),
        },
    ),
    "com.google.analytics.enhanced-ecommerce": (
        "action",
        {"purchase": _ENHANCED, "refund": _ENHANCED._replace(is_refund=True)},
    ),
}


def read_order(vendor: str, event: Mapping[str, Any], entities: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of the action's order; empty if the action has none. Each of `entities` has a schema and data."""
    property_name, actions = ORDERS[vendor]
    action = event.get(property_name)
    order = actions.get(action) if isinstance(action, str) else None
    if order is None:
        return {}
    members = next(_named(order.entity, entities), {})
    worth = money(members.get(order.worth))
    if worth.amount is None:
        worth = sum_of_items(list(_named(order.item, entities)))
    if worth.amount is not None and order.is_refund:
        worth = worth._replace(amount=negative(worth.amount))
    return {
        "revenue": worth.amount,
        "order_id": members.get(order.number),
        "currency": members.get("currency") or worth.currency,
    }


def _named(name: str, entities: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The data of the entities of this name."""
    for entity in entities:
        if f"/{name}/" in str(entity.get("schema")) and isinstance(data := entity.get("data"), dict):
            yield data
