"""Problems of a document or of a request's body, each with a JSON pointer to its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from clickstream.errors import InvalidRequest, RequestTooLarge

MAX_PROBLEMS = 100
# Problems that a refused request lists; of further ones, their number.
SHOWN_PROBLEMS = 10
Place = tuple[str | int, ...]
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at a JSON pointer into the document or body."""

    pointer: str
    message: str


def escape(step: str | int) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def pointer(place: Iterable[str | int]) -> str:
    """The steps as a JSON pointer (RFC 6901)."""
    return "".join(f"/{escape(step)}" for step in place)


def steps(pointer: str) -> list[str]:
    """The steps of a JSON pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def problems_of(error: ValidationError) -> list[Problem]:
    """Every problem that pydantic found."""
    return [
        Problem(pointer(problem["loc"]), problem["msg"].removeprefix("Value error, "))
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def problem_lines(error: ValidationError) -> list[str]:
    """Every problem as a line: pointer, colon, message. MAX_PROBLEMS lines at most."""
    return [f"{problem.pointer}: {problem.message}" for problem in problems_of(error)[:MAX_PROBLEMS]]


def refusal(problems: Sequence[Problem], code: str) -> InvalidRequest:
    """The error that lists the first SHOWN_PROBLEMS problems. Its pointer is that of the first one."""
    messages = [f"{problem.pointer or '/'}: {problem.message}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        messages.append(f"and {len(problems) - SHOWN_PROBLEMS} more problems")
    return InvalidRequest("; ".join(messages), code=code, pointer=problems[0].pointer)


def parse_body(body: bytes, kind: type[Body], max_bytes: int, code: str) -> Body:
    """Parse a JSON body. Raise RequestTooLarge, and InvalidRequest with this code for an invalid one."""
    if len(body) > max_bytes:
        raise RequestTooLarge(f"the body has more than {max_bytes} bytes")
    return _checked(lambda: kind.model_validate_json(body), code)


def check_body(fields: Mapping[str, Any], kind: type[Body], code: str) -> Body:
    """The same for fields that are no JSON text, such as a command's options. Raise InvalidRequest."""
    return _checked(lambda: kind.model_validate(fields), code)


def _checked(read: Callable[[], Body], code: str) -> Body:
    try:
        return read()
    except ValidationError as error:
        raise refusal(problems_of(error), code) from None


def refuse(problems: Iterable[tuple[Place, str]]) -> None:
    """Raise, within a pydantic validator, one error for each problem, placed below the value that is validated."""
    details = [
        # pydantic treats the message as a template, so the text is passed as its parameter.
        InitErrorDetails(type=PydanticCustomError("problem", "{text}", {"text": text}), loc=place, input=None)
        for place, text in islice(problems, MAX_PROBLEMS)
    ]
    if details:
        raise ValidationError.from_exception_data("document", details)
