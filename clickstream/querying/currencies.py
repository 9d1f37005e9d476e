"""Currencies of the money in an answer: keys of `meta`, and whether two periods can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clickstream.filters.dimensions import CURRENCY, NOT_SET
from clickstream.querying.metrics import Need
from clickstream.querying.scope import SiteScope

if TYPE_CHECKING:
    from clickstream.querying.request import QueryRequest

# Keys of `meta` about money; a withheld answer has none of them.
MONEY_META_KEYS = ("currency", "currencies", "currency_note")


def currency_meta(codes: Sequence[str], site: SiteScope, *, by_currency: bool) -> dict[str, Any]:
    """Keys for `meta`: `currency`, the one currency of all amounts, or null; `currencies`, those of the events with
    revenue; and `currency_note`, which amounts are missing and what to do about it. A share key gets no `currencies`,
    since only few visitors may have used one of them.
    """
    currencies = site.currencies
    meta: dict[str, Any] = {"currency": None}
    if site.sharing is None:
        meta["currencies"] = list(codes)
    shown = _listed(codes) if site.sharing is None else "several currencies"
    if currencies.rates:
        meta["currency"] = currencies.default
        if left_out := [code for code in codes if code != currencies.default and code not in currencies.rates]:
            shown = _listed(left_out) if site.sharing is None else "some currencies"
            meta["currency_note"] = f"The site's document has no rate for {shown}: these amounts are left out."
    elif len(codes) > 1:
        if not by_currency:
            meta["currency_note"] = (
                f"Revenue is in {shown}, which are never added up. Ask for the dimension {CURRENCY}, filter by it, or "
                "give the site's document `rates`."
            )
    elif codes and codes[0] != NOT_SET:
        meta["currency"] = codes[0]
    elif not codes:
        meta["currency"] = currencies.default
    return meta


def _listed(codes: Sequence[str]) -> str:
    names = [code for code in codes if code != NOT_SET]
    if NOT_SET in codes:
        names.append("amounts that name no currency")
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def currency_codes(request: QueryRequest, rows: Sequence[Sequence[Any]]) -> Sequence[str] | None:
    """The currencies in the last column of the statement's rows; None if no metric is about money."""
    if not any(Need.REVENUE in metric.needs for metric in request.metrics):
        return None
    return (rows[0][-1] or ()) if rows else ()


def same_currency(
    codes: Sequence[str] | None, codes_before: Sequence[str] | None, request: QueryRequest, site: SiteScope
) -> bool:
    """Whether the money of two periods can be compared: both are in one currency, or rows are grouped by currency."""
    if site.currencies.rates or any(dimension.of_money for dimension in request.dimensions):
        return True
    return len({*(codes or ()), *(codes_before or ())}) <= 1
