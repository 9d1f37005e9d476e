"""The site of a query: its goals, funnels, segments and currencies, read from its document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from clickstream.filters.reader import FilterReader
from clickstream.filters.tree import Filter
from clickstream.identity.rules import Trust
from clickstream.profiles.rules import ProfileRules
from clickstream.querying.scope import (
    DECIMALS_OF_RATES,
    Audience,
    Currencies,
    Done,
    Every,
    Exclusion,
    Formula,
    Funnel,
    Goal,
    HasField,
    HasScore,
    HasTrait,
    Matching,
    Member,
    No,
    Rate,
    Sequence,
    Sharing,
    SiteScope,
    Some,
    Step,
    Took,
    TraitComes,
    Worth,
)
from clickstream.querying.sharing import shared_scope
from clickstream.sites.audience_standing import OfField, OfScore, OfTrait
from clickstream.sites.audiences import All, AnyOf, Condition, Did, DidNot, Events, In, Not, Sequenced, Sum
from clickstream.sites.document import KeyKind
from clickstream.sites.funnels import FunnelStep, Steps, Within, duration

if TYPE_CHECKING:
    from clickstream.sites.directory import Access
    from clickstream.sites.document import Site


def scope_of(access: Access) -> SiteScope:
    """The site of a query: what queries use of its document, and what the key may read."""
    site = access.site
    scope = SiteScope(
        site.site,
        site.time_zone,
        goals_of(site),
        funnels_of(site),
        segments_of(site),
        site.visits.split_at_midnight,
        currencies_of_site(site),
        site.events,
        audiences_of(site),
        trust=Trust(site.identity.trust),
        profiles=ProfileRules(site.profiles.label, site.profiles.first_write, site.currency),
    )
    if access.kind is not KeyKind.SHARE:
        return scope
    return shared_scope(scope, Sharing(site.smallest_shared_group, frozenset(site.shared_properties)))


def goals_of(site: Site) -> Mapping[str, Goal]:
    """The goals of a site's document, by name."""
    return {
        goal.name: Goal(goal.name, Matching(goal.event, goal.page, filters_of(goal.filters)), goal.revenue)
        for goal in site.goals
    }


def currencies_of_site(site: Site) -> Currencies:
    """The currency of a site's document, and its rates, the oldest first."""
    return Currencies(site.currency, {code: tuple(_rates(rates)) for code, rates in site.rates.items()})


def _rates(rates: float | Mapping[date, float]) -> Iterator[Rate]:
    by_day = sorted(rates.items()) if isinstance(rates, Mapping) else [(None, rates)]
    for day, factor in by_day:
        yield Rate(day, round(Decimal(repr(factor)), DECIMALS_OF_RATES))


def segments_of(site: Site) -> Mapping[str, tuple[Filter, ...]]:
    """The segments of a site's document, by name."""
    return {segment.name: filters_of(segment.filters) for segment in site.segments}


def filters_of(filters: list[object]) -> tuple[Filter, ...]:
    """Parse the filters of a document, which were validated with it."""
    return FilterReader(of_document=True).read(filters)


def funnels_of(site: Site) -> Mapping[str, Funnel]:
    """The funnels of a site's document, by name."""
    goals = goals_of(site)
    return {funnel.name: Funnel(funnel.name, sequence_of(funnel, funnel.within, goals)) for funnel in site.funnels}


def sequence_of(steps: Steps, within: Within, goals: Mapping[str, Goal]) -> Sequence:
    """Convert steps of a document; `goals` are those that they may name."""
    return Sequence(
        tuple(step_of(step, goals) for step in steps.steps),
        duration(steps.window) if steps.window is not None else None,
        within,
        steps.order,
        tuple(Exclusion(step_of(item, goals).matching, item.after) for item in steps.exclude),
    )


def step_of(step: FunnelStep, goals: Mapping[str, Goal]) -> Step:
    """Convert a step of a document; `goals` are those that it may name."""
    return Step(step.goal or step.event or step.page or "", matching_of(step, goals))


def matching_of(events: Events | FunnelStep, goals: Mapping[str, Goal]) -> Matching:
    """Which events a part of a document is about; `goals` are those that it may name."""
    filters = filters_of(events.filters)
    if events.goal is not None:
        goal = goals[events.goal].matching
        return Matching(goal.event, goal.page, (*goal.filters, *filters))
    return Matching(events.event, events.page, filters)


def audiences_of(site: Site) -> Mapping[str, Audience]:
    """The audiences of a site's document, by slug. None depends on itself."""
    goals = goals_of(site)
    return {
        audience.slug: Audience(
            audience.slug,
            audience.name,
            audience.of == "people",
            _formula(audience.where, goals),
            *(_length(text) for text in (audience.stay, audience.pause, audience.grace)),
        )
        for audience in site.audiences
    }


def _length(text: str | None) -> timedelta:
    return timedelta(0) if text is None else duration(text)


def _formula(condition: Condition, goals: Mapping[str, Goal]) -> Formula:
    match condition:
        case All():
            return Every(tuple(_formula(part, goals) for part in condition.all))
        case AnyOf():
            return Some(tuple(_formula(part, goals) for part in condition.any))
        case Not():
            return No(_formula(condition.not_, goals))
        case In():
            return Member(condition.in_)
        case DidNot():
            return No(Done(matching_of(condition.did_not, goals), duration(condition.within), 1))
        case Sum():
            least = Decimal(repr(condition.at_least))
            return Worth(matching_of(condition.sum, goals), duration(condition.within), condition.sum.property, least)
        case Sequenced():
            return Took(sequence_of(condition.sequence, Within.PERSON, goals), duration(condition.within))
        case OfTrait() | OfField() | OfScore():
            return _standing(condition)
        case Did():
            return _within_bounds(condition, matching_of(condition.did, goals))


def _standing(condition: OfTrait | OfField | OfScore) -> Formula:
    match condition:
        case OfTrait():
            trait = condition.trait
            if trait.in_next is None:
                return HasTrait(trait.name, _texts(trait.is_ or ()))
            ahead = TraitComes(trait.name, duration(trait.in_next))
            return Every((ahead, No(TraitComes(trait.name, timedelta(0)))))
        case OfField():
            field = condition.field
            least, most = (None if bound is None else Decimal(repr(bound)) for bound in (field.at_least, field.at_most))
            return HasField(field.name, _texts(field.is_ or ()), least, most)
        case OfScore():
            return HasScore(condition.score.name, condition.score.at_least)


def _texts(values: Iterable[str | bool | int | float]) -> tuple[str, ...]:
    return tuple(value if isinstance(value, str) else json.dumps(value) for value in values)


def _within_bounds(condition: Did, matching: Matching) -> Formula:
    """At least the least number, and not one more than the greatest."""
    within, times = duration(condition.within), condition.times
    parts: list[Formula] = []
    if times.at_least > 0:
        parts.append(Done(matching, within, times.at_least))
    if times.at_most is not None:
        parts.append(No(Done(matching, within, times.at_most + 1)))
    return parts[0] if len(parts) == 1 else Every(tuple(parts))
