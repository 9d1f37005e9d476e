"""Filters in a site's document: nested lists, as in a query."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from clickstream.sites.problems import Place, refuse


def _checked(value: object) -> object:
    from clickstream.querying.filters import FilterReader  # here, since who only collects needs none of it

    reader = FilterReader(of_document=True)
    reader.read(value, pointer="")
    refuse((_place(problem.pointer), problem.message) for problem in reader.problems)
    return value


def _place(pointer: str) -> Place:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


# Kept as it is written, so that documents can be compared; whoever asks a query reads it again.
FilterList = Annotated[
    list[Any],
    BeforeValidator(_checked),
    WithJsonSchema({"type": "array", "items": {"type": "array", "minItems": 2, "prefixItems": [{"type": "string"}]}}),
]
