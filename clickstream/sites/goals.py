"""The part of a site's document with goals: the events that the site wants visitors to cause."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from clickstream.problems import refuse
from clickstream.sites.filter_lists import FilterList
from clickstream.sites.limits import Few

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
PagePattern = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


def _place(name: str) -> str:
    if name.startswith("/") and re.search("~(?![01])", name):
        raise ValueError("is no JSON pointer: write ~ as ~0 and / as ~1")
    return name


Place = Annotated[Name, AfterValidator(_place)]

EVENT = "Name of the event."
PAGE = "Path of the page that is viewed; * matches any text."
FILTERS = "Further conditions on the event, as in a query."


class Goal(BaseModel):
    """Events that count as this goal: those of a name, or views of a page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="What the goal is called, in reports and in funnels.")
    event: Name | None = Field(default=None, description=EVENT)
    page: PagePattern | None = Field(default=None, description=PAGE)
    filters: FilterList = Field(default_factory=list, description=FILTERS)
    revenue: Place | None = Field(
        default=None,
        description="The property that says how much such an event is worth; or a place within one as a JSON pointer "
        "(RFC 6901), such as /order/total. None: `revenue`.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.event is None) == (self.page is None):
            raise ValueError("needs an event or a page, and not both")
        return self


def _own_names(goals: tuple[Goal, ...]) -> tuple[Goal, ...]:
    names = [goal.name for goal in goals]
    refuse(
        ((index, "name"), f"a goal above is called {name!r} already")
        for index, name in enumerate(names)
        if name in names[:index]
    )
    return goals


Goals = Annotated[tuple[Goal, ...], Few, AfterValidator(_own_names)]
