"""The part of a site's document with annotations: what happened when, as marks on the dashboard's chart."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from clickstream.sites.limits import Few

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
