"""The site that a query reads, and the parts of its document that queries use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from clickstream.filters.tree import Filter, leaves
from clickstream.identity.rules import Trust
from clickstream.profiles.rules import ProfileRules
from clickstream.sites.event_definitions import EventDefinitions
from clickstream.sites.funnels import Order, Within


@dataclass(frozen=True, slots=True)
class Matching:
    """Events that meet all of these conditions; every event if there are none."""

    event: str | None = None
    """Their name."""
    page: str | None = None
    """They are views of a page whose path matches this pattern; `*` matches any text."""
    filters: tuple[Filter, ...] = ()
    """They meet these filters, which name no goals and segments."""

    @property
    def needs_visits(self) -> bool:
        """Whether its condition needs the relation `visited`."""
        return any(item.of_visits for item in leaves(self.filters))


@dataclass(frozen=True, slots=True)
class Goal:
    """Events that count as conversions."""

    name: str
    matching: Matching
    revenue: str | None = None
    """The property that holds the revenue of such an event."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event to match."""

    name: str
    matching: Matching


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Events that end an attempt between the step `after` (from 1) and the next; None: between any two."""

    matching: Matching
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Ordered steps, the last no later than `window` after the first; None: at any time."""

    steps: tuple[Step, ...]
    window: timedelta | None = None
    within: Within = Within.VISIT
    order: Order = Order.LOOSE
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def needs_visits(self) -> bool:
        """Whether matching it needs the relation `visited`."""
        return self.within is Within.VISIT or any(matching.needs_visits for matching in self.matchings)

    @property
    def matchings(self) -> Iterator[Matching]:
        """The matchings of its steps, then those of its exclusions."""
        yield from (step.matching for step in self.steps)
        yield from (exclusion.matching for exclusion in self.exclusions)


@dataclass(frozen=True, slots=True)
class Funnel:
    """A named sequence of a site."""

    name: str
    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a share key opens: groups of at least `smallest_group` visitors, and these properties."""

    smallest_group: int
    properties: frozenset[str] = frozenset()
    revenue: bool = False
    """Whether all properties that hold revenue are shared."""

    @property
    def label(self) -> str:
        """The common label of all groups that are too small."""
        return f"(fewer than {self.smallest_group})"


DECIMALS_OF_RATES = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """Amount of the site's currency for one unit of another, from a day on by the site's clock; None: always."""

    since: date | None
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Currencies:
    """The currency of amounts that name none, and the rates that convert other currencies to it, by code."""

    default: str | None = None
    rates: Mapping[str, tuple[Rate, ...]] = field(default_factory=dict)
    """For each code at least one rate, the oldest first. Without rates, amounts stay in their own currencies."""


@dataclass(frozen=True, slots=True)
class Done:
    """The person caused at least `times` such events within this time before the moment."""

    matching: Matching
    within: timedelta
    times: int


@dataclass(frozen=True, slots=True)
class Worth:
    """The numbers in a property of such events within this time before the moment add up to at least `least`."""

    matching: Matching
    within: timedelta
    property: str
    least: Decimal


@dataclass(frozen=True, slots=True)
class Took:
    """The person took all steps of a sequence, the first within this time before the moment."""

    sequence: Sequence
    within: timedelta


@dataclass(frozen=True, slots=True)
class HasTrait:
    """The person's trait has one of these values as text; without values, any."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraitComes:
    """The moment in the person's trait is at most so far ahead, or past."""

    name: str
    ahead: timedelta


@dataclass(frozen=True, slots=True)
class HasField:
    """A field of the person's profile has one of these values, or lies within these bounds, which are included."""

    name: str
    values: tuple[str, ...] = ()
    least: Decimal | None = None
    most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class HasScore:
    """A score of the person is at least this."""

    name: str
    least: float


@dataclass(frozen=True, slots=True)
class Member:
    """The person is in another audience."""

    slug: str


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold; so it holds without any."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Any part holds."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class No:
    """The part does not hold."""

    part: Formula


Standing = HasTrait | TraitComes | HasField | HasScore
"""What all of a person's past says."""
Atom = Done | Worth | Took | Standing | Member
Formula = Atom | Every | Some | No


@dataclass(frozen=True, slots=True)
class Audience:
    """People who meet a formula. With `known_only`, anonymous persons are no members."""

    slug: str
    name: str
    known_only: bool
    formula: Formula
    stay: timedelta = timedelta(0)
    """How long a membership lasts at least."""
    pause: timedelta = timedelta(0)
    """How much time is at least between two memberships of a person."""
    grace: timedelta = timedelta(0)
    """How long a membership that time ends waits for events that renew it."""

    @property
    def is_lasting(self) -> bool:
        """Whether a membership also depends on the last one."""
        return any((self.stay, self.pause, self.grace))


@dataclass(frozen=True, slots=True)
class SiteScope:
    """The site whose rows a query reads, its time zone, and its goals, funnels and segments by name."""

    site_id: str
    time_zone: str
    goals: Mapping[str, Goal] = field(default_factory=dict)
    funnels: Mapping[str, Funnel] = field(default_factory=dict)
    segments: Mapping[str, tuple[Filter, ...]] = field(default_factory=dict)
    split_at_midnight: bool = False
    currencies: Currencies = Currencies()
    events: EventDefinitions = EventDefinitions()
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    """By slug; none depends on itself."""
    sharing: Sharing | None = None
    """What a share key opens; None for a read key."""
    trust: Trust = Trust.ANY
    """Whose user ids are believed."""
    profiles: ProfileRules = ProfileRules()
