"""The part of a site's document with audiences: people who meet a condition now, and no longer when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StrictInt,
    StringConstraints,
    model_validator,
)

from clickstream.problems import Place
from clickstream.sites.audience_standing import OfField, OfScore, OfTrait
from clickstream.sites.filter_lists import FilterList
from clickstream.sites.funnels import Duration, Steps, duration
from clickstream.sites.goals import EVENT, FILTERS, PAGE, Name, PagePattern
from clickstream.sites.limits import MAX_NAMES_SHOWN

MAX_AUDIENCES = 100
MAX_CONDITIONS = 20
MAX_DEPTH = 8
MAX_TIMES = 1000
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Events(_Strict):
    """Events of a goal, of a name, or views of a page; without any of the three, all events."""

    goal: Name | None = Field(default=None, description="Name of one of the site's goals.")
    event: Name | None = Field(default=None, description=EVENT)
    page: PagePattern | None = Field(default=None, description=PAGE)
    filters: FilterList = Field(default_factory=list, description=FILTERS)

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [self.goal, self.event, self.page].count(None) < 2:
            raise ValueError("names a goal, an event or a page, and only one of them")
        return self


class Amounts(Events):
    """Events whose amounts are added up."""

    property: Name = Field(description="The property whose numbers are added up; an event without a number adds none.")


class Times(_Strict):
    """How often something was done, within bounds that are both included."""

    at_least: Annotated[StrictInt, Field(ge=0, le=MAX_TIMES)] = Field(default=1, description="The least number.")
    at_most: Annotated[StrictInt, Field(ge=0, le=MAX_TIMES)] | None = Field(
        default=None, description="The greatest number; none: no bound."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most is {self.at_most}, less than at_least, which is {self.at_least}")
        return self


WITHIN = "How long an event counts, such as 30m, 12h or 7d; 400d at most."


class Did(_Strict):
    """They caused such events lately."""

    did: Events = Field(description="Which events.")
    times: Times = Field(default_factory=Times, description="How many of them; by default at least one.")
    within: Duration = Field(description=WITHIN)


class DidNot(_Strict):
    """They caused no such event lately."""

    did_not: Events = Field(description="Which events.")
    within: Duration = Field(description=WITHIN)


class Sum(_Strict):
    """The amounts of such events lately add up to at least this."""

    sum: Amounts = Field(description="Which events, and which of their properties.")
    at_least: Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)] = Field(description="The least sum.")
    within: Duration = Field(description=WITHIN)


class Sequenced(_Strict):
    """They took all steps of a sequence lately."""

    sequence: Steps = Field(description="The steps, as those of a funnel, in all of the person's events.")
    within: Duration = Field(description="How long an attempt counts from its first step, such as 14d; 400d at most.")


class In(_Strict):
    """They are in another audience of the site."""

    in_: Slug = Field(alias="in", description="Slug of the other audience.")


def _some(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if not conditions:  # not as the field's length, which would count only the valid ones
        raise ValueError("needs at least one condition")
    return conditions


class All(_Strict):
    """All of the conditions hold."""

    all: Annotated[tuple[Condition, ...], AfterValidator(_some)] = Field(description="Conditions; at least one.")


class AnyOf(_Strict):
    """Any of the conditions holds."""

    any: Annotated[tuple[Condition, ...], AfterValidator(_some)] = Field(description="Conditions; at least one.")


class Not(_Strict):
    """The condition does not hold."""

    not_: Condition = Field(alias="not", description="A condition.")


def _condition(value: object) -> object:
    """Parse a condition by the one word that says its kind, so that each problem gets its own place."""
    named = [kind for kind in KINDS if isinstance(value, Mapping) and kind in value]
    if len(named) != 1:
        raise ValueError(f"needs one of {', '.join(KINDS)}, and only one of them")
    return KINDS[named[0]].model_validate(value)


Condition = Annotated[
    All | AnyOf | Not | Did | DidNot | Sum | Sequenced | OfTrait | OfField | OfScore | In,
    PlainValidator(
        _condition,
        json_schema_input_type=All | AnyOf | Not | Did | DidNot | Sum | Sequenced | OfTrait | OfField | OfScore | In,
    ),
]
KINDS: Mapping[str, type[BaseModel]] = {
    "all": All,
    "any": AnyOf,
    "not": Not,
    "did": Did,
    "did_not": DidNot,
    "sum": Sum,
    "sequence": Sequenced,
    "trait": OfTrait,
    "field": OfField,
    "score": OfScore,
    "in": In,
}
for _group in (All, AnyOf, Not):
    _group.model_rebuild()
OfEvents = Did | DidNot | Sum | Sequenced
Leaf = OfEvents | OfTrait | OfField | OfScore | In


class Audience(_Strict):
    """People who meet a condition. They leave when it ends, also if it ends only because time passes."""

    name: Name = Field(description="What the audience is called, on the dashboard.")
    slug: Slug = Field(description="What it is called in queries and messages: lower case letters, digits and hyphens.")
    of: Literal["people", "everyone"] = Field(
        default="people", description="people: known ones alone; everyone: anonymous visitors too."
    )
    where: Condition = Field(description="What must hold of a member.")
    stay: Duration | None = Field(default=None, description="How long a membership lasts at least, such as 1h.")
    pause: Duration | None = Field(
        default=None, description="How much time is at least between two memberships of a person, such as 1d."
    )
    grace: Duration | None = Field(
        default=None, description="How long a membership that time ends waits for events that renew it, such as 10m."
    )
    messages: Literal["changes", "existing", "none"] = Field(
        default="changes",
        description="What `audience_messages` reports: changes; existing: also who is a member already; none: nothing.",
    )

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        depth = max(len(place) for place, _ in leaves(self.where))
        if depth > 2 * MAX_DEPTH:
            raise ValueError(f"its conditions are nested deeper than {MAX_DEPTH} levels")
        if (count := sum(1 for _ in leaves(self.where))) > MAX_CONDITIONS:
            raise ValueError(f"has {count} conditions, more than {MAX_CONDITIONS}")
        return self


def leaves(condition: Condition, place: Place = ()) -> Iterator[tuple[Place, Leaf]]:
    """Every condition that contains no others, in order, with its place within the given one."""
    match condition:
        case All():
            for index, item in enumerate(condition.all):
                yield from leaves(item, (*place, "all", index))
        case AnyOf():
            for index, item in enumerate(condition.any):
                yield from leaves(item, (*place, "any", index))
        case Not():
            yield from leaves(condition.not_, (*place, "not"))
        case _:
            yield place, condition


def holds_of_nobody_active(audience: Audience, others: Mapping[str, Audience]) -> bool:
    """Whether the condition holds of somebody who did nothing within any of its windows."""

    def holds(condition: Condition) -> bool:
        match condition:
            case All():
                return all(map(holds, condition.all))
            case AnyOf():
                return any(map(holds, condition.any))
            case Not():
                return not holds(condition.not_)
            case Did():
                return condition.times.at_least == 0
            case DidNot():
                return True
            case _:
                return isinstance(condition, In) and condition.in_ in others and holds(others[condition.in_].where)

    return holds(audience.where)


def audience_problems(
    audiences: Sequence[Audience], goals: Iterable[str], retention_days: int | None
) -> Iterator[tuple[Place, str]]:
    """Problems across a site's audiences: repeated slugs, unknown goals and audiences, circles, windows that are longer
    than rows are kept, and conditions that hold of whoever does nothing.
    """
    goal_names = dict.fromkeys(goals)
    by_slug = {audience.slug: audience for audience in reversed(audiences)}
    in_circles = _in_circles(by_slug)
    for index, audience in enumerate(audiences):
        if by_slug[audience.slug] is not audience:
            yield (index, "slug"), f"an audience above has the slug {audience.slug!r} already"
        for place, leaf in leaves(audience.where, (index, "where")):
            yield from _leaf_problems(place, leaf, goal_names, by_slug, retention_days)
        yield from _lasting_problems((index,), audience, retention_days)
        if audience.slug in in_circles:
            yield (index, "where"), "is in a circle: through `in`, this audience depends on itself"
        elif holds_of_nobody_active(audience, by_slug):
            yield (
                (index, "where"),
                "holds of everybody who does nothing; add what members did, such as did: {} within: 90d",
            )


def _lasting_problems(place: Place, audience: Audience, retention_days: int | None) -> Iterator[tuple[Place, str]]:
    """Members who only stay are known by their events, which must not be deleted before. Whoever is within the grace
    met the condition when it began, so one that is longer than all windows would have nobody.
    """
    conditions = [leaf for _, leaf in leaves(audience.where)]
    windows = [duration(leaf.within) for leaf in conditions if isinstance(leaf, OfEvents)]
    window = max(windows, default=timedelta(0))
    if audience.grace is not None and len(windows) == len(conditions) and duration(audience.grace) > window:
        yield (*place, "grace"), "is longer than every window of the condition, so nobody would ever be within it"
    if retention_days is None:
        return
    retention = timedelta(days=retention_days)
    for name in ("stay", "grace"):
        if (text := getattr(audience, name)) is not None and window <= retention < window + duration(text):
            yield (
                (*place, name),
                f"is longer, with the longest window, than events are kept, which is {retention_days}d",
            )


def _leaf_problems(
    place: Place,
    leaf: Leaf,
    goals: Mapping[str, None],
    by_slug: Mapping[str, Audience],
    retention_days: int | None,
) -> Iterator[tuple[Place, str]]:
    if isinstance(leaf, In) and leaf.in_ not in by_slug:
        yield (*place, "in"), f"no audience has the slug {leaf.in_!r}; known are {_shown(by_slug)}"
    if not isinstance(leaf, OfEvents):
        return
    for named, goal in goals_of(leaf):
        if goal not in goals:
            yield (*place, *named), f"no goal is called {goal!r}; known are {_shown(goals)}"
    if retention_days is not None and duration(leaf.within) > timedelta(days=retention_days):
        yield (*place, "within"), f"is longer than events are kept, which is {retention_days}d"


def goals_of(leaf: Leaf) -> Iterator[tuple[Place, str]]:
    """The goals that a condition names, each with its place in it."""
    match leaf:
        case Did():
            kind, events = "did", leaf.did
        case DidNot():
            kind, events = "did_not", leaf.did_not
        case Sum():
            kind, events = "sum", leaf.sum
        case Sequenced():
            yield from ((("sequence", *place), goal) for place, goal in leaf.sequence.goals())
            return
        case _:
            return
    if events.goal is not None:
        yield (kind, "goal"), events.goal


def _named(audience: Audience) -> Iterator[str]:
    return (leaf.in_ for _, leaf in leaves(audience.where) if isinstance(leaf, In))


def _in_circles(audiences: Mapping[str, Audience]) -> frozenset[str]:
    """The slugs of audiences from which `in` leads back to them."""
    reached = {slug: {name for name in _named(audience) if name in audiences} for slug, audience in audiences.items()}
    for through in reached:
        for slug, names in reached.items():
            if through in names:
                reached[slug] = names | reached[through]
    return frozenset(slug for slug, names in reached.items() if slug in names)


def _shown(names: Iterable[str]) -> str:
    return ", ".join(islice(names, MAX_NAMES_SHOWN)) or "none"


def _checked(audiences: tuple[Audience, ...]) -> tuple[Audience, ...]:
    if len(audiences) > MAX_AUDIENCES:
        raise ValueError(f"must be at most {MAX_AUDIENCES} audiences, not {len(audiences)}")
    return audiences


Audiences = Annotated[tuple[Audience, ...], AfterValidator(_checked)]
