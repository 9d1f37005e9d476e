"""Filters as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from clickstream.filters.dimensions import Dimension


@dataclass(frozen=True, slots=True)
class Comparison:
    """The dimension is, contains or matches any of the values; or, for the operators that end in `_not`, none of them.

    `matches` takes regular expressions of RE2, which may match any part of the text.
    """

    operator: str
    dimension: Dimension
    values: tuple[str, ...]

    @property
    def of_visits(self) -> bool:
        """Whether it is about the event's visit."""
        return self.dimension.of_visits


@dataclass(frozen=True, slots=True)
class GoalComparison:
    """The event meets any of the site's goals that the operator and values select by name; or none of them."""

    operator: str
    values: tuple[str, ...]
    pointer: str = field(default="", compare=False)
    of_visits: ClassVar[bool] = False  # by itself; its goals may be


@dataclass(frozen=True, slots=True)
class Presence:
    """The dimension has a value (`is_set`), or has none."""

    operator: str
    dimension: Dimension

    @property
    def of_visits(self) -> bool:
        """Whether it is about the event's visit."""
        return self.dimension.of_visits


@dataclass(frozen=True, slots=True)
class Group:
    """All of the filters hold (`and`), or any of them (`or`)."""

    operator: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The filter does not hold."""

    filter: Filter


@dataclass(frozen=True, slots=True)
class HasDone:
    """The event's visit has an event that meets the filter (`has_done`), or has none."""

    operator: str
    filter: Filter
    of_visits: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class SegmentName:
    """The filters of a segment of the site hold."""

    name: str
    pointer: str = field(default="", compare=False)
    of_visits: ClassVar[bool] = False  # by itself; its filters may be


@dataclass(frozen=True, slots=True)
class AudienceName:
    """The event's person is a member of an audience of the site: `now`, or `then`, at the moment of the event."""

    slug: str
    when: str
    pointer: str = field(default="", compare=False)
    of_visits: ClassVar[bool] = False


Leaf = Comparison | GoalComparison | Presence | HasDone | SegmentName | AudienceName
Filter = Leaf | Group | Negation


def leaves(filters: Sequence[Filter]) -> Iterator[Leaf]:
    """Every filter in the tree that contains no others, and every `HasDone`, in order."""
    for item in filters:
        if isinstance(item, Group):
            yield from leaves(item.filters)
        elif isinstance(item, Negation):
            yield from leaves((item.filter,))
        else:
            yield item
            if isinstance(item, HasDone):
                yield from leaves((item.filter,))
