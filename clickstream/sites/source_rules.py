"""A site's own rules for the source of visits; they take precedence over every list."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from clickstream.sites.hosts import Host, any_of

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def _not_empty(conditions: Arriving) -> Arriving:
    if not conditions.model_fields_set:
        raise ValueError("needs at least one condition")
    return conditions


class Arriving(BaseModel):
    """Conditions, all of which must hold. Texts are compared without regard to case; `*` matches any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host | None = Field(default=None, description="The referring host, or *.domain for every host below it.")
    utm_source: Pattern | None = Field(default=None, description="Value of utm_source; * matches any text.")
    utm_medium: Pattern | None = Field(default=None, description="Value of utm_medium; * matches any text.")
    utm_campaign: Pattern | None = Field(default=None, description="Value of utm_campaign; * matches any text.")
    click_id: Pattern | None = Field(default=None, description="Name of the click id's parameter, such as gclid.")

    def hold(self, arrival: Mapping[str, str | None]) -> bool:
        """Whether all conditions hold for an arrival, whose members are named like the conditions."""
        if self.host is not None and any_of((self.host,)).fullmatch(arrival["host"] or "") is None:
            return False
        return all(matches(pattern, arrival[name] or "") for name, pattern in self._texts.items())

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        return self.model_dump(exclude={"host"}, exclude_none=True)


class SourceRule(BaseModel):
    """The source, medium and channel of an arrival under these conditions. The next rule or the lists fill the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: Annotated[Arriving, AfterValidator(_not_empty)] = Field(description="Conditions, all of which must hold.")
    source: Label | None = Field(default=None, description="The column `source` of such an event.")
    medium: Label | None = Field(default=None, description="The column `medium` of such an event.")
    channel: Label | None = Field(default=None, description="The column `channel` of such an event.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.source is None and self.medium is None and self.channel is None:
            raise ValueError("needs a source, a medium or a channel")
        return self


def matches(pattern: str, value: str) -> bool:
    """Whether the whole value matches the pattern, in which `*` matches any text. No `*` matches an empty value."""
    first, *others = pattern.casefold().split("*")
    text = value.casefold()
    if not others:
        return text == first
    *middle, last = others
    at, end = len(first), len(text) - len(last)
    if not text or at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        # The first position is as good as any other, so there is no backtracking.
        position = text.find(part, at, end)
        if position < 0:
            return False
        at = position + len(part)
    return True
