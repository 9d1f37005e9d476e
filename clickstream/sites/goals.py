"""Goals as a site's document states them: the events that the site is there for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from clickstream.sites.filter_lists import FilterList
from clickstream.sites.problems import refuse

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
PagePattern = Annotated[str, StringConstraints(min_length=1, max_length=2000)]

EVENT = "Name of the event."
PAGE = "Path of the page that is viewed; * stands for any text."
FILTERS = "What else must hold of the event, as in a query."


class Goal(BaseModel):
    """Events that count as this goal: those of a name, or views of a page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="What the goal is called, in reports and in funnels.")
    event: Name | None = Field(default=None, description=EVENT)
    page: PagePattern | None = Field(default=None, description=PAGE)
    filters: FilterList = Field(default_factory=list, description=FILTERS)
    revenue: Name | None = Field(
        default=None, description="The property that says how much such an event is worth, a number."
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


Goals = Annotated[tuple[Goal, ...], AfterValidator(_own_names)]
