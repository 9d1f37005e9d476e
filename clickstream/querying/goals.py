"""The goals and segments of a site, as its document states them, and what an event is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clickstream.querying.dimensions import property_sql
from clickstream.querying.filters import Filter, FilterReader
from clickstream.querying.scope import Goal, Matching

if TYPE_CHECKING:
    from clickstream.sites.document import Site


# Sums of it are exact, in whatever order, and neither NaN nor infinite.
MONEY = "DECIMAL(18, 4)"


def revenue(goal: Goal) -> str:
    """SQL for what an event of the goal is worth: null where it says no number."""
    return f"CAST(NULL AS {MONEY})" if goal.revenue is None else money(goal.revenue)


def money(property_name: str) -> str:
    """SQL for a property of an event as a sum of money: null where it is no number."""
    return f"TRY_CAST({property_sql(property_name)} AS {MONEY})"


def goals_of(site: Site) -> Mapping[str, Goal]:
    """The goals of a site's document, by name."""
    return {
        goal.name: Goal(goal.name, Matching(goal.event, goal.page, filters_of(goal.filters)), goal.revenue)
        for goal in site.goals
    }


def segments_of(site: Site) -> Mapping[str, tuple[Filter, ...]]:
    """The segments of a site's document, by name."""
    return {segment.name: filters_of(segment.filters) for segment in site.segments}


def filters_of(written: list[object]) -> tuple[Filter, ...]:
    """The filters of a document, which were found right when it was read."""
    return FilterReader(of_document=True).read(written)
