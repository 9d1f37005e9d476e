"""The currency and the rates of a site's document, and the problems of wrong ones."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from clickstream.errors import InvalidSite
from clickstream.querying.goals import currencies_of_site
from clickstream.querying.scope import Currencies, Rate
from clickstream.sites.document import parse_site

SITE = "site: shop\nkeys: [{kind: public, key: shop-web}]\n"


def read(text: str) -> Currencies:
    return currencies_of_site(parse_site((SITE + text).encode(), expected="shop"))


def test_a_rate_is_a_number_or_numbers_by_day() -> None:
    found = read("currency: EUR\nrates:\n  USD: 0.92\n  JPY: {2026-07-01: 0.0061, '2026-01-01': 0.0062}\n")
    assert found == Currencies(
        "EUR",
        {
            "USD": (Rate(None, Decimal("0.92")),),
            "JPY": (Rate(date(2026, 1, 1), Decimal("0.0062")), Rate(date(2026, 7, 1), Decimal("0.0061"))),
        },
    )
    assert read("") == Currencies()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("currency: euro", r"/currency: .*pattern"),
        ("currency: eur", r"/currency: .*pattern"),
        ("rates: {USD: 0.9}", r"/rates: needs `currency`"),
        ("currency: EUR\nrates: {EUR: 1}", r"/rates/EUR: is the site's own currency"),
        ("currency: EUR\nrates: {usd: 1}", r"/rates/usd"),
        ("currency: EUR\nrates: {USD: 0}", r"/rates/USD"),
        ("currency: EUR\nrates: {USD: -1}", r"/rates/USD"),
        ("currency: EUR\nrates: {USD: .inf}", r"/rates/USD"),
        ("currency: EUR\nrates: {USD: true}", r"/rates/USD"),
        ("currency: EUR\nrates: {USD: '0,9'}", r"/rates/USD"),
        ("currency: EUR\nrates: {USD: {}}", r"/rates/USD.*names no day"),
        ("currency: EUR\nrates: {USD: {yesterday: 1}}", r"/rates/USD"),
    ],
)
def test_what_is_no_rate_is_told_at_its_place(text: str, problem: str) -> None:
    with pytest.raises(InvalidSite, match=problem):
        read(text)
