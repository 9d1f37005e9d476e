"""A site's own rules of where visits come from; they come before every list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from clickstream.sites.hosts import Host, any_of

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Told = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def _not_empty(conditions: Arriving) -> Arriving:
    if not conditions.model_fields_set:
        raise ValueError("needs at least one condition")
    return conditions


class Arriving(BaseModel):
    """Conditions, all of which must hold. Texts are compared without regard to case; `*` stands for any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host | None = Field(default=None, description="The referring host, or *.domain for every host below it.")
    utm_source: Pattern | None = Field(default=None, description="Value of utm_source; * stands for any text.")
    utm_medium: Pattern | None = Field(default=None, description="Value of utm_medium; * stands for any text.")
    utm_campaign: Pattern | None = Field(default=None, description="Value of utm_campaign; * stands for any text.")
    click_id: Pattern | None = Field(default=None, description="Name of the click id's parameter, such as gclid.")

    def hold(self, arrival: Mapping[str, str | None]) -> bool:
        """Whether they hold for an arrival, whose parts are named as the conditions are."""
        if self.host is not None and any_of((self.host,)).fullmatch(arrival["host"] or "") is None:
            return False
        stated = ((arrival[name], pattern) for name, pattern in self._patterns.items())
        return all(value and pattern.fullmatch(value) for value, pattern in stated)

    @cached_property
    def _patterns(self) -> Mapping[str, re.Pattern[str]]:
        stated = self.model_dump(exclude={"host"}, exclude_none=True)
        return {name: _pattern(text) for name, text in stated.items()}


class SourceRule(BaseModel):
    """What an arrival under these conditions is called. What is left out is told by the next rule, or the lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: Annotated[Arriving, AfterValidator(_not_empty)] = Field(description="Conditions, all of which must hold.")
    source: Told | None = Field(default=None, description="The column `source` of such an event.")
    medium: Told | None = Field(default=None, description="The column `medium` of such an event.")
    channel: Told | None = Field(default=None, description="The column `channel` of such an event.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.source is None and self.medium is None and self.channel is None:
            raise ValueError("needs a source, a medium or a channel")
        return self


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    # Between stars there is only plain text, so looking takes polynomial time of a length that is bounded.
    return re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", text)), re.IGNORECASE | re.DOTALL)
