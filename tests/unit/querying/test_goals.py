"""What an event of a goal is worth, by the place that the site's document names."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from clickstream.collecting.money import money
from clickstream.errors import InvalidSite
from clickstream.model.schema import EVENT_COLUMNS, arrow_schema
from clickstream.querying.amounts import amounts
from clickstream.querying.conditions import Parameters
from clickstream.querying.goals import goals_of
from clickstream.querying.period import Period
from clickstream.querying.revenue import RELATION, paid
from clickstream.querying.scope import SiteScope
from clickstream.querying.visits import relations
from clickstream.sites.document import parse_site
from tests.integration.querying.lake import event

PROPERTIES: dict[str, Any] = {
    "price": 9.5,
    "a.b": 1,
    "order": {"total": "12.50", "it's": 3, "a/b": 4, "m~n": 5, "*": 6, "free": "no", "lines": [{"sum": 7}, {"sum": 8}]},
}


def worth(place: str, properties: dict[str, Any] = PROPERTIES) -> tuple[Decimal | None, str]:
    """The amount and the currency of an event of a goal that names this place."""
    document = json.dumps({"site": "shop", "keys": [{"kind": "public", "key": "shop-web"}]})
    goal = {"name": "Order", "event": "purchase", "revenue": place}
    site = parse_site(json.dumps({**json.loads(document), "goals": [goal]}).encode(), expected="shop")
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    parameters = Parameters(SiteScope("shop", "UTC", goals_of(site)), Period(begin, begin + timedelta(days=1)))
    bought = event("1", "shop", begin, event_name="purchase", properties=json.dumps(properties))
    sql = f"WITH {relations(of_visits=False)},\n{paid('of_site', parameters, with_bots=False)} FROM {RELATION}"
    with duckdb.connect() as connection:
        connection.register("events", pa.Table.from_pylist([bought], schema=arrow_schema(EVENT_COLUMNS)))
        [row] = connection.execute(
            f"{sql} SELECT revenue, coalesce(revenue_currency, '(none)')", dict(parameters.of(sql))
        ).fetchall()
    return row[0], row[1]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        *(("price", "9.5"), ("a.b", "1"), ("/price", "9.5"), ("/order/total", "12.5"), ("/order/it's", "3")),
        *(("/order/a~1b", "4"), ("/order/m~0n", "5"), ("/order/*", "6"), ("/order/lines/1/sum", "8")),
        *(
            ("/order/free", None),
            ("/order/lines", None),
            ("/order/lines/2/sum", None),
            ("/order/total/x", None),
            ("/order", "12.5"),
            ("order", "12.5"),
        ),
    ],
)
def test_a_goal_is_worth_what_stands_at_its_place(place: str, expected: str | None) -> None:
    assert worth(place)[0] == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("place", "order", "expected"),
    [
        ("order", "1.234,50 €", ("1234.5", "EUR")),
        ("order", "kr. 7", ("7", "(not set)")),
        ("order", {"amount": "7,5", "currency": "usd"}, ("7.5", "USD")),
        ("order", {"price": 7, "priceCurrency": "£"}, ("7", "GBP")),
        ("/order/net/sum", {"net": {"sum": "(7)", "currency": "CHF"}}, ("-7", "CHF")),
        ("/order/net", {"net": "7 EUR", "currency": "null"}, ("7", "(not set)")),
        ("order", True, (None, "(none)")),
        ("order", "1,234.567.8", (None, "(none)")),
    ],
)
def test_a_goals_own_property_is_read_as_collecting_reads_revenue(
    place: str, order: Any, expected: tuple[str | None, str]
) -> None:
    amount, currency = expected
    assert worth(place, {"order": order, "revenue": 99}) == (None if amount is None else Decimal(amount), currency)


def test_amounts_of_any_text_are_those_that_collecting_reads() -> None:
    chance = random.Random(5)
    pieces = ["1", "0", "23", "456", ".", ",", " ", "'", "-", "€", "EUR", "$", "(", ")", "+", "\u2212", "\u00a0"]
    texts = ["".join(chance.choices(pieces, k=chance.randrange(1, 8))) for _ in range(3000)]
    texts += ["1e3", "true", "nan 5", "5 zł", "kr. 5", "9" * 61, "", "12,-", "1_000"]
    with duckdb.connect() as connection:
        source = "source AS (SELECT *, NULL::VARCHAR AS code FROM (SELECT unnest($texts) AS amount_text))"
        rows = connection.execute(
            f"WITH {source}, {amounts('read', 'source')} SELECT amount_text, amount, named FROM read", {"texts": texts}
        ).fetchall()
    assert len(rows) == len(texts)
    for text, amount, named in rows:
        read = money(text)
        exact = None if read.amount is None else Decimal(repr(read.amount)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        assert (amount, named if amount is not None else None) == (exact, read.currency), text


@pytest.mark.parametrize("place", ["/order~2", "/order~", "/a/~x"])
def test_a_place_that_is_no_pointer_is_told_when_the_document_is_read(place: str) -> None:
    with pytest.raises(InvalidSite, match=r"/goals/0/revenue: .*is no JSON pointer"):
        worth(place)
