"""Metrics computed in plain Python from the events of a group, by the words of docs/query.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.integration.querying.plain_revenue import Worth


@dataclass(frozen=True, slots=True)
class Seen:
    """What metrics look at of one event."""

    visitor: str | None
    visit: int | None
    is_view: bool
    bounced: bool
    visit_us: int
    is_entry: bool
    is_exit: bool
    engaged_ms: float | None
    depth: float | None
    worth: Worth | None
    first_visit: bool
    person: str | None
    person_known: bool


Members = Sequence[Seen]


def visits(members: Members) -> dict[int, Seen]:
    return {item.visit: item for item in members if item.visit is not None}


def visitors(members: Members) -> set[str]:
    return {item.visitor for item in members if item.visitor is not None}


def bounces(members: Members) -> int:
    return sum(item.bounced for item in visits(members).values())


def views(members: Members) -> int:
    return sum(item.is_view for item in members)


def revenues(members: Members) -> list[Decimal]:
    return [worth.revenue for item in members if (worth := item.worth) is not None and worth.revenue is not None]


def currencies(members: Members) -> set[str]:
    """Those in which any of the events counts."""
    return {worth.currency for item in members if (worth := item.worth) is not None and worth.counted is not None}


def mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def percent(part: int, whole: int) -> float | None:
    return 100.0 * part / whole if whole else None


def _visit_duration(members: Members, _: Any) -> float | None:
    seconds = mean([item.visit_us for item in visits(members).values()])
    return None if seconds is None else seconds / 1e6


def _time_on_page(members: Members, _: Any) -> float | None:
    told = mean([item.engaged_ms for item in members if item.engaged_ms is not None])
    return None if told is None else told / 1000


def _average_revenue(members: Members, _: Any) -> float | None:
    found = revenues(members)
    sales = [worth for worth in found if worth >= 0]
    return float(sum(found)) / len(sales) if sales else None


def _of_visitors(members: Members, compared: set[str]) -> float | None:
    return percent(len(visitors(members)), len(compared))


METRICS: Mapping[str, Callable[[Members, set[str]], float | None]] = {
    "visitors": lambda members, _: len(visitors(members)),
    "people": lambda members, _: len({item.person for item in members} - {None}),
    "known_people": lambda members, _: len({item.person for item in members if item.person_known}),
    "visits": lambda members, _: len(visits(members)),
    "pageviews": lambda members, _: views(members),
    "events": lambda members, _: len(members),
    "bounces": lambda members, _: bounces(members),
    "bounce_rate": lambda members, _: percent(bounces(members), len(visits(members))),
    "visit_duration": _visit_duration,
    "views_per_visit": lambda members, _: views(members) / len(visits(members)) if visits(members) else None,
    "time_on_page": _time_on_page,
    "scroll_depth": lambda members, _: mean([item.depth for item in members if item.depth is not None]),
    "entries": lambda members, _: sum(item.is_entry for item in members),
    "exits": lambda members, _: sum(item.is_exit for item in members),
    "exit_rate": lambda members, _: percent(sum(item.is_exit for item in members), views(members)),
    "new_visitors": lambda members, _: len(visitors([item for item in members if item.first_visit])),
    "returning_visitors": lambda members, _: len(visitors([item for item in members if not item.first_visit])),
    "percentage": _of_visitors,
    "conversion_rate": _of_visitors,
    "group_conversion_rate": _of_visitors,
    "total_revenue": lambda members, _: float(sum(revenues(members))),
    "average_revenue": _average_revenue,
}
OF_MONEY = ("total_revenue", "average_revenue")
