"""Which events are meant by a goal or a step: a name, views of a page, filters; and what such an event is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream.querying.conditions import Parameters, conditions, need_visits
from clickstream.querying.filters import Filter, FilterReader

if TYPE_CHECKING:
    from clickstream.sites.document import Site


# Sums of it are exact, in whatever order, and neither NaN nor infinite.
MONEY = "DECIMAL(18, 4)"


@dataclass(frozen=True, slots=True)
class Matching:
    """Events of which all that is said here holds; every event where nothing is said."""

    event: str | None = None
    """Their name."""
    page: str | None = None
    """They are views of a page whose path is like this; `*` stands for any text."""
    filters: tuple[Filter, ...] = ()

    @property
    def needs_visits(self) -> bool:
        """Whether its condition stands over `visited` alone."""
        return need_visits(self.filters)


@dataclass(frozen=True, slots=True)
class Goal:
    """Events that a site is there for."""

    name: str
    matching: Matching
    revenue: str | None = None
    """The property that says what such an event is worth."""


def condition(matching: Matching, parameters: Parameters) -> str:
    """A SQL condition about an event; never null."""
    held: list[str] = []
    if matching.event is not None:
        held.append(f"event_name = {parameters.bind(matching.event)}")
    if matching.page is not None:
        held.append(f"event_type = 'page_view' AND {_page_like(matching.page, parameters)}")
    held.extend(conditions(matching.filters, parameters))
    return f"({' AND '.join(held)})" if held else "true"


def _page_like(pattern: str, parameters: Parameters) -> str:
    path = "coalesce(page_path, '(none)')"  # as the dimension event:page
    if "*" not in pattern:
        return f"{path} = {parameters.bind(pattern)}"
    like = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"{path} LIKE {parameters.bind(like)} ESCAPE '\\'"


def revenue(goal: Goal, parameters: Parameters) -> str:
    """SQL for what an event of the goal is worth: null where it says no number."""
    if goal.revenue is None:
        return f"CAST(NULL AS {MONEY})"
    pointer = "/" + goal.revenue.replace("~", "~0").replace("/", "~1")  # in the other syntax `*` would be any property
    return f"try_cast(json_extract_string(properties, {parameters.bind(pointer)}) AS {MONEY})"


def goals_of(site: Site) -> Mapping[str, Goal]:
    """The goals of a site's document, by name."""
    return {
        goal.name: Goal(goal.name, Matching(goal.event, goal.page, filters_of(goal.filters)), goal.revenue)
        for goal in site.goals
    }


def filters_of(written: list[object]) -> tuple[Filter, ...]:
    """The filters of a document, which were found right when it was read."""
    return FilterReader().read(written)
