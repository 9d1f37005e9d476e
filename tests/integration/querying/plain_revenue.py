"""What events are worth in plain Python, by the words of docs/revenue.md."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from clickstream.collecting.money import currency, money

Row = Mapping[str, Any]
LOOK_BACK = timedelta(days=30)
REFUNDS = {"refund", "orderrefunded", "ordercancelled"}
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Worth:
    """`counted` is None where the event does not count; `currency` is its own, `revenue` in that of the site."""

    counted: Decimal | None
    currency: str
    revenue: Decimal | None


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """What a site's document says of money. Goals are a name of events and the place of their worth."""

    goals: Sequence[tuple[str, str | None]] = ()
    currency: str | None = None
    rates: Mapping[str, Sequence[tuple[date, Decimal]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Told:
    row: Row
    amount: Decimal | None
    currency: str | None
    deed: str | None

    @property
    def place(self) -> tuple[datetime, str]:
        return self.row["occurred_at"], self.row["event_id"]


def worths(rows: Iterable[Row], zone: ZoneInfo, begin: datetime, rules: MoneyRules) -> dict[str, Worth]:
    """By the ids of events, which are a site's own; those that are worth nothing are absent."""
    told = [_told(row, rules) for row in rows]
    found = {
        item.row["event_id"]: _worth(item.row, item.amount, item.currency, zone, rules)
        for item in told
        if item.row.get("order_id") is None and item.amount is not None
    }
    orders: dict[str, list[_Told]] = defaultdict(list)
    for item in told:
        if item.row.get("order_id") is not None and item.row["occurred_at"] >= begin - LOOK_BACK:
            orders[item.row["order_id"]].append(item)
    for order in orders.values():
        for item, amount, code in _counted(sorted(order, key=lambda item: item.place), rules):
            found[item.row["event_id"]] = _worth(item.row, amount, code, zone, rules)
    return found


def _counted(order: list[_Told], rules: MoneyRules) -> Iterable[tuple[_Told, Decimal | None, str | None]]:
    again = {
        item.place
        for index, item in enumerate(order)
        if item.deed is not None and any(_lately(item, other) for other in order[:index] if other.deed == item.deed)
    }
    codes: dict[tuple[datetime, str], str | None] = {}
    sales: dict[tuple[datetime, str], _Told | None] = {}
    for item in order:
        sale = next((other for other in order if other.deed == "sale" and _lately(item, other)), None)
        gives_back = item.deed == "refund of all" or (item.amount or NOTHING) < 0
        own = item.currency or (sale.currency if sale and gives_back else None)
        codes[item.place], sales[item.place] = own or rules.currency, sale
    for item in order:
        sale, amount = sales[item.place], item.amount
        if item.deed == "refund of all":
            if sale is None or sale.amount is None:
                continue
            given_back = [
                other.amount
                for other in order
                if other.amount is not None
                and other.amount < 0
                and other.place not in again
                and _lately(item, other)
                and codes[other.place] == codes[item.place]
            ]
            amount = -max(NOTHING, sale.amount + sum(given_back, NOTHING))
        if amount is not None:
            yield item, None if item.place in again else amount, codes[item.place]


def _lately(item: _Told, other: _Told) -> bool:
    """Whether the other happened by then, and no more than 30 days before."""
    since: timedelta = item.row["occurred_at"] - other.row["occurred_at"]
    return timedelta(0) <= since <= LOOK_BACK


def _worth(row: Row, amount: Decimal | None, code: str | None, zone: ZoneInfo, rules: MoneyRules) -> Worth:
    code = code or rules.currency or "(not set)"
    return Worth(amount, code, _converted(row, amount, code, zone, rules))


def _converted(row: Row, amount: Decimal | None, code: str, zone: ZoneInfo, rules: MoneyRules) -> Decimal | None:
    if amount is None or not rules.rates or code == rules.currency:
        return amount
    by_day = rules.rates.get(code)
    if by_day is None:
        return None
    day = row["occurred_at"].astimezone(zone).date()
    rate = [factor for since, factor in by_day if since <= day or since == by_day[0][0]][-1]
    return _rounded(amount * rate)


def _told(row: Row, rules: MoneyRules) -> _Told:
    properties = json.loads(row.get("properties") or "{}")
    place = next((place for event, place in rules.goals if place and row["event_name"] == event), None)
    said, beside = properties.get("revenue"), None
    if place is not None:
        said, beside = _at(properties, place)
    read = money(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else money(None)
    amount = None if read.amount is None else _rounded(Decimal(repr(read.amount)))
    code = row.get("currency") or (currency(beside) if beside is not None else read.currency)
    deed = None
    items = properties.get("items") or properties.get("ecommerce", {}).get("items")
    if amount is not None and amount > 0:
        deed = "sale"
    elif said is None and re.sub("[^a-z]", "", row["event_name"].lower()) in REFUNDS and not items:
        deed = "refund of all"
    elif amount is not None and amount < 0 and "refund_id" in properties:
        deed = f"refund {properties['refund_id']}"
    return _Told(row, amount, code, deed)


def _at(properties: Any, place: str) -> tuple[Any, Any]:
    """What stands at a place, and the currency beside it."""
    *way, last = place[1:].split("/") if place.startswith("/") else [place]
    inner = properties
    for step in way:
        inner = inner.get(step) if isinstance(inner, dict) else None
    found = inner.get(last) if isinstance(inner, dict) else None
    if isinstance(found, dict):
        return found.get("amount"), found.get("currency")
    return found, inner.get("currency") if way and isinstance(inner, dict) else None


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)
