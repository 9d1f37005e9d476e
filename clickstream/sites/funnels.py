"""The part of a site's document with funnels: steps towards a goal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from clickstream.problems import Place, refuse
from clickstream.sites.filter_lists import FilterList
from clickstream.sites.goals import EVENT, FILTERS, PAGE, Name, PagePattern
from clickstream.sites.limits import MAX_NAMES_SHOWN

MIN_STEPS, MAX_STEPS = 2, 10
MAX_EXCLUSIONS = 10
MAX_DURATION = timedelta(days=400)

_DURATION = re.compile(r"([1-9][0-9]{0,10})(ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


class Within(StrEnum):
    """Whose events are followed."""

    VISIT = "visit"
    VISITOR = "visitor"
    PERSON = "person"


class Order(StrEnum):
    """What may come between one step and the next."""

    LOOSE = "loose"  # any events
    STRICT = "strict"  # none


def duration(text: str) -> timedelta:
    """Parse a duration such as `90s`, `30m`, `12h`, `7d` or `500ms`. Raise ValueError, also beyond MAX_DURATION."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be a time such as 500ms, 90s, 30m, 12h or 7d")
    if int(match[1]) > MAX_DURATION / _UNITS[match[2]]:
        raise ValueError(f"must be at most {MAX_DURATION.days}d")
    return int(match[1]) * _UNITS[match[2]]


def _checked_duration(text: str) -> str:
    duration(text)
    return text


Duration = Annotated[
    str, AfterValidator(_checked_duration), WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"})
]


class FunnelStep(BaseModel):
    """Events that make a step: those of a goal, of a name, or views of a page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    goal: Name | None = Field(default=None, description="Name of one of the site's goals.")
    event: Name | None = Field(default=None, description=EVENT)
    page: PagePattern | None = Field(default=None, description=PAGE)
    filters: FilterList = Field(default_factory=list, description=FILTERS)

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if [self.goal, self.event, self.page].count(None) != 2:
            raise ValueError("needs a goal, an event or a page, and only one of them")
        return self


class FunnelExclusion(FunnelStep):
    """Events that end an attempt where they come between two steps."""

    after: Annotated[int, Field(ge=1, lt=MAX_STEPS, strict=True)] | None = Field(
        default=None, description="Number of the step after which it counts, before the next; none: after every step."
    )


def _checked_number(steps: tuple[FunnelStep, ...]) -> tuple[FunnelStep, ...]:
    # Not as the field's length, which would count only the valid steps.
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        raise ValueError(f"must be from {MIN_STEPS} to {MAX_STEPS} steps, not {len(steps)}")
    return steps


class Steps(BaseModel):
    """Steps in their order, and how they are looked for; docs/sequences.md says it exactly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: Annotated[tuple[FunnelStep, ...], AfterValidator(_checked_number)] = Field(
        description=f"From {MIN_STEPS} to {MAX_STEPS} steps, in order.",
        json_schema_extra={"minItems": MIN_STEPS, "maxItems": MAX_STEPS},
    )
    window: Duration | None = Field(
        default=None, description="How long after the first step the last may come, such as 30m or 7d; none: any time."
    )
    order: Order = Field(
        default=Order.LOOSE, description="loose: other events may come between two steps; strict: none may."
    )
    exclude: tuple[FunnelExclusion, ...] = Field(
        default=(), max_length=MAX_EXCLUSIONS, description="Events that must not come between two steps."
    )

    @model_validator(mode="after")
    def _exclusions_between_steps(self) -> Self:
        last = len(self.steps) - 1
        refuse(
            (("exclude", index, "after"), f"must be at most {last}, since no step comes after the last")
            for index, exclusion in enumerate(self.exclude)
            if exclusion.after is not None and exclusion.after > last
        )
        return self

    def goals(self) -> Iterator[tuple[Place, str]]:
        """The goals that steps and exclusions name, each with its place."""
        for part, steps in (("steps", self.steps), ("exclude", self.exclude)):
            for number, step in enumerate(steps):
                if step.goal is not None:
                    yield (part, number, "goal"), step.goal


class Funnel(Steps):
    """A named sequence of a site's document."""

    name: Name = Field(description="What the funnel is called.")
    within: Within = Field(
        default=Within.VISIT, description="Whose events are followed: those of a visit, a visitor or a person."
    )


def funnel_problems(funnels: tuple[Funnel, ...], goals: Iterable[str]) -> Iterator[tuple[Place, str]]:
    """Problems across a site's funnels: repeated names, and goals that are not among these."""
    goal_names = dict.fromkeys(goals)
    names = [funnel.name for funnel in funnels]
    for index, funnel in enumerate(funnels):
        if funnel.name in names[:index]:
            yield (index, "name"), f"a funnel above is called {funnel.name!r} already"
        for place, goal in funnel.goals():
            if goal not in goal_names:
                shown = ", ".join(islice(goal_names, MAX_NAMES_SHOWN)) or "none"
                yield (index, *place), f"no goal is called {goal!r}; known are {shown}"
