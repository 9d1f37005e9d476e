"""What is wrong with a document: each problem with a JSON pointer to its place."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[str | int, ...]


def pointer(place: Iterable[str | int]) -> str:
    """The steps as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in place)


def told(error: ValidationError) -> list[str]:
    """Every problem as a line: pointer, colon, message."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{pointer(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}" for problem in found]


def refuse(problems: Iterable[tuple[Place, str]]) -> None:
    """Raise, within a pydantic validator, one error for each problem, placed below the value that is validated."""
    details = [
        # The message is a template to pydantic, so what stands in it is handed over apart.
        InitErrorDetails(type=PydanticCustomError("problem", "{text}", {"text": text}), loc=place, input=None)
        for place, text in problems
    ]
    if details:
        raise ValidationError.from_exception_data("document", details)
