"""What is looked for in a stream of events: steps in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from clickstream.querying.goals import filters_of, goals_of
from clickstream.querying.scope import Goal, Matching
from clickstream.sites.funnels import FunnelStep, Order, Within, duration

if TYPE_CHECKING:
    from clickstream.sites.document import Site


@dataclass(frozen=True, slots=True)
class Step:
    """One event that is looked for."""

    name: str
    matching: Matching


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Events that end an attempt between the step `after` (from 1) and the next; None: between any two."""

    matching: Matching
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps in their order, the last no later than `window` after the first; None: at any time."""

    steps: tuple[Step, ...]
    window: timedelta | None = None
    within: Within = Within.VISIT
    order: Order = Order.LOOSE
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def needs_visits(self) -> bool:
        """Whether it can be looked for over `visited` alone."""
        matchings = [*(step.matching for step in self.steps), *(exclusion.matching for exclusion in self.exclusions)]
        return self.within is Within.VISIT or any(matching.needs_visits for matching in matchings)


@dataclass(frozen=True, slots=True)
class Funnel:
    """A sequence that a site has given a name."""

    name: str
    sequence: Sequence


def funnels_of(site: Site) -> Mapping[str, Funnel]:
    """The funnels of a site's document, by name."""
    goals = goals_of(site)
    return {
        funnel.name: Funnel(
            funnel.name,
            Sequence(
                tuple(step_of(step, goals) for step in funnel.steps),
                duration(funnel.window) if funnel.window is not None else None,
                funnel.within,
                funnel.order,
                tuple(Exclusion(step_of(item, goals).matching, item.after) for item in funnel.exclude),
            ),
        )
        for funnel in site.funnels
    }


def step_of(step: FunnelStep, goals: Mapping[str, Goal]) -> Step:
    """A step of a document, with the goals that it may name."""
    filters = filters_of(step.filters)
    if step.goal is not None:
        goal = goals[step.goal].matching
        return Step(step.goal, Matching(goal.event, goal.page, (*goal.filters, *filters)))
    return Step(step.event or step.page or "", Matching(step.event, step.page, filters))
