"""Parse filters from nested lists to a tree, and collect every problem with its JSON pointer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from clickstream.filters.dimensions import DIMENSIONS, GOAL, PROPERTY, TRAIT, Dimension, Kind, dimension_named
from clickstream.filters.tree import (
    AudienceName,
    Comparison,
    Filter,
    GoalComparison,
    Group,
    HasDone,
    Negation,
    Presence,
    SegmentName,
)
from clickstream.problems import Problem

MAX_DEPTH = 8
MAX_FILTERS = 100
MAX_VALUES = 500
MAX_VALUE_CHARACTERS = 2000

COMPARISONS = ("is", "is_not", "contains", "contains_not", "matches", "matches_not")
OF_GOALS = ("is", "is_not", "contains", "contains_not")
PRESENCES = ("is_set", "is_not_set")
GROUPS = ("and", "or")
VISIT_OPERATORS = ("has_done", "has_not_done")
OPERATORS = (*COMPARISONS, *PRESENCES, *GROUPS, "not", *VISIT_OPERATORS, "segment", "audience")
MOMENTS = ("now", "then")
FILTERABLE = {name: dimension for name, dimension in DIMENSIONS.items() if dimension.kind is Kind.TEXT}


class _Refused(Exception):
    """A filter is invalid: `problem` says why."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(pointer, message)


class FilterReader:
    """Parses the filters of one request, and collects what is wrong with them in `problems`.

    With `of_document`, they are those of a site's document, which may not name its goals and segments.
    """

    def __init__(self, *, of_document: bool = False) -> None:
        self.problems: list[Problem] = []
        self._of_document = of_document
        self._filters = 0
        self._values = 0
        self._readers: Mapping[str, Callable[[list[Any], str, int], Filter]] = {
            **dict.fromkeys(COMPARISONS, self._comparison),
            **dict.fromkeys(PRESENCES, self._presence),
            **dict.fromkeys(GROUPS, self._group),
            **dict.fromkeys(("not", *VISIT_OPERATORS), self._around_one),
            "segment": self._segment,
            "audience": self._audience,
        }

    def read(self, value: object, pointer: str = "/filters", depth: int = 1) -> tuple[Filter, ...]:
        """Parse a list of filters, all of which must hold. Invalid filters are left out and added to `problems`."""
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
        reader = self._readers.get(operator) if isinstance(operator, str) else None
        if reader is None:
            raise _Refused(f"{pointer}/0", f"unknown operator {_shown(operator)}; known are {', '.join(OPERATORS)}")
        return reader(value, pointer, depth)

    def _group(self, value: list[Any], pointer: str, depth: int) -> Filter:
        if len(value) != 2 or not isinstance(value[1], list) or not value[1]:
            raise _Refused(pointer, f'must be ["{value[0]}", [filter, ...]]')
        return Group(value[0], self.read(value[1], f"{pointer}/1", depth + 1))

    def _around_one(self, value: list[Any], pointer: str, depth: int) -> Filter:
        if len(value) != 2:
            raise _Refused(pointer, f'must be ["{value[0]}", filter]')
        inner = self._filter(value[1], f"{pointer}/1", depth + 1)
        return Negation(inner) if value[0] == "not" else HasDone(value[0], inner)

    def _segment(self, value: list[Any], pointer: str, _depth: int) -> Filter:
        if len(value) != 2 or not isinstance(value[1], str):
            raise _Refused(pointer, 'must be ["segment", name]')
        if self._of_document:
            raise _Refused(pointer, "a site's own filters cannot name a segment")
        return SegmentName(value[1], f"{pointer}/1")

    def _audience(self, value: list[Any], pointer: str, _depth: int) -> Filter:
        if len(value) != 3 or not isinstance(value[1], str) or value[2] not in MOMENTS:
            raise _Refused(pointer, 'must be ["audience", slug, "now"] or ["audience", slug, "then"]')
        if self._of_document:
            raise _Refused(pointer, "a site's own filters cannot name an audience")
        return AudienceName(value[1], value[2], f"{pointer}/1")

    def _presence(self, value: list[Any], pointer: str, _depth: int) -> Filter:
        if len(value) != 2:
            raise _Refused(pointer, f'must be ["{value[0]}", dimension]')
        dimension = self._dimension(value[1], f"{pointer}/1")
        if dimension.name == GOAL:
            raise _Refused(f"{pointer}/0", f"{value[0]} cannot be said of {GOAL}")
        return Presence(value[0], dimension)

    def _comparison(self, value: list[Any], pointer: str, _depth: int) -> Filter:
        if len(value) != 3:
            raise _Refused(pointer, f'must be ["{value[0]}", dimension, [value, ...]]')
        operator, name, values = value
        dimension = self._dimension(name, f"{pointer}/1")
        if not isinstance(values, list) or not values or not all(isinstance(text, str) for text in values):
            raise _Refused(f"{pointer}/2", "must be a list of at least one text")
        self._values += len(values)
        if self._values > MAX_VALUES:
            raise _Refused(f"{pointer}/2", f"the filters have more than {MAX_VALUES} values")
        if any(len(text) > MAX_VALUE_CHARACTERS for text in values):
            raise _Refused(f"{pointer}/2", f"a value has more than {MAX_VALUE_CHARACTERS} characters")
        if dimension.name == GOAL:
            return self._goals(operator, tuple(values), pointer)
        if operator.startswith("matches"):
            for index, text in enumerate(values):
                _check_pattern(text, f"{pointer}/2/{index}")
        return Comparison(operator, dimension, tuple(values))

    def _dimension(self, name: object, pointer: str) -> Dimension:
        dimension = _dimension(name, pointer)
        if self._of_document and dimension.name.startswith(TRAIT):
            raise _Refused(pointer, "a site's own filters cannot name a trait of people")
        return dimension

    def _goals(self, operator: str, values: tuple[str, ...], pointer: str) -> Filter:
        if self._of_document:
            raise _Refused(f"{pointer}/1", "a site's own filters cannot name a goal")
        if operator not in OF_GOALS:
            raise _Refused(f"{pointer}/0", f"{operator} cannot be said of {GOAL}; known are {', '.join(OF_GOALS)}")
        return GoalComparison(operator, values, f"{pointer}/2")


def _dimension(name: object, pointer: str) -> Dimension:
    dimension = dimension_named(name) if isinstance(name, str) else None
    if dimension is None or dimension.kind is not Kind.TEXT:
        names = ", ".join((*FILTERABLE, f"{PROPERTY}<name>", f"{TRAIT}<name>"))
        raise _Refused(pointer, f"unknown dimension {_shown(name)} for a filter; known are {names}")
    return dimension


def _check_pattern(text: str, pointer: str) -> None:
    # Checked with Rust's regular expressions, which like RE2 have neither look-around nor backreferences. The engine,
    # which uses RE2, checks again; importing it takes too long for code that only reads a site's document.
    try:
        TypeAdapter(Annotated[str, StringConstraints(pattern=text)])
    except SchemaError:
        raise _Refused(pointer, f"{_shown(text)} is no regular expression of RE2") from None


def _shown(value: object) -> str:
    return repr(value)[:100]
