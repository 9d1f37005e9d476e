"""Of which site a question is, and what that site's document says about its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clickstream.querying.filters import Filter, leaves

if TYPE_CHECKING:
    from clickstream.querying.sequences.definition import Funnel


@dataclass(frozen=True, slots=True)
class Matching:
    """Events of which all that is said here holds; every event where nothing is said."""

    event: str | None = None
    """Their name."""
    page: str | None = None
    """They are views of a page whose path is like this; `*` stands for any text."""
    filters: tuple[Filter, ...] = ()
    """They name no goals and segments."""

    @property
    def needs_visits(self) -> bool:
        """Whether its condition stands over `visited` alone."""
        return any(item.of_visits for item in leaves(self.filters))


@dataclass(frozen=True, slots=True)
class Goal:
    """Events that a site is there for."""

    name: str
    matching: Matching
    revenue: str | None = None
    """The property that says what such an event is worth."""


@dataclass(frozen=True, slots=True)
class SiteScope:
    """The site whose rows are read, the time zone it counts its days in, and what it calls by a name."""

    site_id: str
    time_zone: str
    goals: Mapping[str, Goal] = field(default_factory=dict)
    funnels: Mapping[str, Funnel] = field(default_factory=dict)
    segments: Mapping[str, tuple[Filter, ...]] = field(default_factory=dict)
    split_at_midnight: bool = False
