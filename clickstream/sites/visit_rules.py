"""The part of a site's document about reading its numbers: where visits end, named segments, and annotations."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

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

Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$")]


def _text(value: object) -> object:
    # YAML reads a date without quotes as a date.
    return value.isoformat() if type(value) is date else value


def _exists(at: str) -> str:
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise ValueError("there is no such moment") from None
    return at


class Annotation(BaseModel):
    """What happened at a moment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[Moment, BeforeValidator(_text), AfterValidator(_exists)] = Field(
        description="The day, such as 2026-10-14, or the minute, such as 2026-10-14T09:30, by the site's clock."
    )
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)] = Field(
        description="What happened, in a few words."
    )


Annotations = Annotated[tuple[Annotation, ...], Few]
