"""Conditions of audiences about what is known of a person from all of their past: docs/profiles.md."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from clickstream.sites.funnels import Duration
from clickstream.sites.goals import Name

MAX_VALUES = 100
NUMBERS = ("acts", "page_views", "active_days", "visits", "orders", "revenue", "users", "devices")
TEXTS = (
    *(f"{side}_{name}" for side in ("first", "last") for name in ("source", "medium", "channel", "campaign")),
    *("first_page", "country", "device_class"),
)
# Propensity changes when others act, so no event of the person would say why a membership changed.
SCORES = ("recency", "frequency", "intensity", "quantity", "momentum")
Scalar = StrictStr | StrictBool | StrictInt | StrictFloat
Values = Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=MAX_VALUES)]
Bound = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Trait(_Strict):
    """What a trait of the person says; without `is` and `in_next`, that it has a value."""

    name: Name = Field(description="Name of the trait.")
    is_: Values | None = Field(default=None, alias="is", description="Its value is one of these, compared as text.")
    in_next: Duration | None = Field(
        default=None,
        description="Its value is a date or moment that is still to come, at most so far ahead, such as 3d.",
    )

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if self.is_ is not None and self.in_next is not None:
            raise ValueError("has is or in_next, not both")
        return self


class ProfileField(_Strict):
    """What a field of the person's profile says."""

    name: Name = Field(description="A column of profiles with a number or a text, such as visits or country.")
    is_: Values | None = Field(default=None, alias="is", description="A text is one of these.")
    at_least: Bound | None = Field(default=None, description="The least number.")
    at_most: Bound | None = Field(default=None, description="The greatest number.")

    @model_validator(mode="after")
    def _fits_the_field(self) -> Self:
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if self.name not in (*NUMBERS, *TEXTS):
            raise ValueError(f"has no field {self.name!r}; known are {', '.join((*NUMBERS, *TEXTS))}")
        if self.name in NUMBERS and (not bounds or self.is_ is not None):
            raise ValueError(f"{self.name} is a number: give at_least, at_most, or both")
        if self.name in TEXTS and (bounds or self.is_ is None):
            raise ValueError(f"{self.name} is a text: give is")
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            raise ValueError(f"at_most is {bounds[1]:g}, less than at_least, which is {bounds[0]:g}")
        return self


class Score(_Strict):
    """A score of the person is high enough."""

    name: Name = Field(description=f"One of {', '.join(SCORES)}.")
    at_least: Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)] = Field(
        description="The least score, above 0 and below 100."
    )

    @model_validator(mode="after")
    def _is_own(self) -> Self:
        if self.name not in SCORES:
            raise ValueError(f"no condition is about the score {self.name!r}; known are {', '.join(SCORES)}")
        return self


class OfTrait(_Strict):
    """They have such a trait."""

    trait: Trait = Field(description="Which trait, and what it says.")


class OfField(_Strict):
    """Their profile has such a field."""

    field: ProfileField = Field(description="Which field, and what it says.")


class OfScore(_Strict):
    """They have such a score."""

    score: Score = Field(description="Which score, and how much.")
