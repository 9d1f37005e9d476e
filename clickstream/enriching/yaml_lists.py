"""Reads the YAML documents of enrichment: the packaged lists and the operator's own."""

from __future__ import annotations

from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from clickstream.enriching.unusable import Unusable
from clickstream.problems import problem_lines

List = TypeVar("List", bound=BaseModel)


def read_list(text: bytes, model: type[List]) -> List:
    """Parse the document as `model`. Raise Unusable with every problem."""
    try:
        document: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unusable([f"not YAML: {' '.join(str(error).split())}"]) from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Unusable(problem_lines(error)) from None
