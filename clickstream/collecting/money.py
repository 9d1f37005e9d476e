"""Parses amounts of money: numbers, texts in the notation of any country, objects, millionths, and lists of items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from clickstream.collecting.field_readers import number
from clickstream.model.commerce import CURRENCY_NAMES, LONGEST_TEXT, SYMBOLS
from clickstream.privacy.nobody import means_nothing

Amount = int | float
# A column of money has 14 digits before the point.
LARGEST = Decimal(10) ** 14
# Endings of names of amounts, with their units: the currency's own, hundredths and millionths.
UNITS: Mapping[str, Decimal] = {
    "": Decimal(1),
    **dict.fromkeys(("_cents", "Cents"), Decimal("0.01")),
    **dict.fromkeys(("_micros", "Micros"), Decimal("0.000001")),
}
# Variants of the marks in numbers: minus, dash, apostrophe, the Arabic decimal and group separators.
_MARKS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2019": "'", "\u066b": ".", "\u066c": ","})
_WORD = r"[^\d\s.,'()+-]{1,4}\.?"
_TEXT = re.compile(
    rf"(?:(?P<first>{_WORD})\s*)?(?P<sign>[+-]?)\s*(?:(?P<second>{_WORD})\s*)?"
    rf"(?P<digits>\d[\d.,'\s]*|[.,]\d+)(?P<end>-?)\s*(?P<third>{_WORD})?"
)
_GROUPED = re.compile(r"\d{1,3}(?:[\s']\d{3})+(?:[.,]\d*)?")


class Money(NamedTuple):
    """An amount, None if there is none, and its currency (ISO 4217), None if it names none."""

    amount: Amount | None = None
    currency: str | None = None


NONE = Money()


def names(*bases: str) -> Mapping[str, Decimal]:
    """Each name with every ending of UNITS -> its unit."""
    return {f"{base}{ending}": unit for base in bases for ending, unit in UNITS.items()}


OF_AN_OBJECT = names("amount", "value", "total", "revenue", "price")
OF_AN_ITEM = names("price", "item_price", "unit_price", "unitPrice")


def money(value: object, unit: Decimal = Decimal(1)) -> Money:
    """The amount in a value: a number, a text such as `1.234,50 €`, or an object with an amount and a currency.

    `unit` is the factor from the value's unit to the currency's own. Any other value has no amount.
    """
    if isinstance(value, str):
        return _of_text(value, unit)
    if isinstance(value, dict):
        return _of_object(value, unit)
    amount = number(value)
    return NONE if amount is None else Money(_scaled(amount, unit))


def first_of(members: Mapping[str, Any], among: Mapping[str, Decimal]) -> Money:
    """The value of the first of these names that has an amount."""
    for name, unit in among.items():
        if name in members and (value := money(members[name], unit)).amount is not None:
            return value
    return NONE


def currency(value: object) -> str | None:
    """The ISO 4217 code for a code or symbol of a currency; None for any other value."""
    return _code(value) if isinstance(value, str) and len(value) <= LONGEST_TEXT else None


@lru_cache(maxsize=1024)  # a site has few currencies
def _code(text: str) -> str | None:
    code = text.strip()
    if len(code) == 3 and code.isascii() and code.isalpha():
        return None if means_nothing(code) else code.upper()
    return SYMBOLS.get(code.lower())


def currency_of(members: Mapping[str, Any]) -> str | None:
    """The currency that an object names, None if it names none."""
    return next((code for name in CURRENCY_NAMES if name in members and (code := currency(members[name]))), None)


def sum_of_items(items: object) -> Money:
    """The sum of prices times quantities. No amount if any item has no price: a partial sum would be wrong."""
    if not isinstance(items, list) or not items:
        return NONE
    parts = list(_items(items))
    if any(part.amount is None for part in parts):
        return NONE
    return Money(
        _plain(sum((Decimal(repr(part.amount)) for part in parts), Decimal(0))),
        next((part.currency for part in parts if part.currency), None),
    )


def negative(amount: Amount) -> Amount:
    """The amount of a refund, which clients send with either sign."""
    return -abs(amount) if amount else amount


def _items(items: Iterable[object]) -> Iterator[Money]:
    for item in items:
        if not isinstance(item, dict):
            yield NONE
            continue
        price = first_of(item, OF_AN_ITEM)
        quantity = 1 if item.get("quantity") in (None, "") else money(item["quantity"]).amount
        if price.amount is None or quantity is None:
            yield NONE
            continue
        amount = _scaled(price.amount, Decimal(repr(quantity)))
        yield Money(amount, price.currency or currency_of(item))


def _of_object(members: Mapping[str, Any], unit: Decimal, *, is_within: bool = False) -> Money:
    """An amount by one of its names, or Google's type Money with whole units and billionths. Objects in it are read to
    one level.
    """
    code = currency_of(members)
    for name, each in OF_AN_OBJECT.items():
        value = members.get(name)
        if isinstance(value, dict) and is_within:
            continue
        part = _of_object(value, unit * each, is_within=True) if isinstance(value, dict) else money(value, unit * each)
        if part.amount is not None:
            return Money(part.amount, code or part.currency)
    units, nanos = number(members.get("units")), number(members.get("nanos", 0))
    if units is None or nanos is None:
        return NONE
    return Money(_scaled(units, unit, Decimal(nanos) / 10**9), code)


def _of_text(text: str, unit: Decimal) -> Money:
    if len(text) > LONGEST_TEXT:
        return NONE
    amount, code = _read(text)
    return NONE if amount is None else Money(_plain(amount * unit), code)


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[Decimal | None, str | None]:
    stripped = text.translate(_MARKS).strip()
    in_brackets = stripped.startswith("(") and stripped.endswith(")")
    match = _TEXT.fullmatch(stripped[1:-1].strip() if in_brackets else stripped)
    if match is None:
        plain = number(stripped)  # such as 1e5
        return (None if plain is None else Decimal(repr(plain))), None
    words = [word for name in ("first", "second", "third") if (word := match[name])]
    if len(words) > 1:
        return None, None
    amount = _of_digits(match["digits"].strip())
    if amount is None:
        return None, None
    # A dash after the decimal separator, as in `12,-`, means no cents.
    is_negative = in_brackets or match["sign"] == "-" or (match["end"] and match["digits"][-1] not in ".,")
    return (-amount if is_negative else amount), (currency(words[0].rstrip(".")) if words else None)


def _of_digits(digits: str) -> Decimal | None:
    """The number of digits with separators between them. A separator that occurs twice, or before another one, groups
    digits. One that occurs once is the decimal separator, except a comma before exactly three digits: `1,234` is 1234.
    """
    if "'" in digits or len(digits.split()) > 1:
        if _GROUPED.fullmatch(digits) is None:
            return None
        digits = re.sub(r"[\s']", "", digits)
    last = max(digits.rfind("."), digits.rfind(","))
    if last >= 0:
        mark, other = digits[last], "," if digits[last] == "." else "."
        whole, rest = digits[:last], digits[last + 1 :]
        groups = mark in whole or (mark == "," and len(rest) == 3 and other not in whole and whole not in ("", "0"))
        if groups and other in whole:
            return None  # 1,234.567.890 is no number in any country
        digits = digits.replace(mark, "") if groups else f"{whole.replace(other, '')}.{rest}"
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


def _scaled(amount: Amount, unit: Decimal, more: Decimal = Decimal(0)) -> Amount | None:
    if unit == 1 and not more:
        return amount
    return _plain((Decimal(repr(amount)) + more) * unit)


def _plain(amount: Decimal) -> Amount | None:
    """The amount as a JSON number; None if it exceeds the column of money."""
    if abs(amount) >= LARGEST:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)
