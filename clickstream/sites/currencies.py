"""The part of a site's document about money: its currency, and the exchange rates of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from clickstream.problems import Place, refuse

MAX_CURRENCIES, MAX_DAYS = 200, 1000

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Factor = Annotated[float, Field(strict=True, ge=1e-9, le=1e9, allow_inf_nan=False)]


def _not_empty(factors: dict[date, float]) -> dict[date, float]:
    if not factors:
        raise ValueError("names no day")
    return factors


Dated = Annotated[dict[date, Factor], Field(max_length=MAX_DAYS), AfterValidator(_not_empty)]
Rates = Annotated[dict[Currency, Factor | Dated], Field(max_length=MAX_CURRENCIES)]


def check_rates(rates: Mapping[str, object], currency: str | None) -> None:
    """Raise ValueError if there are rates but no currency, or a rate for the currency itself."""
    refuse(_problems(rates, currency))


def _problems(rates: Mapping[str, object], currency: str | None) -> Iterator[tuple[Place, str]]:
    if currency is None:
        if rates:
            yield (), "needs `currency`: rates say what one unit of another currency is worth in it"
    elif currency in rates:
        yield (currency,), "is the site's own currency"
