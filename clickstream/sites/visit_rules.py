"""The part of a site's document about counting: where visits end, and named segments."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from clickstream.problems import refuse
from clickstream.sites.filter_lists import FilterList
from clickstream.sites.limits import Few


class Visits(BaseModel):
    """What ends a visit, beside half an hour without events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    split_at_midnight: StrictBool = Field(
        default=False, description="Whether a visit ends at midnight by the site's clock, and another begins."
    )


class Segment(BaseModel):
    """Filters that have a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="What the segment is called, in queries and on the dashboard."
    )
    filters: FilterList = Field(
        description="Conditions on an event, as in a query; at least one.",
        min_length=1,
        json_schema_extra={"minItems": 1},
    )


def _own_names(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    names = [segment.name for segment in segments]
    refuse(
        ((index, "name"), f"a segment above is called {name!r} already")
        for index, name in enumerate(names)
        if name in names[:index]
    )
    return segments


Segments = Annotated[tuple[Segment, ...], Few, AfterValidator(_own_names)]
