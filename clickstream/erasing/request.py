"""What callers may ask of an erasure or an export, checked at the border: every problem at once, with its place."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from clickstream.errors import InvalidRequest, RequestTooLarge
from clickstream.sites.problems import pointer

MAX_BODY_BYTES = 262_144
MAX_IDS = 100

Id = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Ids = Annotated[tuple[Id, ...], Field(max_length=MAX_IDS)]


class Mode(StrEnum):
    """What becomes of the person's events."""

    ERASE = "erase"
    ANONYMISE = "anonymise"


class PersonRequest(BaseModel):
    """One person on one site, by at least one id as the site knows it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str
    user_ids: Ids = Field(default=(), description="Ids of the known person, plain, also where the site pseudonymises.")
    anonymous_ids: Ids = Field(default=(), description="Ids of the person's devices.")
    linked: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Whether ids that identify and alias events join to these are meant, too."
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.user_ids and not self.anonymous_ids:
            raise ValueError("user_ids or anonymous_ids must name somebody")
        return self


class ErasureRequest(PersonRequest):
    """Remove the person from every copy, or keep the events without the person."""

    mode: Mode = Field(
        default=Mode.ERASE, description="erase: nothing is left; anonymise: events stay and count, of nobody."
    )
    asked_by: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="What the receipt says of who asked, such as a ticket's number; best no name."
    )


class ExportRequest(PersonRequest):
    """Everything that is stored about the person."""


Asked = TypeVar("Asked", bound=PersonRequest)


def parse_erasure(body: bytes) -> ErasureRequest:
    """Read the body of `POST /api/erase`. Raise InvalidRequest with every problem, RequestTooLarge."""
    return _parse(body, ErasureRequest)


def parse_export(body: bytes) -> ExportRequest:
    """Read the body of `POST /api/export-person`. Raise InvalidRequest with every problem, RequestTooLarge."""
    return _parse(body, ExportRequest)


def refusal(error: ValidationError) -> InvalidRequest:
    """All problems in one sentence; the pointer is that of the first."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{pointer(problem['loc']) or '/'}: {problem['msg'].removeprefix('Value error, ')}" for problem in found]
    return InvalidRequest("; ".join(told), code="invalid_person", pointer=pointer(found[0]["loc"]))


def _parse(body: bytes, kind: type[Asked]) -> Asked:
    if len(body) > MAX_BODY_BYTES:
        raise RequestTooLarge(f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from None
