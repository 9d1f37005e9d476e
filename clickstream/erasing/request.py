"""The requests for an erasure and an export, validated at the border with every problem reported at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from clickstream.problems import parse_body

MAX_BODY_BYTES = 262_144
MAX_IDS = 100
INVALID = "invalid_person"

Id = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\S")]
Ids = Annotated[tuple[Id, ...], Field(max_length=MAX_IDS)]


class Mode(StrEnum):
    """How the person's events are replaced."""

    ERASE = "erase"
    ANONYMISE = "anonymise"


class PersonRequest(BaseModel):
    """One person on one site, by at least one id as the site knows it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str
    user_ids: Ids = Field(default=(), description="Ids of the known person, plain, also where the site pseudonymises.")
    anonymous_ids: Ids = Field(default=(), description="Ids of the person's devices.")
    linked: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Whether to include the ids that identify and alias events, and `identities`, link to these.",
    )
    dry_run: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="Whether to change nothing and only list the ids and their numbers of rows, to confirm.",
    )
    force: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Whether to accept ids that are in more failed events than one person's would be."
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.user_ids and not self.anonymous_ids:
            raise ValueError("user_ids or anonymous_ids must name somebody")
        return self


class ErasureRequest(PersonRequest):
    """Remove the person from every copy, or keep the events without the person."""

    mode: Mode = Field(
        default=Mode.ERASE,
        description="erase: delete the events; anonymise: keep them for statistics, without the person.",
    )
    asked_by: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="",
        description="Reference of the requester for the receipt, such as a ticket's number; preferably no name.",
    )


class ExportRequest(PersonRequest):
    """Everything that is stored about the person."""


def parse_erasure(body: bytes) -> ErasureRequest:
    """Read the body of `POST /api/erase`. Raise InvalidRequest with every problem, RequestTooLarge."""
    return parse_body(body, ErasureRequest, MAX_BODY_BYTES, INVALID)


def parse_export(body: bytes) -> ExportRequest:
    """Read the body of `POST /api/export-person`. Raise InvalidRequest with every problem, RequestTooLarge."""
    return parse_body(body, ExportRequest, MAX_BODY_BYTES, INVALID)
