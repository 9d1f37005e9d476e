"""Reads the YAML documents of enrichment: the packaged lists and the operator's own."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from clickstream.enriching.unusable import Unusable
from clickstream.problems import problem_lines

List = TypeVar("List", bound=BaseModel)


def read_list(text: bytes, model: type[List]) -> List:
    """Parse the document as `model`. Raise Unusable with every problem."""
    try:
        document: Any = yaml.safe_load(text)  # the parser in C has no limit to nesting
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unusable([f"not YAML: {' '.join(str(error).split())}"]) from None
    return _validated(document, model)


def packaged_list(name: str, model: type[List]) -> List:
    """The list of this name that is part of the product. The parser in C reads it in a seventh of the time."""
    text = (files("clickstream.enriching") / "data" / name).read_bytes()
    return _validated(yaml.load(text, yaml.CSafeLoader), model)


def _validated(document: Any, model: type[List]) -> List:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Unusable(problem_lines(error)) from None
