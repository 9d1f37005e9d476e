"""Revenue of random orders equals that of plain Python, and revenue of single orders what docs/revenue.md states."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from clickstream.querying.period import Period
from clickstream.querying.request import parse_query
from clickstream.querying.scope import Currencies, Goal, Matching, Rate, SiteScope
from clickstream.querying.statement import Statement, compile_groups
from tests.functional.sequences.asking import Events, row
from tests.integration.querying.plain_revenue import MoneyRules, worths

ZONE = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 3, 29, tzinfo=ZONE)  # the day on which clocks go forward
DAY = timedelta(days=1)
PERIOD = Period(BEGIN, BEGIN + 10 * DAY)
GOALS = [("buy", "/order/total"), ("free", None)]
RATES = {
    "USD": [
        (date(2026, 3, 1), Decimal("0.9")),
        (date(2026, 3, 30), Decimal("0.333333")),
        (date(2026, 4, 2), Decimal(2)),
    ],
    "GBP": [(date(2026, 3, 1), Decimal("1.17"))],
}
RULES = MoneyRules(GOALS)
WITH_RATES = MoneyRules(GOALS, "EUR", RATES)
US = timedelta(microseconds=1)
GAPS = [*[timedelta(0), timedelta(seconds=1), timedelta(hours=7)] * 3, DAY, 29 * DAY, 30 * DAY, 30 * DAY + US]


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


def scope(rules: MoneyRules) -> SiteScope:
    goals = {name: Goal(name, Matching(name), place) for name, place in rules.goals}
    rates = {code: tuple(Rate(since, factor) for since, factor in by_day) for code, by_day in rules.rates.items()}
    return SiteScope("shop", ZONE.key, goals, currencies=Currencies(rules.currency, rates))


def revenue(rules: MoneyRules, period: Period = PERIOD, **more: Any) -> Statement:
    body = {"site_id": "shop", "metrics": ["total_revenue", "average_revenue"], "date_range": "day", **more}
    return compile_groups(parse_query(orjson.dumps(body)), period, scope(rules))


def by_currency(events: Events, statement: Statement) -> dict[str, tuple[Any, Any]]:
    return {
        row["event:currency"]: (rounded(row["total_revenue"]), rounded(row["average_revenue"]))
        for row in events.ask(statement)
        if row["event:currency"] != "(none)"
    }


def rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 6)


def expected(rows: Sequence[Mapping[str, Any]], rules: MoneyRules, period: Period = PERIOD) -> dict[str, Any]:
    found = worths((row for row in rows if row["occurred_at"] < period.end + DAY), ZONE, period.begin, rules)
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for event in rows:
        if period.begin <= event["occurred_at"] < period.end and (worth := found.get(event["event_id"])):
            amounts[worth.currency] += [] if worth.revenue is None else [worth.revenue]
    told = {}
    for code, of_code in amounts.items():
        sales = sum(amount >= 0 for amount in of_code)
        told[code] = (rounded(float(sum(of_code))), rounded(float(sum(of_code)) / sales if sales else None))
    return told


def random_orders(seed: int) -> list[dict[str, Any]]:
    """Orders, reloads and refunds around the period, some at one moment, some exactly 30 days apart."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for order in ("A1", "A2", None):
        at = BEGIN.astimezone(UTC) + timedelta(days=chance.randrange(-35, 8), hours=chance.choice([0, 12, 23]))
        for _ in range(chance.randrange(1, 9)):
            at += chance.choice(GAPS)
            name, properties = chance.choice(DEEDS)
            event_id = f"{chance.randrange(10**6):06}-{len(rows)}"
            code = chance.choice(["EUR", "USD", "SEK", *[None] * 5])
            told = {"event_name": name, "order_id": order, "currency": code, "properties": json.dumps(properties)}
            rows.append(row(event_id, at, **told, is_bot=chance.choice([None, False])))
    return rows


DEEDS: list[tuple[str, dict[str, Any]]] = [  # what happens to an order
    ("purchase", {"revenue": 100}),
    ("Order Completed", {"revenue": 99.5}),
    ("buy", {"order": {"total": "1.234,50 €"}, "revenue": 7}),
    ("buy", {"order": {"total": {"amount": "20", "currency": "gbp"}}}),
    ("buy", {"order": {"total": 30, "currency": "GBP"}}),
    ("Order Refunded", {"revenue": -20}),
    ("Order Refunded", {"revenue": -60}),
    ("refund", {"revenue": -5, "refund_id": "r1"}),
    ("refund", {"revenue": -6, "refund_id": "r2"}),
    *[("refund", {})] * 3,
    ("Order Cancelled", {}),
    ("refund", {"items": [{"item_id": "x"}]}),
    ("refund", {"ecommerce": {"items": [{"item_id": "x"}]}}),
    ("free", {"revenue": 0}),
    ("free", {"revenue": "much"}),
    ("begin_checkout", {"cart_total": 70}),
]
BY_CURRENCY: dict[str, Any] = {"dimensions": ["event:currency"]}


def held(events: Events, seeds: Iterable[int]) -> list[dict[str, Any]]:
    """Orders of many shops in one table: their numbers never meet."""
    rows = [
        {
            **event,
            "event_id": f"{event['event_id']}-{seed}",
            "order_id": event["order_id"] and f"{event['order_id']} {seed}",
        }
        for seed in seeds
        for event in random_orders(seed)
    ]
    events.hold(rows)
    return rows


@pytest.mark.parametrize("rules", [RULES, WITH_RATES], ids=["each currency", "converted"])
@pytest.mark.parametrize("start", [0, 20])
def test_revenue_of_random_orders_is_what_plain_python_says(events: Events, rules: MoneyRules, start: int) -> None:
    for seed in range(start, start + 20):
        rows = held(events, [seed])
        assert by_currency(events, revenue(rules, **BY_CURRENCY)) == expected(rows, rules), seed


def test_the_revenue_of_days_adds_up_to_that_of_their_range(events: Events) -> None:
    rows = [row for row in held(events, range(100)) if "refund_id" not in row["properties"]]
    events.hold(rows)
    days = [Period(BEGIN + number * DAY, BEGIN + (number + 1) * DAY) for number in range(10)]
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for day in days:
        for code, (total, _) in by_currency(events, revenue(RULES, day, **BY_CURRENCY)).items():
            totals[code] += Decimal(str(total))
    whole = by_currency(events, revenue(RULES, **BY_CURRENCY))
    assert {code: float(total) for code, total in totals.items()} == {code: told[0] for code, told in whole.items()}
    assert len(whole) > 3


MUTATIONS = {
    "an order is told as often as it likes": ("CASE WHEN is_again THEN NULL", "CASE WHEN false THEN NULL"),
    "an order is looked for a microsecond too short": ("OVER once <= 2592000000000", "OVER once < 2592000000000"),
    "an order is looked for in the period alone": ("- INTERVAL 30 DAY", "- INTERVAL 0 DAY"),
    "an order is looked for without end": ("OVER once <= 2592000000000", "OVER once <= 9592000000000"),
    "the last of an order counts": ("moment, event_id, sequence_number)", "moment DESC, event_id, sequence_number)"),
    "ties in the wrong order": ("moment, event_id, sequence_number)", "moment, event_id DESC, sequence_number)"),
    "refunds count once for an order": ("properties->>'$.refundId')", "'x')"),
    "each refund counts, whatever its id": ("WHEN amount < 0 THEN 'refund '", "WHEN false THEN 'refund '"),
    "a refund without amount is nothing": ("THEN 'refund of all'", "THEN NULL"),
    "a refund of items is one of all": ("IS NULL THEN 'refund of all'", "IS NULL OR true THEN 'refund of all'"),
    "a refund of all forgets what was refunded": ("sum(CASE WHEN amount < 0 AND NOT is_again", "sum(CASE WHEN false"),
    "a refund of all gives more than the order": ("-greatest(0, ", "-greatest(-1000, "),
    "a refund of all takes the dearest": ("arg_min(\n", "arg_max(\n"),
    "a refund is in no order's currency": ("CASE WHEN deed <> 'sale' OR amount < 0 THEN", "CASE WHEN false THEN"),
    "a goal's own property is not looked at": ("THEN struct_pack(text", "AND false THEN struct_pack(text"),
    "an average of refunds, too": ("FILTER (sells)", "FILTER (true)"),
    "marks beside amounts say nothing": ("coalesce(currency, named)", "coalesce(currency, NULL)"),
}  # fmt: skip
OF_RATES = {
    "a rate of the day before": ("THEN 0.333333", "THEN 0.9"),
    "rates change by UTC's clock": (
        "timezone($time_zone, occurred_at)",
        "timezone(replace($time_zone, 'Europe/Berlin', 'UTC'), occurred_at)",
    ),
    "a currency without a rate is left as it is": ("END AS revenue", "ELSE counted END AS revenue"),
    "amounts that name no currency stay without": ("sale.currency END, $", "sale.currency END, 'USD', $"),
}


@pytest.fixture(scope="module")
def answered() -> tuple[Events, dict[bool, dict[str, Any]]]:
    """Random orders, and what their revenue is without rates and with them."""
    events = Events()
    rows = held(events, range(200))
    right = {with_rates: expected(rows, WITH_RATES if with_rates else RULES) for with_rates in (False, True)}
    for with_rates, answer in right.items():
        statement = revenue(WITH_RATES if with_rates else RULES, **BY_CURRENCY)
        assert by_currency(events, statement) == answer
    return events, right


@pytest.mark.parametrize("mutation", [*MUTATIONS, *OF_RATES])
def test_a_mutation_of_the_statement_is_caught(
    answered: tuple[Events, dict[bool, dict[str, Any]]], mutation: str
) -> None:
    with_rates = mutation in OF_RATES
    right, wrong = {**MUTATIONS, **OF_RATES}[mutation]
    events, answers = answered
    statement = revenue(WITH_RATES if with_rates else RULES, **BY_CURRENCY)
    assert right in statement.sql
    mutant = replace(statement, sql=statement.sql.replace(right, wrong))
    assert by_currency(events, mutant) != answers[with_rates]
