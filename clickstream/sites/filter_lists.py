"""Filters in a site's document: nested lists, as in a query."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from clickstream.problems import refuse, steps


def _checked(value: object) -> object:
    from clickstream.filters.reader import FilterReader  # imported here because the collector does not need it

    reader = FilterReader(of_document=True)
    reader.read(value, pointer="")
    refuse((tuple(steps(problem.pointer)), problem.message) for problem in reader.problems)
    return value


# Stored as written, so that documents can be compared; a query parses it again.
FilterList = Annotated[
    list[Any],
    BeforeValidator(_checked),
    WithJsonSchema({"type": "array", "items": {"type": "array", "minItems": 2, "prefixItems": [{"type": "string"}]}}),
]
