"""Filters: from nested lists to a tree, with every problem at its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clickstream.querying.dimensions import DIMENSIONS, Dimension, Kind

MAX_DEPTH = 8
MAX_FILTERS = 100
MAX_VALUES = 500
MAX_VALUE_CHARACTERS = 2000

COMPARISONS = ("is", "is_not", "contains", "contains_not")
GROUPS = ("and", "or")
FILTERABLE = {name: dimension for name, dimension in DIMENSIONS.items() if dimension.kind is Kind.TEXT}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at a JSON pointer into the request's body."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The dimension is or contains any of the values; or, for the operators that end in `_not`, none of them."""

    operator: str
    dimension: Dimension
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """All of the filters hold (`and`), or any of them (`or`)."""

    operator: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The filter does not hold."""

    filter: Filter


Filter = Comparison | Group | Negation


def dimensions_of(filters: Sequence[Filter]) -> Iterator[Dimension]:
    """Every dimension that the filters look at."""
    for item in filters:
        if isinstance(item, Comparison):
            yield item.dimension
        else:
            yield from dimensions_of(item.filters if isinstance(item, Group) else (item.filter,))


class _Refused(Exception):
    """A filter cannot be used: `problem` says why."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(pointer, message)


class FilterReader:
    """Reads the filters of one request; afterwards `problems` has what was wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._filters = 0
        self._values = 0

    def read(self, value: object, pointer: str = "/filters", depth: int = 1) -> tuple[Filter, ...]:
        """The filters of a list, which all must hold. What is wrong is left out."""
        if not isinstance(value, list):
            self.problems.append(Problem(pointer, "must be a list of filters"))
            return ()
        read: list[Filter] = []
        for index, item in enumerate(value):
            self._filters += 1
            if self._filters > MAX_FILTERS:
                self.problems.append(Problem(pointer, f"more than {MAX_FILTERS} filters"))
                break
            try:
                read.append(self._filter(item, f"{pointer}/{index}", depth))
            except _Refused as error:
                self.problems.append(error.problem)
        return tuple(read)

    def _filter(self, value: object, pointer: str, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise _Refused(pointer, f"nested deeper than {MAX_DEPTH} levels")
        if not isinstance(value, list) or not value:
            raise _Refused(pointer, 'must be a filter, such as ["is", "event:page", ["/"]]')
        operator = value[0]
        if operator in COMPARISONS:
            return self._comparison(value, pointer)
        if operator in GROUPS:
            if len(value) != 2 or not isinstance(value[1], list) or not value[1]:
                raise _Refused(pointer, f'must be ["{operator}", [filter, ...]]')
            return Group(operator, self.read(value[1], f"{pointer}/1", depth + 1))
        if operator == "not":
            if len(value) != 2:
                raise _Refused(pointer, 'must be ["not", filter]')
            return Negation(self._filter(value[1], f"{pointer}/1", depth + 1))
        known = ", ".join((*COMPARISONS, *GROUPS, "not"))
        raise _Refused(f"{pointer}/0", f"unknown operator {_shown(operator)}; known are {known}")

    def _comparison(self, value: list[Any], pointer: str) -> Comparison:
        if len(value) != 3:
            raise _Refused(pointer, f'must be ["{value[0]}", dimension, [value, ...]]')
        operator, name, values = value
        dimension = FILTERABLE.get(name) if isinstance(name, str) else None
        if dimension is None:
            known = ", ".join(FILTERABLE)
            raise _Refused(f"{pointer}/1", f"unknown dimension {_shown(name)} for a filter; known are {known}")
        if not isinstance(values, list) or not values or not all(isinstance(text, str) for text in values):
            raise _Refused(f"{pointer}/2", "must be a list of at least one text")
        self._values += len(values)
        if self._values > MAX_VALUES:
            raise _Refused(f"{pointer}/2", f"the filters have more than {MAX_VALUES} values")
        if any(len(text) > MAX_VALUE_CHARACTERS for text in values):
            raise _Refused(f"{pointer}/2", f"a value has more than {MAX_VALUE_CHARACTERS} characters")
        return Comparison(operator, dimension, tuple(values))


def _shown(value: object) -> str:
    return repr(value)[:100]
