"""Revenue of events, each order counted once: docs/revenue.md in SQL.

`paid` is one of the relations of visitors.py and visits.py with these columns: `counted`, the event's revenue in its
own currency; `revenue_currency`, that currency; `revenue`, the same in the site's currency if the site has rates;
`counts`, whether the event counts for revenue; `sells`, whether it is a sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from clickstream.filters.deeds import DEED
from clickstream.filters.dimensions import NOT_SET
from clickstream.filters.tree import Comparison, Presence, leaves
from clickstream.model.commerce import CURRENCY_NAMES
from clickstream.problems import escape
from clickstream.querying.amounts import MONEY, amounts
from clickstream.querying.conditions import Parameters, condition
from clickstream.querying.scope import DECIMALS_OF_RATES, Goal, Matching, Rate
from clickstream.querying.visitors import HISTORY

RELATION = "paid"
BEGIN = "CAST($from AS TIMESTAMPTZ)"
# Names of an amount within an object. Any other object has no revenue.
_AMOUNTS = ("amount", "value", "total", "revenue", "price")
_LOOK_BACK = HISTORY // timedelta(microseconds=1)


def paid(
    relation: str,
    parameters: Parameters,
    *,
    with_bots: bool,
    goal: Goal | None = None,
    begin: str = BEGIN,
    of_relation: bool = False,
) -> str:
    """Common table expressions, the last of which is `paid`: the relation with the revenue of its events.

    Orders are read from `HISTORY` before `begin` on. The revenue property of `goal`, if given, takes precedence over
    those of the site's goals. `of_relation` if the relation has few events: then no others are looked at, but those
    with an order.
    """
    goals = [*([goal] if goal else []), *parameters.site.goals.values()]
    worth = _worth(goals, parameters)
    currencies = parameters.site.currencies
    default = parameters.bind(currencies.default) if currencies.default else f"'{NOT_SET}'"
    people = "" if with_bots else " AND is_bot IS NOT TRUE"
    return ",\n".join(
        [
            _money(worth, default, people, begin, relation if of_relation else "of_site"),
            _paid(relation, _converted(parameters)),
        ]
    )


def looks_at_money(*parts: str) -> bool:
    """Whether any of these parts of SQL uses `revenue_currency`, which only `paid` has."""
    return any("revenue_currency" in part for part in parts)


def looks_at_orders(sql: str) -> bool:
    """Whether a statement defines `paid`, and so reads `HISTORY` before its period."""
    return f"{RELATION} AS NOT MATERIALIZED (" in sql


def currencies_of(source: str, where: str = "true") -> str:
    """The common table expression `currencies`: one row with the sorted list of currencies of the source's revenue."""
    return (
        "currencies AS (\n"
        "    SELECT coalesce(list_sort(list(DISTINCT revenue_currency)), []) AS currencies\n"
        f"    FROM {source}\n    WHERE revenue_currency IS NOT NULL AND counts AND {where}\n)"
    )


def _worth(goals: Sequence[Goal], parameters: Parameters) -> str:
    """SQL for the revenue that an event states: a struct of its text and of the currency property next to it."""
    usual = "struct_pack(text := properties->>'$.revenue', code := CAST(NULL AS VARCHAR))"
    cases = [
        f"WHEN {condition(_of_event(goal.matching), parameters)} THEN {_property_worth(goal.revenue)} "
        for goal in goals
        if goal.revenue is not None
    ]
    return f"CASE {''.join(cases)}ELSE {usual} END" if cases else usual


def _of_event(matching: Matching) -> Matching:
    """The matching without its filters if any is about visits or currencies: revenue depends on the event alone."""
    of_others = any(
        item.of_visits or (isinstance(item, Comparison | Presence) and item.dimension.of_money)
        for item in leaves(matching.filters)
    )
    return Matching(matching.event, matching.page) if of_others else matching


def _property_worth(place: str) -> str:
    """The same struct for a property, or for a JSON pointer into one; if an object is there, for its amount."""
    pointer = place if place.startswith("/") else f"/{escape(place)}"
    parent = pointer.rpartition("/")[0]
    amounts_in = [*(f"{pointer}/{name}" for name in _AMOUNTS), pointer]
    codes = [f"{pointer}/{name}" for name in CURRENCY_NAMES]
    if parent:
        codes += [f"{parent}/{name}" for name in CURRENCY_NAMES]
    return f"struct_pack(text := {_first(amounts_in)}, code := {_first(codes)})"


def _first(pointers: Sequence[str]) -> str:
    places = ", ".join("properties->>'" + pointer.replace("'", "''") + "'" for pointer in pointers)
    return f"coalesce({places})"


def _converted(parameters: Parameters) -> str:
    """SQL for the column `counted` converted to the site's currency; null for a currency without a rate."""
    currencies = parameters.site.currencies
    if not currencies.rates:
        return "counted"
    cases = [f"WHEN revenue_currency = {parameters.bind(currencies.default or '')} THEN counted"]
    for code, rates in currencies.rates.items():
        rate = f"CAST({_rate(rates)} AS DECIMAL(20, {DECIMALS_OF_RATES}))"
        cases.append(f"WHEN revenue_currency = {parameters.bind(code)} THEN TRY_CAST(counted * {rate} AS {MONEY})")
    return f"CASE {' '.join(cases)} END"


def _rate(rates: Sequence[Rate]) -> str:
    """SQL for the latest rate whose day has begun by the site's clock, else the first."""
    first, *later = rates
    if not later:
        return f"{first.factor:f}"
    whens = [
        f"WHEN CAST(timezone($time_zone, occurred_at) AS DATE) >= DATE '{rate.since}' THEN {rate.factor:f}"
        for rate in reversed(later)
    ]
    return f"CASE {' '.join(whens)} ELSE {first.factor:f} END"


def _money(worth: str, default: str, people: str, begin: str, without_order: str) -> str:
    """The relation `money`: the few events that state revenue or name an order.

    `deed` is what can happen to an order once: its sale, its full refund, and each refund with an id. A repetition of
    one within 30 days does not count, so that the days of a range add up to the range.
    """
    return f"""
worths AS (
    SELECT event_id, sequence_number, epoch_us(occurred_at) AS moment, event_name, properties, order_id, currency,
        worth.text AS amount_text, worth.code AS code
    FROM (
        SELECT *, {worth} AS worth
        FROM (
            SELECT * FROM events
            WHERE site = $site{people} AND order_id IS NOT NULL
                AND occurred_at >= {begin} - INTERVAL {HISTORY.days} DAY
                AND occurred_at < CAST($to AS TIMESTAMPTZ) + INTERVAL 1 DAY
            UNION ALL BY NAME
            SELECT * FROM {without_order} WHERE order_id IS NULL
        )
    )
    WHERE order_id IS NOT NULL OR worth.text IS NOT NULL
),
{amounts("priced", "worths")},
order_events AS (
    SELECT *, coalesce(currency, named) AS own_currency,
        {DEED} AS deed
    FROM priced
    WHERE order_id IS NOT NULL
),
sales AS (
    SELECT *,
        deed IS NOT NULL AND coalesce(moment - lag(moment) OVER once <= {_LOOK_BACK}, false) AS is_again,
        arg_min(
            struct_pack(amount := amount, currency := coalesce(own_currency, {default})),
            struct_pack(moment := moment, event_id := event_id, sequence_number := sequence_number)
        ) FILTER (deed = 'sale') OVER lately AS sale
    FROM order_events
    WINDOW once AS (PARTITION BY order_id, deed ORDER BY moment, event_id, sequence_number),
        lately AS (PARTITION BY order_id ORDER BY moment RANGE BETWEEN {_LOOK_BACK} PRECEDING AND CURRENT ROW)
),
money AS MATERIALIZED (
    SELECT event_id, sequence_number, moment, in_currency,
        CASE WHEN is_again THEN NULL
            WHEN deed = 'refund of all' THEN -greatest(0, sale.amount + coalesce(
                sum(CASE WHEN amount < 0 AND NOT is_again THEN amount END) OVER lately, 0
            ))
            ELSE amount END AS counted
    FROM (
        SELECT *,
            coalesce(own_currency, CASE WHEN deed <> 'sale' OR amount < 0 THEN sale.currency END, {default})
                AS in_currency
        FROM sales
    )
    WHERE amount IS NOT NULL OR (deed = 'refund of all' AND sale IS NOT NULL)
    WINDOW lately AS (
        PARTITION BY order_id, in_currency ORDER BY moment RANGE BETWEEN {_LOOK_BACK} PRECEDING AND CURRENT ROW
    )
    UNION ALL
    SELECT event_id, sequence_number, moment, coalesce(currency, named, {default}), amount
    FROM priced
    WHERE order_id IS NULL AND amount IS NOT NULL
)""".strip()


def _paid(relation: str, converted: str) -> str:
    return f"""
{RELATION} AS NOT MATERIALIZED (
    SELECT *, {converted} AS revenue, counted IS NOT NULL AS counts, counted >= 0 AS sells
    FROM (
        SELECT base.*, CAST(money.counted AS {MONEY}) AS counted, money.in_currency AS revenue_currency
        FROM {relation} AS base LEFT JOIN money ON base.event_id = money.event_id
            AND base.sequence_number = money.sequence_number
            AND epoch_us(base.occurred_at) = money.moment
    )
)""".strip()
